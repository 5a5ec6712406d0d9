package bankmux_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// asker is an adapter whose bank asks the user before every read.
type asker struct {
	fake
	perAccount bool
	got        []any // the requests that came with answers, without their connection and answers
}

func (a *asker) Describe() bankmux.Description {
	return bankmux.Description{Provider: "asker", Environment: bankmux.Sandbox, PerAccount: a.perAccount}
}

func (a *asker) ask(answers *bankmux.Answers, req any) error {
	if answers == nil {
		return &bankmux.Error{Kind: bankmux.ErrUserAction, Challenge: &bankmux.Challenge{
			ID: "op-1", Inputs: []bankmux.Input{{Kind: bankmux.InputOTP}},
		}}
	}
	a.got = append(a.got, req)
	return nil
}

func (a *asker) ConnectionStatus(_ context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	return bankmux.StatusResult{Connection: req.Connection}, a.ask(req.Answers, "status")
}

func (a *asker) Accounts(_ context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	return bankmux.AccountsResult{Accounts: []bankmux.Account{{ID: "a"}}}, a.ask(req.Answers, req.Accounts)
}

func (a *asker) AccountNumbers(
	_ context.Context, req bankmux.AccountNumbersRequest,
) (bankmux.AccountNumbersResult, error) {
	return bankmux.AccountNumbersResult{Accounts: []bankmux.AccountNumbers{{Account: "a"}}},
		a.ask(req.Answers, "numbers")
}

func (a *asker) Balances(_ context.Context, req bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	want := bankmux.BalancesRequest{
		Accounts: req.Accounts, Cards: req.Cards, Known: req.Known, Fresh: req.Fresh, MaxAge: req.MaxAge,
	}
	err := a.ask(req.Answers, want)
	if err != nil {
		return bankmux.BalancesResult{}, err
	}
	return bankmux.BalancesResult{Balances: []bankmux.AccountBalances{{Account: req.Accounts[0]}}}, nil
}

func (a *asker) Identity(_ context.Context, req bankmux.IdentityRequest) (bankmux.IdentityResult, error) {
	return bankmux.IdentityResult{Owners: []bankmux.Owner{{}}}, a.ask(req.Answers, req.Accounts)
}

func (a *asker) Cards(_ context.Context, req bankmux.CardsRequest) (bankmux.CardsResult, error) {
	return bankmux.CardsResult{Cards: []bankmux.Card{{ID: "card"}}}, a.ask(req.Answers, "cards")
}

func (a *asker) TransactionPage(
	_ context.Context, req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	req.Connection = bankmux.Connection{}
	answers := req.Answers
	req.Answers = nil
	return bankmux.TransactionPage{Transactions: []bankmux.Transaction{{ID: "t"}}}, a.ask(answers, req)
}

func (a *asker) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	if req.Answers == nil {
		return bankmux.Delta{}, a.ask(nil, nil)
	}
	known := 0
	for _, err := range req.Known(ctx, req.AccountName("a"), bankmux.Date{}, bankmux.Date{}) {
		if err != nil {
			return bankmux.Delta{}, err
		}
		known++
	}
	return bankmux.Delta{Next: "next"},
		a.ask(req.Answers, []any{req.Cursor, req.Accounts, req.PageSize, req.Name("a"), known})
}

func (a *asker) Holdings(_ context.Context, req bankmux.HoldingsRequest) (bankmux.HoldingsResult, error) {
	return bankmux.HoldingsResult{Holdings: []bankmux.Holding{{Account: "a"}}}, a.ask(req.Answers, req.Accounts)
}

func (a *asker) InvestmentTransactionPage(
	_ context.Context, req bankmux.InvestmentTransactionsRequest,
) (bankmux.InvestmentTransactionPage, error) {
	if req.Page == "page 3" {
		a.got = append(a.got, req.Answers)
		return bankmux.InvestmentTransactionPage{}, nil
	}
	page := bankmux.InvestmentTransactionPage{Transactions: []bankmux.InvestmentTransaction{{ID: "i"}}, Next: "page 3"}
	return page, a.ask(req.Answers, []any{req.Accounts, req.From, req.To, req.PageSize, req.Page})
}

func (a *asker) Refresh(_ context.Context, req bankmux.RefreshRequest) (bankmux.RefreshResult, error) {
	return bankmux.RefreshResult{JobID: "job"}, a.ask(req.Answers, req.Products)
}

// Rates is an operation of this adapter alone.
func (a *asker) Rates(answers *bankmux.Answers) error { return a.ask(answers, "rates") }

// firstOf returns the first page of a sequence.
func firstOf[P any](pages iter.Seq2[P, error]) (page P, err error) {
	for page, err = range pages {
		return page, err
	}
	return page, errors.New("no page")
}

// otherProcess returns what another process finds in the table of open challenges.
func otherProcess(t *testing.T, err error) bankmux.Challenge {
	t.Helper()
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok, "%v", err)
	require.NotNil(t, e.Challenge, "%v", err)
	ring, err := bankmux.NewKeyring(key("k1", 1))
	require.NoError(t, err)
	raw, err := json.Marshal(e.Challenge)
	require.NoError(t, err)
	box, err := ring.Encrypt(raw, []byte("c1"))
	require.NoError(t, err)
	raw, err = ring.Decrypt(box, []byte("c1"))
	require.NoError(t, err)
	var ch bankmux.Challenge
	require.NoError(t, json.Unmarshal(raw, &ch))
	return ch
}

func noRows(context.Context, string, bankmux.Date, bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) { yield(bankmux.Known{Key: "row"}, nil) }
}
