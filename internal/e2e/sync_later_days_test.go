package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// TestSyncOfLaterDays specifies rows of a day that has not come yet, and rows of unknown status.
func TestSyncOfLaterDays(t *testing.T) {
	t.Parallel()
	t.Run("a row of Dapi of a later day moves and vanishes like any other", aRowOfDapiOfALaterDay)
	t.Run("a withdrawn row of MoneyKit of unknown status is removed", aWithdrawnRowOfMoneyKitOfUnknownStatusIsRemoved)
	t.Run("a withdrawn pending row of a later day is removed", aWithdrawnPendingRowOfALaterDayIsRemoved)
}

func aRowOfDapiOfALaterDay(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		now  []int // days ahead of the row at the next reading
		want []string
	}{
		"stays":                        {[]int{5}, nil},
		"moves nearer":                 {[]int{3}, []string{reconcile.ReasonMoved}},
		"moves to today":               {[]int{0}, []string{reconcile.ReasonMoved}},
		"moves further away":           {[]int{9}, []string{reconcile.ReasonMoved}},
		"and another of the same kind": {[]int{5, 3}, nil},
		"moves by a year":              {[]int{300}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, round := openRows(t)
				shop := dpRow(3, "5", "SHOP")
				require.Len(t, round(shop, dpRow(-5, "50", "RENT")).Added, 2)
				rows := []string{shop}
				for _, ahead := range c.now {
					rows = append(rows, dpRow(-ahead, "50", "RENT"))
				}
				d := round(rows...)
				assert.Equal(t, c.want, reasons(d.Replaced))
				if len(c.want) > 0 {
					assert.Empty(t, d.Added)
				}
				for range 3 {
					round(rows...)
				}
				assert.Len(t, s.Rows, len(rows))
			})
		})
	}
	t.Run("is withdrawn", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, round := openRows(t)
			shop := dpRow(3, "5", "SHOP")
			round(shop, dpRow(-5, "50", "RENT"))
			missing := round(shop)
			require.Len(t, missing.Missing, 1, "days before its day")
			assert.Equal(t, "RENT", missing.Missing[0].Known.Text)
			require.Len(t, round(shop).Removed, 1)
			assert.Len(t, s.Rows, 1)
		})
	})
	t.Run("comes", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, round := openRows(t)
			shop, rent := dpRow(3, "5", "SHOP"), dpRow(-5, "50", "RENT")
			round(shop, rent)
			for range 9 {
				time.Sleep(day)
				d := round(shop, rent)
				assert.Empty(t, append(d.Missing, d.Removed...))
				assert.Empty(t, d.Added)
			}
			assert.Len(t, s.Rows, 2)
		})
	})
	t.Run("stands alone in an empty reading", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, round := openRows(t)
			rent := dpRow(-5, "50", "RENT")
			round(rent)
			for range 3 {
				assert.Empty(t, round(rent).Missing)
			}
			round()
			round()
			assert.Empty(t, s.Rows)
		})
	})
}

func aWithdrawnRowOfMoneyKitOfUnknownStatusIsRemoved(t *testing.T) {
	t.Parallel()
	for name, ago := range map[string]int{"of a day to come": -5, "of today": 0, "of a few days ago": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := openWire(t)
				rent, shop := strings.Replace(
					mkRow("u", ago, "8", "RENT", true),
					`"pending":true`,
					`"pending":"maybe"`,
					1,
				), mkRow(
					"s",
					3,
					"5",
					"SHOP",
					false,
				)
				w.lists(rent, shop)
				w.page(t, false, []string{rent, shop}, nil, nil)
				for _, k := range w.Rows {
					// as of another provider, which has no status
					k.Key, k.Aliases = "elsewhere", []string{"id:other:1"}
					k.Status, k.Account = "", "ledger"
					w.Rows[k.Key] = k
					break
				}
				assert.Empty(t, w.page(t, false, nil, nil, nil).Removed, "it is listed")
				w.lists(shop)
				d := w.page(t, false, nil, nil, nil)
				require.Len(t, d.Removed, 1)
				assert.Equal(t, "RENT", d.Removed[0].Known.Text)
				assert.Contains(t, d.Removed[0].Known.Aliases, "id:moneykit:u")
				_, other := w.Rows["elsewhere"]
				assert.True(t, other, "nothing says that the other provider has it no more")
				assert.Equal(t, bankmux.TransactionStatus(""), d.Removed[0].Known.Status)
			})
		})
	}
}

func aWithdrawnPendingRowOfALaterDayIsRemoved(t *testing.T) {
	t.Parallel()
	for _, ahead := range []int{0, 1, 5, 45} {
		t.Run(fmt.Sprint(ahead, " days ahead"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := openWire(t)
				rent, shop := mkRow("p", -ahead, "50", "RENT", true), mkRow("s", 3, "5", "SHOP", false)
				w.lists(rent, shop)
				require.Len(t, w.page(t, false, []string{rent, shop}, nil, nil).Added, 2)
				assert.Empty(t, w.page(t, false, nil, nil, nil).Removed, "it is listed")
				w.lists(shop)
				d := w.page(t, false, nil, nil, nil)
				require.Len(t, d.Removed, 1)
				assert.Equal(t, "RENT", d.Removed[0].Known.Text)
			})
		})
	}
}
