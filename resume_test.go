package bankmux_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestResume(t *testing.T) {
	t.Parallel()
	from, to := bankmux.NewDate(2026, time.January, 1), bankmux.NewDate(2026, time.March, 31)
	type calls struct {
		interrupted func(*bankmux.Client, bankmux.Connection) error
		got         any
		result      func(bankmux.Resumed) any
		want        any
	}
	for op, c := range map[string]calls{
		bankmux.OpConnectionStatus: {
			func(c *bankmux.Client, conn bankmux.Connection) error {
				_, err := c.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
				return err
			},
			"status", func(r bankmux.Resumed) any { return r.Status.Connection.ID }, "c1",
		},
		bankmux.OpAccounts: {
			func(c *bankmux.Client, conn bankmux.Connection) error {
				_, err := c.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn, Accounts: []string{"a"}})
				return err
			},
			[]string{"a"},
			func(r bankmux.Resumed) any { return r.Accounts.Accounts[0].ID }, "a",
		},
		bankmux.OpAccountNumbers: {
			func(c *bankmux.Client, conn bankmux.Connection) error {
				_, err := c.AccountNumbers(t.Context(), bankmux.AccountNumbersRequest{Connection: conn})
				return err
			},
			"numbers", func(r bankmux.Resumed) any { return r.AccountNumbers.Accounts[0].Account }, "a",
		},
		bankmux.OpBalances: {
			func(c *bankmux.Client, conn bankmux.Connection) error {
				_, err := c.Balances(t.Context(), bankmux.BalancesRequest{
					Connection: conn, Accounts: []string{"a", "b"},
					Known: []bankmux.Account{{ID: "a", Kind: bankmux.AccountLoan}},
					Fresh: true, MaxAge: time.Hour,
				})
				return err
			},
			bankmux.BalancesRequest{
				Accounts: []string{"a", "b"}, Known: []bankmux.Account{{ID: "a", Kind: bankmux.AccountLoan}},
				Fresh: true, MaxAge: time.Hour,
			},
			func(r bankmux.Resumed) any { return r.Balances.Balances[0].Account }, "a",
		},
		bankmux.OpIdentity: {
			func(c *bankmux.Client, conn bankmux.Connection) error {
				_, err := c.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn, Accounts: []string{"a"}})
				return err
			},
			[]string{"a"},
			func(r bankmux.Resumed) any { return len(r.Identity.Owners) }, 1,
		},
		bankmux.OpCards: {
			func(c *bankmux.Client, conn bankmux.Connection) error {
				_, err := c.Cards(t.Context(), bankmux.CardsRequest{Connection: conn})
				return err
			},
			"cards", func(r bankmux.Resumed) any { return r.Cards.Cards[0].ID }, "card",
		},
		bankmux.OpTransactions: {
			func(c *bankmux.Client, conn bankmux.Connection) error {
				_, err := firstOf(c.TransactionPages(t.Context(), bankmux.TransactionsRequest{
					Connection: conn, Accounts: []string{"a"}, Cards: []string{"card"}, From: from, To: to,
					Beyond: bankmux.RangeClamp, PageSize: 7, Page: "page 2",
				}))
				return err
			},
			bankmux.TransactionsRequest{
				Accounts: []string{"a"}, Cards: []string{"card"}, From: from, To: to,
				Beyond: bankmux.RangeClamp, PageSize: 7, Page: "page 2",
			},
			func(r bankmux.Resumed) any {
				page, err := firstOf(r.Transactions)
				require.NoError(t, err)
				return page.Transactions[0].ID
			}, "t",
		},
		bankmux.OpSync: {
			func(c *bankmux.Client, conn bankmux.Connection) error {
				_, err := c.Sync(t.Context(), bankmux.SyncRequest{
					Connection: conn, Cursor: "before", Accounts: []string{"a"}, PageSize: 7, Known: noRows,
					Name: func(a string) string { return "named " + a },
				})
				return err
			},
			[]any{"before", []string{"a"}, 7, "named a", 1},
			func(r bankmux.Resumed) any { return r.Sync.Next }, "next",
		},
		bankmux.OpHoldings: {
			func(c *bankmux.Client, conn bankmux.Connection) error {
				_, err := c.Holdings(t.Context(), bankmux.HoldingsRequest{Connection: conn, Accounts: []string{"a"}})
				return err
			},
			[]string{"a"},
			func(r bankmux.Resumed) any { return r.Holdings.Holdings[0].Account }, "a",
		},
		bankmux.OpInvestmentTransactions: {
			func(c *bankmux.Client, conn bankmux.Connection) error {
				_, err := firstOf(c.InvestmentTransactionPages(t.Context(), bankmux.InvestmentTransactionsRequest{
					Connection: conn, Accounts: []string{"a"}, From: from, To: to, PageSize: 7, Page: "page 2",
				}))
				return err
			},
			[]any{[]string{"a"}, from, to, 7, "page 2"},
			func(r bankmux.Resumed) any {
				page, err := firstOf(r.InvestmentTransactions)
				require.NoError(t, err)
				return page.Transactions[0].ID
			}, "i",
		},
		bankmux.OpRefresh: {
			func(c *bankmux.Client, conn bankmux.Connection) error {
				_, err := c.Refresh(t.Context(), bankmux.RefreshRequest{
					Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions},
				})
				return err
			},
			[]bankmux.Product{bankmux.ProductTransactions},
			func(r bankmux.Resumed) any { return r.Refresh.JobID }, "job",
		},
	} {
		t.Run("goes on with "+op, func(t *testing.T) {
			t.Parallel()
			a := &asker{fake: fake{provider: "asker", env: bankmux.Sandbox}}
			client := bankmux.NewClient("c", a)
			_, conn := linked(t, client, "u")
			conn.ID = "c1"
			ch := otherProcess(t, c.interrupted(client, conn))
			assert.Equal(t, op, ch.Op)
			res, err := client.Resume(t.Context(), bankmux.ResumeRequest{
				Connection: conn, Answers: ch.Answer("123456"), Known: noRows,
				Name: func(a string) string { return "named " + a },
			})
			require.NoError(t, err)
			assert.Equal(t, op, res.Op)
			assert.Equal(t, c.want, c.result(res))
			assert.Equal(t, []any{c.got}, a.got, "the request is that of the interrupted call")
		})
	}
}

func TestResumeOfAnInterruptedLoop(t *testing.T) {
	t.Parallel()
	setup := func(t *testing.T) (*asker, *bankmux.Client, bankmux.Connection) {
		t.Helper()
		a := &asker{fake: fake{provider: "asker", env: bankmux.Sandbox}, perAccount: true}
		client := bankmux.NewClient("c", a)
		_, conn := linked(t, client, "u")
		conn.ID = "c1"
		return a, client, conn
	}
	t.Run("balances ask once per account", func(t *testing.T) {
		t.Parallel()
		_, client, conn := setup(t)
		known := []bankmux.Account{{ID: "a"}, {ID: "b"}}
		_, err := client.Balances(t.Context(), bankmux.BalancesRequest{
			Connection: conn, Accounts: []string{"a", "b"}, Known: known, MaxAge: time.Hour,
		})
		first := otherProcess(t, err)
		assert.Equal(t, "a", first.Account)
		req := bankmux.ResumeRequest{Connection: conn, Answers: first.Answer("1")}
		res, err := client.Resume(t.Context(), req)
		second := otherProcess(t, err)
		assert.Equal(t, "b", second.Account)
		assert.Len(t, res.Balances.Balances, 1, "what was read comes beside the question")
		req.Answers = second.Answer("2")
		res, err = client.Resume(t.Context(), req)
		require.NoError(t, err)
		require.Len(t, res.Balances.Balances, 2)
		assert.Equal(t, "b", res.Balances.Balances[1].Account)
	})
	t.Run("balances whose accounts must be listed first", func(t *testing.T) {
		t.Parallel()
		_, client, conn := setup(t)
		_, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
		ch := otherProcess(t, err)
		assert.Equal(t, bankmux.OpAccounts, ch.Call)
		_, err = client.Resume(t.Context(), bankmux.ResumeRequest{Connection: conn, Answers: ch.Answer("1")})
		next := otherProcess(t, err)
		assert.Equal(t, bankmux.OpBalances, next.Call)
		res, err := client.Resume(t.Context(), bankmux.ResumeRequest{Connection: conn, Answers: next.Answer("1")})
		require.NoError(t, err)
		assert.Equal(t, "a", res.Balances.Balances[0].Account)
	})
	t.Run("pages of two accounts", func(t *testing.T) {
		t.Parallel()
		a, client, conn := setup(t)
		from := bankmux.NewDate(2026, time.January, 1)
		_, err := firstOf(client.TransactionPages(t.Context(), bankmux.TransactionsRequest{
			Connection: conn, Accounts: []string{"a", "b"}, From: from,
		}))
		for _, account := range []string{"a", "b"} {
			ch := otherProcess(t, err)
			require.Equal(t, account, ch.Account)
			res, resumeErr := client.Resume(t.Context(),
				bankmux.ResumeRequest{Connection: conn, Answers: ch.Answer("1")})
			require.NoError(t, resumeErr)
			err = nil
			for _, err = range res.Transactions {
				if err != nil {
					break
				}
			}
		}
		require.NoError(t, err)
		require.Len(t, a.got, 2)
		for i, account := range []string{"a", "b"} {
			assert.Equal(t, bankmux.TransactionsRequest{Accounts: []string{account}, From: from}, a.got[i])
		}
	})
}

func TestInvestmentTransactionPages(t *testing.T) {
	t.Parallel()
	t.Run("answers are sent with the first page alone", func(t *testing.T) {
		t.Parallel()
		a := &asker{fake: fake{provider: "asker", env: bankmux.Sandbox}}
		client := bankmux.NewClient("c", a)
		_, conn := linked(t, client, "u")
		req := bankmux.InvestmentTransactionsRequest{Connection: conn}
		_, err := firstOf(client.InvestmentTransactionPages(t.Context(), req))
		ch := otherProcess(t, err)
		req.Answers = ch.Answer("1")
		for _, err := range client.InvestmentTransactionPages(t.Context(), req) {
			require.NoError(t, err)
		}
		require.Len(t, a.got, 2)
		assert.Equal(t, (*bankmux.Answers)(nil), a.got[1])
	})
}

func TestResumeRefuses(t *testing.T) {
	t.Parallel()
	a := &asker{fake: fake{provider: "asker", env: bankmux.Sandbox}}
	client := bankmux.NewClient("c", a)
	_, conn := linked(t, client, "u")
	_, err := client.Sync(t.Context(),
		bankmux.SyncRequest{Connection: conn, Known: noRows, Name: func(a string) string { return a }})
	synced := otherProcess(t, err)
	_, err = client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	accounts := otherProcess(t, err)
	_, err = client.SyncAll(t.Context(),
		bankmux.SyncAllRequest{Connection: conn, Ledger: bankmux.NewMemoryLedger()})
	all := otherProcess(t, err)
	on := func(answers *bankmux.Answers) bankmux.ResumeRequest {
		return bankmux.ResumeRequest{Connection: conn, Answers: answers}
	}
	other := conn
	other.ID = "other"
	changed := accounts
	changed.Request = json.RawMessage(`[1]`)
	newer := accounts
	newer.Op = "NewerOperation"
	late := accounts
	late.ExpiresAt = time.Now().Add(-time.Second)
	named := on(synced.Answer("1"))
	named.Name = func(a string) string { return a }
	_, err = bankmux.DoOn(t.Context(), client,
		bankmux.Op{Name: "AskerRates", Group: bankmux.GroupData, Effect: bankmux.Read}, &conn,
		func(_ context.Context, p interface{ Rates(*bankmux.Answers) error }) (int, error) {
			return 0, p.Rates(nil)
		})
	rates := otherProcess(t, err)
	for name, c := range map[string]struct {
		req  bankmux.ResumeRequest
		want bankmux.Kind
		says string
	}{
		"no answers":                  {on(nil), bankmux.ErrInvalid, "ResumeRequest.Answers is nil"},
		"answers without a challenge": {on(&bankmux.Answers{}), bankmux.ErrInvalid, "Answers.Challenge is empty"},
		"too few answers":             {on(accounts.Answer()), bankmux.ErrInvalid, "Answers.Inputs"},
		"a challenge of another connection": {
			bankmux.ResumeRequest{Connection: other, Answers: accounts.Answer("1")},
			bankmux.ErrInvalid,
			"of another connection",
		},
		"a request that was changed":           {on(changed.Answer("1")), bankmux.ErrInvalid, "has a Request that"},
		"a challenge that has expired":         {on(late.Answer("1")), bankmux.ErrChallengeExpired, "was open until"},
		"a sync without its Name":              {on(synced.Answer("1")), bankmux.ErrInvalid, "ResumeRequest.Name is nil"},
		"a sync without its Known":             {named, bankmux.ErrInvalid, "ResumeRequest.Known is nil"},
		"a SyncAll without its Ledger":         {on(all.Answer("1")), bankmux.ErrInvalid, "ResumeRequest.Ledger is nil"},
		"an operation of a newer version":      {on(newer.Answer("1")), bankmux.ErrInvalid, `is of "NewerOperation", which Resume does not know`},
		"an operation of an adapter's package": {on(rates.Answer("1")), bankmux.ErrInvalid, `is of "AskerRates", which Resume does not know`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := client.Resume(t.Context(), c.req)
			require.ErrorIs(t, err, c.want)
			assert.ErrorContains(t, err, c.says)
		})
	}
	t.Run("a challenge that is given up", func(t *testing.T) {
		t.Parallel()
		_, err := client.Resume(t.Context(), on(accounts.Abandon()))
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok)
		assert.Equal(t, bankmux.ErrUserAction, e.Kind)
		assert.Equal(t, bankmux.CodeCancelled, e.Code)
	})
}
