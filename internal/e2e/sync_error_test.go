package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
)

// opened returns a client of the provider whose responses are changed, and the guard of the client.
func opened(t *testing.T, s *banktest.Sync, provider string, says map[string]string) (*bankmux.Client, *guard.Guard) {
	t.Helper()
	keys, g := s.Bank.Credentials(), guard.New(guard.Options{})
	var client *bankmux.Client
	var err error
	switch provider {
	case plaid.Name:
		client, err = plaid.New(plaid.Config{
			BaseURL:     "http://127.0.0.1",
			ClientID:    keys.Plaid.ClientID,
			Secret:      bankmux.NewSecret(keys.Plaid.Secret),
			Environment: bankmux.Sandbox,
			HTTPClient:  &http.Client{Transport: wording{banktest.InProcess{Handler: s.Bank.Plaid()}, says, nil}},
			Guard:       g,
		})
	case dapi.Name:
		client, err = dapi.New(dapi.Config{
			BaseURL:     "http://127.0.0.1/v2",
			AppKey:      keys.Dapi.AppKey,
			AppSecret:   bankmux.NewSecret(keys.Dapi.AppSecret),
			Environment: bankmux.Sandbox,
			HTTPClient:  &http.Client{Transport: wording{banktest.InProcess{Handler: s.Bank.Dapi()}, says, nil}},
			Guard:       g,
		})
	default:
		client, err = moneykit.New(moneykit.Config{
			BaseURL:      "http://127.0.0.1",
			ClientID:     keys.MoneyKit.ClientID,
			ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
			Environment:  bankmux.Sandbox,
			HTTPClient:   &http.Client{Transport: wording{banktest.InProcess{Handler: s.Bank.MoneyKit()}, says, nil}},
			Guard:        g,
		})
	}
	require.NoError(t, err)
	return client, g
}

// plRow returns a row of Plaid in JSON.
func plRow(id, amount string) string {
	return fmt.Sprintf(
		`{"transaction_id":%q,"account_id":"acc","amount":%s,"iso_currency_code":"USD","date":"2026-11-01","name":"A"}`,
		id,
		amount,
	)
}

// TestSyncErrors specifies the errors of a sync.
func TestSyncErrors(t *testing.T) {
	t.Parallel()
	t.Run("a sync names what it could not read", aSyncNamesWhatItCouldNotRead)
	t.Run("an error of the application's own code is not an invalid call", anErrorOfTheApplicationsOwnCode)
}

func aSyncNamesWhatItCouldNotRead(t *testing.T) {
	t.Parallel()
	incomplete := func(t *testing.T, err error, n int) *bankmux.PartialError {
		t.Helper()
		partial, ok := errors.AsType[*bankmux.PartialError](err)
		require.True(t, ok, "%T %v", err, err)
		require.Len(t, partial.Failed, n)
		assert.Equal(t, "Sync", partial.Op)
		return partial
	}
	t.Run("every account failed, page by page", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := banktest.Open(t, "dapi")
			req := bankmux.SyncRequest{Connection: s.Conn, Accounts: []string{"unknown", "nothing"}, Known: s.Known}
			for i, id := range req.Accounts {
				d, err := s.Client.Sync(t.Context(), req)
				partial := incomplete(t, err, 1)
				require.ErrorIs(t, err, bankmux.ErrNotFound)
				assert.Equal(t, d.Failed, partial.Failed)
				assert.Equal(t, id, partial.Failed[0].Account)
				assert.Equal(t, i == 0, d.More)
				require.NotEmpty(t, d.Next, "the page can be stored")
				req.Cursor = d.Next
			}
			req.Accounts = nil // the next round
			d, err := s.Client.Sync(t.Context(), req)
			require.NoError(t, err)
			assert.NotEmpty(t, d.Added)
		})
	})
	for provider, wire := range map[string][2]string{
		"dapi": {"/data/transactions/get", `{"success":true,"status":"done","operationID":"op","transactions":[` + dpRow(3, `"x"`, "A") + "," +
			dpRow(2, "7", "B") + `]}`},
		"plaid": {
			"/transactions/sync",
			`{"added":[` + plRow("a", `"x"`) + "," + plRow("b", "7") + `],"modified":[],"removed":[],` +
				`"next_cursor":"c1","has_more":false}`,
		},
		"moneykit": {"/transactions/sync", mkPage([]string{mkRow("a", 3, `"x"`, "A", false), mkRow("b", 2, "7", "B", false)}, nil, nil)},
	} {
		t.Run("a row failed at "+provider, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := banktest.Open(t, provider)
				accounts, err := s.Client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: s.Conn})
				require.NoError(t, err)
				client, _ := opened(t, s, provider,
					map[string]string{
						wire[0]: strings.ReplaceAll(wire[1], `"acc"`, fmt.Sprintf("%q", accounts.Accounts[0].ID)),
					},
				)
				d, err := client.Sync(
					t.Context(),
					bankmux.SyncRequest{
						Connection: s.Conn,
						Accounts:   []string{accounts.Accounts[0].ID},
						Known:      s.Known,
					},
				)
				require.NoError(t, err, "a row is not an account")
				require.Len(t, d.Failed, 1)
				require.ErrorIs(t, d.Failed[0], bankmux.ErrMalformed)
				assert.Equal(t, "Sync", d.Failed[0].Err.Op)
				assert.Len(t, d.Added, 1, "the other row is there")
				assert.NotEmpty(t, d.Next)
			})
		})
	}
	t.Run("a page of which everything was read has no error", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := banktest.Open(t, "moneykit")
			require.NoError(t, s.Bank.Refresh(s.Conn.Reference()))
			d, err := s.Client.Sync(t.Context(), bankmux.SyncRequest{Connection: s.Conn, Known: s.Known})
			require.NoError(t, err)
			assert.Empty(t, d.Failed)
		})
	})
}

// errOwn is an error of the application, such as one of its database driver.
type errOwn struct{ table string }

func (e *errOwn) Error() string { return "table " + e.table + " is locked" }

func anErrorOfTheApplicationsOwnCode(t *testing.T) {
	t.Parallel()
	_, notADay := bankmux.ParseDate("yesterday")
	for _, provider := range []string{"dapi", "moneykit", "plaid"} {
		for what, own := range map[string]error{
			"a pointer to a struct":   &errOwn{"rows"},
			"wrapped":                 fmt.Errorf("read rows: %w", &errOwn{"rows"}),
			"an error of the library": fmt.Errorf("read rows: %w", errors.Join(notADay, &errOwn{"rows"})),
			"a deadline of its own":   errors.Join(context.DeadlineExceeded, &errOwn{"rows"}),
		} {
			for first, good := range map[string]int{"at once": 0, "after some rows": 3} {
				t.Run(provider+", Known, "+what+", "+first, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						s := banktest.Open(t, provider)
						s.Fetch(t)
						s.Round(t)
						client, g := opened(t, s, provider, nil)
						known := func(
							ctx context.Context, account string, from, to bankmux.Date,
						) iter.Seq2[bankmux.Known, error] {
							return func(yield func(bankmux.Known, error) bool) {
								n := 0
								for k, err := range s.Known(ctx, account, from, to) {
									if n++; n > good {
										break
									}
									if !yield(k, err) {
										return
									}
								}
								yield(bankmux.Known{}, own)
							}
						}
						for range 7 { // enough to open a circuit
							d, err := client.Sync(t.Context(), bankmux.SyncRequest{Connection: s.Conn, Known: known})
							require.Equal(t, bankmux.ErrApplication, bankmux.KindOf(err), "%v", err)
							mine, ok := errors.AsType[*errOwn](err)
							require.True(t, ok, "%v", err)
							assert.Equal(t, "rows", mine.table)
							assert.ErrorContains(
								t,
								err,
								"application_failed: SyncRequest.Known failed to read the application's rows",
							)
							assert.ErrorContains(
								t,
								err,
								"; see the cause, which is an error of the application's own code: ",
							)
							assert.ErrorContains(t, err, "table rows is locked")
							assert.NotContains(t, err.Error(), "fix the call")
							assert.Empty(t, d, "nothing of the page is there")
						}
						for _, b := range g.Breakers() {
							assert.Equal(t, "closed", b.State, "%v", b)
						}
					})
				})
			}
		}
	}
	t.Run("the caller's context ends Known", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := banktest.Open(t, "dapi")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := s.Client.Sync(
				ctx,
				bankmux.SyncRequest{
					Connection: s.Conn,
					Known: func(ctx context.Context, _ string, _, _ bankmux.Date) iter.Seq2[bankmux.Known, error] {
						return func(yield func(bankmux.Known, error) bool) {
							<-ctx.Done()
							yield(bankmux.Known{}, ctx.Err())
						}
					},
				},
			)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, bankmux.ErrContextDone, bankmux.KindOf(err))
		})
	})
}
