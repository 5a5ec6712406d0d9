package bankmux_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/reconcile"
)

// mkWire is a MoneyKit whose pages and lists a test writes itself.
type mkWire struct {
	*syncing
	says map[string]string
	last map[string]url.Values
}

func openWire(t *testing.T) *mkWire {
	t.Helper()
	w := &mkWire{syncing: openSync(t, "moneykit"), says: map[string]string{}, last: map[string]url.Values{}}
	keys := w.bank.Credentials()
	var err error
	w.client, err = moneykit.New(moneykit.Config{
		BaseURL: "http://127.0.0.1", ClientID: keys.MoneyKit.ClientID, ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment: bankmux.Sandbox, HTTPClient: &http.Client{Transport: wording{inProcess{w.bank.MoneyKit()}, w.says, w.last}},
	})
	require.NoError(t, err)
	w.has("acc")
	w.lists()
	return w
}

// has sets the accounts of the link.
func (w *mkWire) has(accounts ...string) {
	list := make([]string, len(accounts))
	for i, id := range accounts {
		list[i] = fmt.Sprintf(`{"account_id":%q,"account_type":"depository.checking","name":"Checking","balances":{"currency":"USD"}}`, id)
	}
	w.says["/accounts"] = `{"accounts":[` + strings.Join(list, ",") + `],"link":{"link_id":"link","state":"connected"}}`
}

// lists sets the rows that MoneyKit lists.
func (w *mkWire) lists(rows ...string) {
	w.says["/transactions"] = fmt.Sprintf(
		`{"transactions":[%s],"total":%d,"page":1,"size":500,"accounts":[],"link":{"link_id":"link","state":"connected"}}`, strings.Join(rows, ","), len(rows),
	)
}

// page syncs one page and stores it. refreshed is when MoneyKit fetched what it lists.
func (w *mkWire) page(t *testing.T, more bool, created, updated, removed []string) bankmux.Delta {
	t.Helper()
	time.Sleep(time.Hour)
	body := strings.Replace(mkPage(created, updated, removed), `"has_more":false`, fmt.Sprintf(`"has_more":%t`, more), 1)
	w.says["/transactions/sync"] = strings.Replace(body, `"state":"connected"`,
		fmt.Sprintf(`"state":"connected","products":{"transactions":{"refreshed_at":%q}}`, time.Now().UTC().Format(time.RFC3339)), 1)
	d, err := w.client.Sync(t.Context(), bankmux.SyncRequest{Connection: w.conn, Cursor: w.cursor, Known: w.known, Name: func(string) string { return "ledger" }})
	require.NoError(t, err)
	w.store(d)
	return d
}

// of gives a row to an account.
func of(account, row string) string {
	return strings.Replace(row, `"account_id":"acc"`, fmt.Sprintf(`"account_id":%q`, account), 1)
}

func TestOneIDInTwoAccountsOrOfTwoPaymentsIsTwoRows(t *testing.T) {
	t.Parallel()
	a, b := mkRow("x", 3, "50", "TRANSFER", false), of("acc-2", mkRow("x", 3, "50", "TRANSFER", false))
	for name, c := range map[string]struct {
		created, updated []string
		want             []string
	}{
		"a transfer between two accounts":         {[]string{a, b}, nil, []string{"acc -50 TRANSFER", "acc-2 -50 TRANSFER"}},
		"one of them is updated":                  {[]string{a, b}, []string{of("acc-2", mkRow("x", 3, "51", "TRANSFER", false))}, []string{"acc -50 TRANSFER", "acc-2 -51 TRANSFER"}},
		"two payments":                            {[]string{a, mkRow("x", 3, "7", "KIOSK", false)}, nil, []string{"acc -50 TRANSFER", "acc -7 KIOSK"}},
		"two payments, of which one is told late": {[]string{a}, []string{mkRow("x", 3, "51", "TRANSFER", false), mkRow("x", 3, "7", "KIOSK", false)}, []string{"acc -51 TRANSFER", "acc -7 KIOSK"}},
		"one payment twice":                       {[]string{a, a}, nil, []string{"acc -50 TRANSFER"}},
		"one payment in both lists":               {[]string{a}, []string{a}, []string{"acc -50 TRANSFER"}},
		"pending and posted":                      {[]string{mkRow("x", 1, "50", "TRANSFER", false), mkRow("x", 3, "45", "TRANSFER", true)}, nil, []string{"acc -50 TRANSFER"}},
		"posted in the second list":               {[]string{mkRow("x", 3, "45", "TRANSFER", true)}, []string{a}, []string{"acc -50 TRANSFER"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := openWire(t)
				w.has("acc", "acc-2")
				w.lists(slices.Concat(c.created, c.updated)...)
				w.says["/transactions/sync"] = mkPage(c.created, c.updated, nil)
				for range 2 { // told again, nothing changes
					for _, d := range w.round(t) {
						assert.Empty(t, d.Removed)
					}
					var got []string
					for _, k := range w.rows {
						got = append(got, k.Account+" "+k.Amount.Amount()+" "+k.Text)
					}
					slices.Sort(got)
					assert.Equal(t, c.want, got)
					time.Sleep(time.Hour)
				}
			})
		})
	}
}

func TestAListDropsNoPaymentForTheIDOfAnother(t *testing.T) {
	t.Parallel()
	a := mkRow("x", 3, "50", "TRANSFER", false)
	for name, c := range map[string]struct {
		rows []string
		want []string
	}{
		"a transfer between two accounts": {[]string{a, of("acc-2", a)}, []string{"acc -50 TRANSFER", "acc-2 -50 TRANSFER"}},
		"two payments":                    {[]string{a, mkRow("x", 3, "7", "KIOSK", false)}, []string{"acc -50 TRANSFER", "acc -7 KIOSK"}},
		"two of one text":                 {[]string{a, mkRow("x", 3, "7", "TRANSFER", false), a}, []string{"acc -50 TRANSFER", "acc -7 TRANSFER"}},
		"two of one text and amount":      {[]string{a, mkRow("x", 2, "50", "TRANSFER", false)}, []string{"acc -50 TRANSFER", "acc -50 TRANSFER"}},
		"three, each twice": {
			[]string{a, mkRow("x", 3, "7", "KIOSK", false), mkRow("x", 3, "9", "SHOP", false), a, mkRow("x", 3, "9", "SHOP", false), mkRow("x", 3, "7", "KIOSK", false)},
			[]string{"acc -50 TRANSFER", "acc -7 KIOSK", "acc -9 SHOP"},
		},
		"one payment twice":                     {[]string{a, a}, []string{"acc -50 TRANSFER"}},
		"one that was posted while it was read": {[]string{a, mkRow("x", 5, "45", "TRANSFER", true)}, []string{"acc -50 TRANSFER"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := openWire(t)
				w.lists(c.rows...)
				var got []string
				for row, err := range w.client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: w.conn}) {
					require.NoError(t, err)
					got = append(got, row.Account+" "+row.Amount.Amount()+" "+row.RawDescription)
				}
				slices.Sort(got)
				assert.Equal(t, c.want, got)
			})
		})
	}
}

// keys are the keys of the rows by text.
func (w *mkWire) keys() map[string]string {
	all := map[string]string{}
	for _, k := range w.rows {
		all[k.Text] = k.Key
	}
	return all
}

func TestADayWhoseIDsAreNumberedAnewKeepsItsRows(t *testing.T) {
	t.Parallel()
	first := []string{mkRow("1", 3, "3", "BAKERY", false), mkRow("2", 3, "9", "PHARMACY", false)}
	fee, bakery, pharmacy := mkRow("1", 3, "15", "LATE FEE", false), mkRow("2", 3, "3", "BAKERY", false), mkRow("3", 3, "9", "PHARMACY", false)
	type page struct{ created, updated, removed []string }
	for name, c := range map[string]struct {
		pages []page
		now   []string
		gone  string
	}{
		"as updates and a new row":        {[]page{{[]string{pharmacy}, []string{fee, bakery}, nil}}, []string{fee, bakery, pharmacy}, ""},
		"as new rows alone":               {[]page{{[]string{fee, bakery, pharmacy}, nil, nil}}, []string{fee, bakery, pharmacy}, ""},
		"removed and made again":          {[]page{{[]string{mkRow("7", 3, "15", "LATE FEE", false), mkRow("8", 3, "3", "BAKERY", false), mkRow("9", 3, "9", "PHARMACY", false)}, nil, []string{"1", "2"}}}, nil, ""},
		"over two pages":                  {[]page{{nil, []string{fee, bakery}, nil}, {[]string{pharmacy}, nil, nil}}, []string{fee, bakery, pharmacy}, ""},
		"over two pages, turned":          {[]page{{[]string{pharmacy}, nil, nil}, {nil, []string{fee, bakery}, nil}}, []string{fee, bakery, pharmacy}, ""},
		"where the first row is gone":     {[]page{{nil, []string{mkRow("1", 3, "9", "PHARMACY", false)}, []string{"2"}}}, []string{mkRow("1", 3, "9", "PHARMACY", false)}, "BAKERY"},
		"where it is, and a page follows": {[]page{{nil, []string{mkRow("1", 3, "9", "PHARMACY", false)}, []string{"2"}}, {}}, []string{mkRow("1", 3, "9", "PHARMACY", false)}, "BAKERY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := openWire(t)
				w.lists(first...)
				w.page(t, false, first, nil, nil)
				before := w.keys()
				w.lists(c.now...)
				for i, p := range c.pages {
					w.page(t, i < len(c.pages)-1, p.created, p.updated, p.removed)
				}
				after := w.keys()
				want := []string{"BAKERY", "LATE FEE", "PHARMACY"}
				if c.gone != "" {
					want = []string{"PHARMACY"}
				}
				assert.Equal(t, want, slices.Sorted(maps.Keys(after)))
				assert.Len(t, w.rows, len(want))
				for text, key := range before {
					if text != c.gone {
						assert.Equal(t, key, after[text], text)
					}
				}
			})
		})
	}
}

func TestTwoLinksToOneAccountDoNotRemoveEachOthersRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := openWire(t)
		one, two := "", "" // the cursors of the links
		as := func(cursor *string, listed string, created ...string) bankmux.Delta {
			w.cursor = *cursor
			w.lists(listed)
			d := w.page(t, false, created, nil, nil)
			*cursor = w.cursor
			return d
		}
		a, b := mkRow("a1", 2, "50", "HOTEL", true), mkRow("b1", 2, "50", "HOTEL", true)
		require.Len(t, as(&one, a, a).Added, 1)
		key := slices.Collect(maps.Keys(w.rows))
		renamed := as(&two, b, b)
		require.Equal(t, []string{reconcile.ReasonID}, reasons(renamed.Replaced))
		for range 3 { // both jobs go on
			for _, d := range []bankmux.Delta{as(&one, a), as(&two, b)} {
				assert.Empty(t, slices.Concat(d.Removed, d.Missing), "it is listed under another of its ids")
			}
		}
		assert.Equal(t, key, slices.Collect(maps.Keys(w.rows)))
		posted := as(&one, mkRow("a1", 1, "50", "HOTEL", false), mkRow("a1", 1, "50", "HOTEL", false))
		assert.Equal(t, []string{reconcile.ReasonPosted}, reasons(posted.Modified), "the first link posts it under the id that it gave")
		again := as(&two, mkRow("b9", 1, "50", "HOTEL", false), mkRow("b9", 1, "50", "HOTEL", false))
		assert.Empty(t, again.Added, "and the second under another")
		assert.Len(t, w.rows, 1)
		assert.Empty(t, as(&one, mkRow("a1", 1, "50", "HOTEL", false)).Removed)
	})
}

func TestAPendingRowOfALaterDayThatIsWithdrawnIsRemoved(t *testing.T) {
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
