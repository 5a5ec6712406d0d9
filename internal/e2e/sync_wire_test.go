package e2e_test

import (
	"context"
	"fmt"
	"io"
	"iter"
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
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/reconcile"
	"github.com/bankmux/bankmux/virtualbank"
)

// wording replaces the response to requests whose path ends in a key of says. The bank serves the
// others.
type wording struct {
	bank http.RoundTripper
	says map[string]string
	last map[string]url.Values // the last query, by path
}

func (w wording) RoundTrip(r *http.Request) (*http.Response, error) {
	for path, body := range w.says {
		if strings.HasSuffix(r.URL.Path, path) {
			if w.last != nil {
				w.last[path] = r.URL.Query()
			}
			return &http.Response{
				StatusCode:    http.StatusOK,
				Proto:         "HTTP/1.1",
				ProtoMajor:    1,
				ProtoMinor:    1,
				Request:       r,
				ContentLength: int64(len(body)),
				Header:        http.Header{"Content-Type": {"application/json"}},
				Body:          io.NopCloser(strings.NewReader(body)),
			}, nil
		}
	}
	return w.bank.RoundTrip(r)
}

// mkRow returns a row of MoneyKit in JSON, ago days old.
func mkRow(id string, ago int, amount, text string, pending bool) string {
	return fmt.Sprintf(
		`{"transaction_id":%q,"account_id":"acc","amount":%s,"type":"debit","currency":"USD","date":%q,`+
			`"description":%q,"raw_description":%q,"pending":%t}`,
		id,
		amount,
		bankmux.DateOf(time.Now().UTC()).AddDays(-ago).String(),
		text,
		text,
		pending,
	)
}

// mkPage returns the response to a sync in JSON.
func mkPage(created, updated, removed []string) string {
	quoted := make([]string, len(removed))
	for i, id := range removed {
		quoted[i] = fmt.Sprintf("%q", id)
	}
	return fmt.Sprintf(
		`{"transactions":{"removed":[%s],"updated":[%s],"created":[%s]},"accounts":[],"cursor":{"next":"next-%d"},`+
			`"has_more":false,"link":{"link_id":"link","state":"connected"}}`,
		strings.Join(quoted, ","),
		strings.Join(updated, ","),
		strings.Join(created, ","),
		time.Now().UnixNano(),
	)
}

// TestSyncOverTheWire specifies how the lists of each provider are applied.
func TestSyncOverTheWire(t *testing.T) {
	t.Parallel()
	t.Run("the lists of MoneyKit are applied in its order, and a row is found where it moved",
		theListsOfMoneyKitAreAppliedInOrder)
	t.Run("a row that vanished between two syncs is missing, then removed", aRowThatVanishedBetweenTwoSyncsIsMissing)
	t.Run("an unreadable row of Dapi casts doubt on its day alone", anUnreadableRowOfDapiCastsDoubtOnItsDayAlone)
	t.Run("an empty list of MoneyKit removes nothing", anEmptyListOfMoneyKitRemovesNothing)
	t.Run("a row that is missing in two syncs without a cursor is removed", aRowThatIsMissingInTwoSyncs)
	t.Run("extra rows of Known change nothing", extraRowsOfKnownChangeNothing)
}

func theListsOfMoneyKitAreAppliedInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := banktest.Open(t, "moneykit")
		keys := s.Bank.Credentials()
		last := map[string]url.Values{}
		says := map[string]string{
			"/accounts": `{"accounts":[{"account_id":"acc","account_type":"depository.checking","name":"Checking",` +
				`"balances":{"currency":"USD"}}],"link":{"link_id":"link","state":"connected"}}`,
		}
		var err error
		s.Client, err = moneykit.New(moneykit.Config{
			BaseURL:      "http://127.0.0.1",
			ClientID:     keys.MoneyKit.ClientID,
			ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
			Environment:  bankmux.Sandbox,
			HTTPClient:   &http.Client{Transport: wording{banktest.InProcess{Handler: s.Bank.MoneyKit()}, says, last}},
		})
		require.NoError(t, err)
		page := func(listed, created, updated, removed []string) bankmux.Delta {
			time.Sleep(time.Minute)
			says["/transactions/sync"] = mkPage(created, updated, removed)
			says["/transactions"] = fmt.Sprintf(
				`{"transactions":[%s],"total":%d,"page":1,"size":500,"accounts":[],`+
					`"link":{"link_id":"link","state":"connected"}}`,
				strings.Join(listed, ","),
				len(listed),
			)
			return joined(s.Round(t))
		}
		first := page(
			nil,
			[]string{
				mkRow("a", 40, "1", "SHOP", false),
				mkRow("b", 3, "2", "DINER", true),
				mkRow("c", 3, "3", "KIOSK", false),
			},
			[]string{mkRow("a", 40, "1.5", "SHOP", false)},
			[]string{"c"},
		)
		require.Len(t, first.Added, 2, "removed is applied last")
		assert.Equal(t, "-1.5", first.Added[0].Row.Amount.Amount(), "and updated after created, wherever it stands")

		moved := page(
			[]string{mkRow("b", 3, "2", "DINER", true)},
			nil,
			[]string{mkRow("a", 1, "1.5", "SHOP", false)},
			nil,
		)
		assert.Equal(
			t,
			[]string{reconcile.ReasonContent},
			reasons(moved.Modified),
			"its day moved by more than a month",
		)
		assert.Empty(t, moved.Added)

		other := page(
			[]string{mkRow("b", 1, "2", "DINER", false), mkRow("e", 2, "2", "DINER", false)},
			[]string{mkRow("e", 2, "2", "DINER", false)},
			nil,
			nil,
		)
		assert.Len(t, other.Added, 1, "the pending one is still listed, on another day: the new row is another row")
		assert.Empty(t, other.Replaced)
		assert.GreaterOrEqual(
			t,
			last["/transactions"].Get("end_date"),
			bankmux.DateOf(time.Now().UTC()).AddDays(-1).String(),
			"it was looked for on later days, too",
		)
		posted := page(nil, nil, []string{mkRow("b", 1, "2", "DINER", false)}, nil)
		assert.Equal(t, []string{reconcile.ReasonPosted}, reasons(posted.Modified))
		assert.Len(t, s.Rows, 3)
	})
}

func aRowThatVanishedBetweenTwoSyncsIsMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := banktest.Open(t, "moneykit")
		s.Fetch(t)
		s.Round(t)
		time.Sleep(time.Minute)
		require.NoError(t, s.Bank.Stage(s.Conn.Reference(), virtualbank.Withdrawn))
		s.Fetch(t)
		s.Cursor = "" // given up
		again := joined(s.Round(t))
		assert.Empty(t, again.Removed)
		require.Len(t, again.Missing, 1, "the record of changes starts without the row")
		assert.Equal(t, 1, again.Missing[0].Known.Missed)
		assert.Empty(t, joined(s.Round(t)).Removed, "MoneyKit has stored nothing new, so this is not a second reading")
		time.Sleep(time.Hour)
		s.Fetch(t)
		next := joined(s.Round(t))
		require.Len(t, next.Removed, 1)
		assert.Equal(t, again.Missing[0].Known.Key, next.Removed[0].Known.Key)
		s.Agree(t, "1990-01-01")
	})
}

// dpRow returns a row of Dapi in JSON, ago days old. The amount is written as it is.
func dpRow(ago int, amount, text string) string {
	return fmt.Sprintf(
		`{"amount":%s,"date":"%sT00:00:00.000Z","type":"debit","description":%q,"currency":{"code":"USD",`+
			`"name":"US Dollar"}}`,
		amount,
		bankmux.DateOf(time.Now().UTC()).AddDays(-ago).String(),
		text,
	)
}

// openRows returns a sync of one account of Dapi, and a function for a round that lists some rows.
func openRows(t *testing.T) (s *banktest.Sync, round func(rows ...string) bankmux.Delta) {
	t.Helper()
	s = banktest.Open(t, "dapi")
	accounts, err := s.Client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: s.Conn})
	require.NoError(t, err)
	keys, says := s.Bank.Credentials(), map[string]string{}
	s.Client, err = dapi.New(dapi.Config{
		BaseURL:     "http://127.0.0.1/v2",
		AppKey:      keys.Dapi.AppKey,
		AppSecret:   bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox,
		HTTPClient:  &http.Client{Transport: wording{banktest.InProcess{Handler: s.Bank.Dapi()}, says, nil}},
	})
	require.NoError(t, err)
	return s, func(rows ...string) bankmux.Delta {
		says["/data/transactions/get"] = `{"success":true,"status":"done","operationID":"op","transactions":[` +
			strings.Join(
				rows,
				",",
			) + `]}`
		d, err := s.Client.Sync(
			t.Context(),
			bankmux.SyncRequest{
				Connection: s.Conn,
				Accounts:   []string{accounts.Accounts[0].ID},
				Cursor:     s.Cursor,
				Known:      s.Known,
			},
		)
		require.NoError(t, err)
		s.Store(d)
		time.Sleep(2 * time.Hour)
		return d
	}
}

func anUnreadableRowOfDapiCastsDoubtOnItsDayAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, round := openRows(t)
		first, bad := dpRow(10, "1", "FIRST"), dpRow(5, `"1,234.56"`, "SALARY")
		round(first, dpRow(7, "7", "TOLL"), dpRow(5, "8", "KIOSK"), dpRow(4, "9", "BOOKS"), bad)
		require.Len(t, s.Rows, 4)

		moved := round(first, dpRow(6, "7", "TOLL"), dpRow(5, "8", "KIOSK"), dpRow(4, "9", "BOOKS"), bad)
		assert.Len(t, moved.Failed, 1)
		assert.Equal(t, []string{reconcile.ReasonMoved}, reasons(moved.Replaced))
		assert.Empty(t, moved.Added, "the moved row is not doubled")

		gone := joined(
			[]bankmux.Delta{round(first, dpRow(6, "7", "TOLL"), bad), round(first, dpRow(6, "7", "TOLL"), bad)},
		)
		require.Len(t, gone.Removed, 1, "of another day than the row that cannot be read")
		assert.Equal(t, "BOOKS", gone.Removed[0].Known.Text)
		for range 3 {
			kept := round(first, dpRow(6, "7", "TOLL"), bad)
			assert.Empty(t, kept.Removed)
			require.Len(t, kept.Missing, 1)
			assert.Equal(t, reconcile.ReasonUnreadable, kept.Missing[0].Reason, "it may be the row that cannot be read")
		}
	})
}

func extraRowsOfKnownChangeNothing(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"moneykit", "dapi"} {
		synctest.Test(t, func(t *testing.T) {
			s := banktest.Open(t, provider)
			s.Fetch(t)
			s.Round(t)
			stranger := bankmux.Known{
				Key:     "t1:stranger#1",
				Aliases: []string{"id:moneykit:stranger"},
				Account: "another link's",
				Status:  bankmux.StatusPending,
				Date:    bankmux.DateOf(time.Now().UTC()),
			}
			all := func(context.Context, string, bankmux.Date, bankmux.Date) iter.Seq2[bankmux.Known, error] {
				return func(yield func(bankmux.Known, error) bool) {
					for range 2 {
						for _, k := range s.Rows {
							if !yield(k, nil) {
								return
							}
						}
					}
					yield(stranger, nil)
				}
			}
			time.Sleep(time.Minute)
			require.NoError(t, s.Bank.Stage(s.Conn.Reference(), virtualbank.Withdrawn))
			removed := map[string]int{}
			for range 3 {
				s.Fetch(t)
				for more := true; more; {
					d, err := s.Client.Sync(
						t.Context(),
						bankmux.SyncRequest{Connection: s.Conn, Cursor: s.Cursor, Known: all},
					)
					require.NoError(t, err)
					for _, m := range d.Removed {
						removed[m.Known.Key]++
					}
					s.Store(d)
					more = d.More
				}
				time.Sleep(time.Hour)
			}
			assert.Len(t, removed, 1)
			for key, n := range removed {
				assert.Equal(t, 1, n)
				assert.NotEqual(t, stranger.Key, key)
			}
			nothing := func(context.Context, string, bankmux.Date, bankmux.Date) iter.Seq2[bankmux.Known, error] {
				return nil
			}
			_, err := s.Client.Sync(t.Context(), bankmux.SyncRequest{Connection: s.Conn, Known: nothing})
			require.NoError(t, err)
		})
	}
}

func anEmptyListOfMoneyKitRemovesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := banktest.Open(t, "moneykit")
		s.Fetch(t)
		s.Round(t)
		time.Sleep(time.Minute)
		require.NoError(t, s.Bank.Stage(s.Conn.Reference(), virtualbank.Tip))
		s.Fetch(t)
		s.Round(t)
		keys := s.Bank.Credentials()
		says := map[string]string{
			"/transactions":      `{"transactions":[],"total":0,"page":1,"size":500,"accounts":[],"link":{"link_id":"link","state":"connected"}}`,
			"/transactions/sync": mkPage(nil, nil, nil),
		}
		var err error
		s.Client, err = moneykit.New(moneykit.Config{
			BaseURL:      "http://127.0.0.1",
			ClientID:     keys.MoneyKit.ClientID,
			ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
			Environment:  bankmux.Sandbox,
			HTTPClient:   &http.Client{Transport: wording{banktest.InProcess{Handler: s.Bank.MoneyKit()}, says, nil}},
		})
		require.NoError(t, err)
		for range 3 {
			d := joined(s.Round(t))
			assert.Empty(t, d.Removed)
			assert.NotEmpty(t, d.Suspect)
			assert.NotEmpty(t, d.Missing)
		}
	})
}

func aRowThatIsMissingInTwoSyncs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := banktest.Open(t, "moneykit")
		s.Fetch(t)
		s.Round(t)
		require.NoError(t, s.Bank.Stage(s.Conn.Reference(), virtualbank.Withdrawn))
		s.Fetch(t)
		var was string
		for i := range 2 { // an application that keeps no cursor
			s.Cursor = ""
			d := joined(s.Round(t))
			require.Len(t, d.Missing, 1-i)
			require.Len(t, d.Removed, i)
			key := slices.Concat(d.Missing, d.Removed)[0].Known.Key
			assert.True(t, was == "" || was == key)
			was = key
		}
		s.Cursor = ""
		assert.Empty(t, joined(s.Round(t)).Missing)
	})
}
