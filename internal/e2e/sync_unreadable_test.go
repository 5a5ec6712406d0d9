package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
)

// TestSyncDoubt specifies what an unreadable row puts in doubt.
func TestSyncDoubt(t *testing.T) {
	t.Parallel()
	t.Run("an unreadable row of MoneyKit casts doubt on its own kind alone", anUnreadableRowOfMoneyKit)
}

func anUnreadableRowOfMoneyKit(t *testing.T) {
	t.Parallel()
	odd := func(account, ago, amount, text string) string {
		return fmt.Sprintf(
			`{"account_id":%q,"amount":%s,"type":"debit","currency":"USD",%s"raw_description":%q,"pending":true}`,
			account,
			amount,
			ago,
			text,
		)
	}
	on := func(ago int) string { return fmt.Sprintf(`"date":%q,`, bankmux.DateOf(time.Now().UTC()).AddDays(-ago)) }
	for name, c := range map[string]struct {
		row    func() string
		doubts bool
	}{
		"no such row":                {func() string { return "" }, false},
		"not a row":                  {func() string { return `"odd"` }, false},
		"a row that says nothing":    {func() string { return `{}` }, false},
		"of another day and account": {func() string { return odd("acc-9", on(29), "5", "X") }, false},
		"of another day":             {func() string { return odd("acc", on(29), "5", "X") }, false},
		"of another account":         {func() string { return odd("acc-9", on(2), "50", "HOTEL") }, false},
		"of the day, of another row": {func() string { return odd("acc", on(2), "5", "X") }, false},
		"unreadable, under another id": {func() string {
			return strings.Replace(mkRow("z", 29, "5", "X", false), `"amount":5`, `"amount":"1,234.56"`, 1)
		}, false},
		"the row itself, without an id": {func() string { return odd("acc", on(2), "50", "HOTEL") }, true},
		"with an amount of its own":     {func() string { return odd("acc", on(2), "49", "HOTEL") }, true},
		"with a text of its own":        {func() string { return odd("acc", on(2), "50", "X") }, true},
		"with an unreadable amount":     {func() string { return odd("acc", on(2), `"1,234.56"`, "X") }, true},
		"without a day":                 {func() string { return odd("acc", "", "50", "HOTEL") }, true},
		"without an account":            {func() string { return strings.Replace(odd("acc", on(2), "50", "HOTEL"), `"account_id":"acc",`, "", 1) }, true},
		"unreadable, under its id": {func() string {
			return strings.Replace(mkRow("p", 2, "50", "HOTEL", true), `"amount":50`, `"amount":"1,234.56"`, 1)
		}, true},
	} {
		for fate, posts := range map[string]bool{"a hold that is posted": true, "a hold that is withdrawn": false} {
			t.Run(fate+", beside a row: "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := openWire(t)
					hold, shop, posted := mkRow(
						"p",
						2,
						"50",
						"HOTEL",
						true,
					), mkRow(
						"s",
						3,
						"5",
						"SHOP",
						false,
					), mkRow(
						"q",
						1,
						"50",
						"HOTEL",
						false,
					)
					lists := func(rows ...string) {
						if row := c.row(); row != "" {
							rows = append(rows, row)
						}
						w.lists(rows...)
					}
					lists(hold, shop)
					w.page(t, false, []string{hold, shop}, nil, nil)
					key := w.keys()["HOTEL"]
					want := []string{"SHOP"}
					if lists(shop); posts {
						lists(posted, shop)
						want = append(want, "HOTEL")
						posted := w.page(t, false, []string{posted}, nil, nil)
						assert.Equal(t, !c.doubts, len(posted.Replaced) == 1)
					}
					for range 3 {
						w.page(t, false, nil, nil, nil)
					}
					if c.doubts {
						want = append(want, "HOTEL")
						assert.True(
							t,
							slices.ContainsFunc(
								slices.Collect(maps.Values(w.Rows)),
								func(k bankmux.Known) bool { return k.Key == key },
							),
						)
					}
					assert.Len(t, w.Rows, len(want))
				})
			})
		}
	}
}
