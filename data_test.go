package bankmux_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// reader is an adapter that reads one account per call.
type reader struct {
	fake
	accounts  []bankmux.Account
	list      func(bankmux.AccountsRequest) error
	balance   func(id string, req bankmux.BalancesRequest) error
	page      func(req bankmux.TransactionsRequest) (bankmux.TransactionPage, error)
	asked     []string
	institute []bankmux.InstitutionListing
	next      string
	status    func() bankmux.StatusResult
}

func (r *reader) Describe() bankmux.Description {
	return bankmux.Description{Provider: r.provider, Environment: bankmux.Sandbox, PerAccount: true}
}

func (r *reader) Accounts(_ context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	r.asked = append(r.asked, "list")
	if r.list != nil {
		if err := r.list(req); err != nil {
			return bankmux.AccountsResult{}, err
		}
	}
	return bankmux.AccountsResult{Accounts: r.accounts}, nil
}

func (r *reader) Balances(_ context.Context, req bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	id := slices.Concat(req.Accounts, req.Cards)[0]
	r.asked = append(r.asked, id)
	if r.balance != nil {
		if err := r.balance(id, req); err != nil {
			return bankmux.BalancesResult{}, err
		}
	}
	return bankmux.BalancesResult{Balances: []bankmux.AccountBalances{{Account: id, Card: len(req.Cards) > 0}}}, nil
}

func (r *reader) Cards(context.Context, bankmux.CardsRequest) (bankmux.CardsResult, error) {
	return bankmux.CardsResult{}, nil
}

func (r *reader) TransactionPage(_ context.Context, req bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
	r.asked = append(r.asked, slices.Concat(req.Accounts, req.Cards)[0]+req.Page)
	return r.page(req)
}

func (r *reader) Institutions(context.Context, bankmux.InstitutionsRequest) (bankmux.InstitutionPage, error) {
	if r.institute == nil {
		return bankmux.InstitutionPage{}, &bankmux.Error{Kind: bankmux.ErrUnavailable}
	}
	return bankmux.InstitutionPage{Institutions: r.institute, Next: r.next}, nil
}

func (r *reader) Institution(context.Context, bankmux.InstitutionRequest) (bankmux.InstitutionListing, error) {
	return bankmux.InstitutionListing{}, &bankmux.Error{Kind: bankmux.ErrNotFound}
}

func (r *reader) ConnectionStatus(_ context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	res := r.status()
	res.Connection.ID = req.Connection.ID
	return res, nil
}

func reading(t *testing.T) (*reader, *bankmux.Client, bankmux.Connection) {
	t.Helper()
	r := &reader{fake: fake{provider: "p"}}
	for _, id := range []string{"a", "b", "c"} {
		r.accounts = append(r.accounts, bankmux.Account{ID: id, Kind: bankmux.AccountChecking})
	}
	c := bankmux.NewClient("p", r)
	_, conn := linked(t, c, "u")
	return r, c, conn
}

// TestPerAccount specifies how a client reads account by account, where an adapter cannot read all.
func TestPerAccount(t *testing.T) {
	t.Parallel()
	t.Run("a failed account leaves the others, a failed provider stops the call", aFailedAccountLeavesTheOthers)
	t.Run("accounts are listed only where the request names none", accountsAreListedOnlyWhereTheRequestNamesNone)
	t.Run("a page continues where the one before stopped", aPageContinuesWhereTheOneBeforeStopped)
	t.Run("pages that repeat end with an error", pagesThatRepeatEndWithAnError)
	t.Run("an answer carries the adapter's own state", anAnswerCarriesTheAdaptersOwnState)
	t.Run("a page of another connection is refused", aPageOfAnotherConnectionIsRefused)
	t.Run("a challenge of another operation is refused", aChallengeOfAnotherOperationIsRefused)
}

func aFailedAccountLeavesTheOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind   bankmux.Kind
		at     string
		failed []string
		got    int
		plain  bool
	}{
		"one bank's fault":       {bankmux.ErrInstitution, "b", []string{"b"}, 2, false},
		"not found":              {bankmux.ErrNotFound, "b", []string{"b"}, 2, false},
		"an unreadable answer":   {bankmux.ErrMalformed, "a", []string{"a"}, 2, false},
		"the login lapsed":       {bankmux.ErrReauth, "b", []string{"b", "c"}, 1, false},
		"the circuit opened":     {bankmux.ErrCircuitOpen, "b", []string{"b", "c"}, 1, false},
		"nothing was to be had":  {bankmux.ErrReauth, "a", nil, 0, true},
		"rejected credentials":   {bankmux.ErrCredentials, "a", nil, 0, true},
		"rate limited halfway":   {bankmux.ErrRateLimited, "c", []string{"c"}, 2, false},
		"the provider went away": {bankmux.ErrUnavailable, "b", []string{"b"}, 2, false},
	} {
		r, client, conn := reading(t)
		r.balance = func(id string, _ bankmux.BalancesRequest) error {
			if id == c.at {
				return &bankmux.Error{Kind: c.kind, NotSent: c.plain}
			}
			return nil
		}
		got, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
		require.ErrorIs(t, err, c.kind, name)
		assert.Len(t, got.Balances, c.got, name)
		partial, ok := errors.AsType[*bankmux.PartialError](err)
		assert.Equal(t, c.plain, !ok, name)
		if c.plain {
			assert.False(t, bankmux.ErrorOf(err).NotSent, "the list of accounts was sent")
		}
		var failed []string
		if ok {
			for _, f := range partial.Failed {
				failed = append(failed, f.Account)
				assert.Equal(t, "Balances", f.Err.Op, name)
			}
			assert.Contains(t, err.Error(), "account "+c.failed[0], name)
		}
		assert.Equal(t, c.failed, failed, name)
	}
}

func accountsAreListedOnlyWhereTheRequestNamesNone(t *testing.T) {
	t.Parallel()
	r, client, conn := reading(t)
	ctx := t.Context()
	_, err := client.Balances(
		ctx,
		bankmux.BalancesRequest{Connection: conn, Accounts: []string{"b"}, Known: r.accounts, Cards: []string{"k"}},
	)
	require.NoError(t, err)
	assert.Equal(t, []string{"b", "k"}, r.asked)
	r.asked = nil
	_, err = client.Balances(ctx, bankmux.BalancesRequest{Connection: conn, Accounts: []string{"b"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"list", "b"}, r.asked, "the kind of an account decides the sign of its balance")
	r.asked = nil
	_, err = client.Balances(ctx, bankmux.BalancesRequest{Connection: conn, Cards: []string{"k"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"k"}, r.asked)
}

func aPageContinuesWhereTheOneBeforeStopped(t *testing.T) {
	t.Parallel()
	r, client, conn := reading(t)
	r.page = func(req bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
		page := bankmux.TransactionPage{
			Transactions: []bankmux.Transaction{{Account: req.Accounts[0], Description: req.Accounts[0] + req.Page}},
		}
		if req.Page == "" {
			page.Next = "2"
		}
		return page, nil
	}
	req := bankmux.TransactionsRequest{Connection: conn}
	var whole, pieces []string
	for row, err := range client.Transactions(t.Context(), req) {
		require.NoError(t, err)
		whole = append(whole, row.Description)
	}
	assert.Equal(t, []string{"a", "a2", "b", "b2", "c", "c2"}, whole)
	for {
		next := ""
		for page, err := range client.TransactionPages(t.Context(), req) {
			require.NoError(t, err)
			pieces = append(pieces, page.Transactions[0].Description)
			next = page.Next
			break
		}
		if next == "" {
			break
		}
		req.Page = next
	}
	assert.Equal(t, whole, pieces)
	assert.Len(t, slices.Compact(r.asked[:7]), 1+6, "the accounts were listed once in the first run")
	assert.Equal(t, 2, countOf(r.asked, "list"), "and once in the second")
}

func countOf(list []string, s string) int {
	n := 0
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

func pagesThatRepeatEndWithAnError(t *testing.T) {
	t.Parallel()
	r, client, _ := reading(t)
	r.institute, r.next = []bankmux.InstitutionListing{{}}, "again"
	n := 0
	var last error
	for _, err := range client.Institutions(t.Context(), bankmux.InstitutionsRequest{}) {
		last = err
		if n++; n > 10 {
			break
		}
	}
	assert.Equal(t, 3, n, "two pages and the error")
	require.ErrorIs(t, last, bankmux.ErrMalformed)
}

func anAnswerCarriesTheAdaptersOwnState(t *testing.T) {
	t.Parallel()
	r, client, conn := reading(t)
	var got *bankmux.Answers
	r.balance = func(id string, req bankmux.BalancesRequest) error {
		if id == "b" && req.Answers == nil {
			return &bankmux.Error{
				Kind: bankmux.ErrUserAction,
				Challenge: &bankmux.Challenge{
					ID:     "x",
					Inputs: []bankmux.Input{{Kind: bankmux.InputPIN}},
					State:  []byte(`{"mine":1}`),
				},
			}
		}
		if req.Answers != nil {
			got = req.Answers
		}
		return nil
	}
	_, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	r.asked = nil
	res, err := client.Balances(
		t.Context(),
		bankmux.BalancesRequest{Connection: conn, Answers: e.Challenge.Answer("1")},
	)
	require.NoError(t, err)
	assert.Len(t, res.Balances, 3)
	assert.Equal(t, []string{"b", "c"}, r.asked, "what was read is not read again")
	require.NotNil(t, got)
	assert.JSONEq(t, `{"mine":1}`, string(got.Challenge.State))
}

func aPageOfAnotherConnectionIsRefused(t *testing.T) {
	t.Parallel()
	_, client, conn := reading(t)
	for _, page := range []string{"x", "e30", "!!", "bnVsbA"} {
		for _, err := range client.Transactions(t.Context(),
			bankmux.TransactionsRequest{Connection: conn, Page: page}) {
			require.ErrorIs(t, err, bankmux.ErrInvalid, page)
		}
	}
}

func aChallengeOfAnotherOperationIsRefused(t *testing.T) {
	t.Parallel()
	r, client, conn := reading(t)
	r.list = func(req bankmux.AccountsRequest) error {
		if req.Answers == nil {
			return &bankmux.Error{
				Kind:      bankmux.ErrUserAction,
				Challenge: &bankmux.Challenge{ID: "x", Inputs: []bankmux.Input{{Kind: bankmux.InputOTP}}},
			}
		}
		return nil
	}
	_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	require.NotNil(t, e.Challenge)
	answers := e.Challenge.Answer("1")
	_, err = client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Answers: answers})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	_, err = client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn, Answers: answers})
	require.NoError(t, err)
	assert.NotContains(t, fmt.Sprintf("%+v %#v", answers, answers), `"1"`)
	tampered := *answers
	tampered.Challenge.State = json.RawMessage(`[]`)
	tampered.Challenge.Op = "Balances"
	_, err = client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Answers: &tampered})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
}

func TestAwaitRefresh(t *testing.T) {
	t.Parallel()
	t.Run("AwaitRefresh returns when the refresh has ended", awaitRefreshReturnsWhenTheRefreshHasEnded)
}

func awaitRefreshReturnsWhenTheRefreshHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, client, conn := reading(t)
		began := time.Now()
		started := bankmux.RefreshResult{
			Connection: conn,
			Asked:      []bankmux.Product{bankmux.ProductTransactions, bankmux.ProductIdentity},
			Products: []bankmux.ProductStatus{
				{Product: bankmux.ProductTransactions, RefreshedAt: began.Add(-time.Hour)},
			},
		}
		asked := 0
		r.status = func() bankmux.StatusResult {
			asked++
			res := bankmux.StatusResult{
				Products: []bankmux.ProductStatus{
					{Product: bankmux.ProductTransactions, RefreshedAt: began.Add(-time.Hour)},
					{Product: bankmux.ProductIdentity},
				},
			}
			if time.Since(began) > 10*time.Second {
				res.Products[1].AttemptedAt, res.Products[1].Kind = time.Now(), bankmux.ErrInstitution
			}
			if time.Since(began) > 40*time.Second {
				res.Products[0].RefreshedAt = time.Now()
			}
			return res
		}
		_, err := client.AwaitRefresh(t.Context(), started)
		partial, ok := errors.AsType[*bankmux.PartialError](err)
		require.True(t, ok, err)
		assert.Equal(t, bankmux.ProductIdentity, partial.Failed[0].Product)
		assert.Less(t, asked, 10, "less often as it goes on")
		assert.Equal(t, 51*time.Second, time.Since(began))
		for name, tc := range map[string]struct {
			now  bankmux.ProductStatus
			kind bankmux.Kind
		}{
			"failed, without a time":             {bankmux.ProductStatus{Product: bankmux.ProductTransactions, Kind: bankmux.ErrConsent}, bankmux.ErrConsent},
			"cannot be refreshed":                {bankmux.ProductStatus{Product: bankmux.ProductTransactions, Unavailable: true}, bankmux.ErrUnavailable},
			"was refreshed, and cannot be again": {bankmux.ProductStatus{Product: bankmux.ProductTransactions, Unavailable: true, RefreshedAt: began}, ""},
			"was refreshed, after a failure that is returned": {
				bankmux.ProductStatus{
					Product: bankmux.ProductTransactions, Kind: bankmux.ErrInstitution, RefreshedAt: began,
				},
				"",
			},
		} {
			r.status = func() bankmux.StatusResult {
				return bankmux.StatusResult{Products: []bankmux.ProductStatus{tc.now}}
			}
			one := started
			one.Asked = one.Asked[:1]
			_, err = client.AwaitRefresh(t.Context(), one)
			assert.Equal(t, tc.kind, bankmux.KindOf(err), name)
		}
		r.status = func() bankmux.StatusResult {
			return bankmux.StatusResult{
				Connection: bankmux.Connection{Status: bankmux.Status{State: bankmux.StateReauth}},
			}
		}
		_, err = client.AwaitRefresh(t.Context(), started)
		require.ErrorIs(t, err, bankmux.ErrReauth)
	})
}

// TestBalanceJSON specifies that a balance without a time has none in JSON.
func TestBalanceJSON(t *testing.T) {
	t.Parallel()
	ten, err := bankmux.NewMoney("10.00", "USD")
	require.NoError(t, err)
	at := time.Date(2026, time.November, 26, 9, 0, 0, 0, time.UTC)
	for text, balance := range map[string]bankmux.Balance{
		`{"kind":"booked","money":{"amount":"10.00","currency":"USD"}}`: {
			Kind: bankmux.BalanceBooked, Money: ten,
		},
		`{"kind":"booked","money":{"amount":"10.00","currency":"USD"},"as_of":"2026-11-26T09:00:00Z"}`: {
			Kind: bankmux.BalanceBooked, Money: ten, AsOf: at,
		},
	} {
		written, err := json.Marshal(balance)
		require.NoError(t, err)
		assert.JSONEq(t, text, string(written))
		var read bankmux.Balance
		require.NoError(t, json.Unmarshal(written, &read))
		assert.Equal(t, balance, read)
	}
	var earlier bankmux.Balance
	require.NoError(t, json.Unmarshal([]byte(`{"as_of":"0001-01-01T00:00:00Z"}`), &earlier))
	assert.True(t, earlier.AsOf.IsZero(), "what an earlier version stored")
}
