package providertest

// This file has the client that records all it returns.

import (
	"context"
	"errors"
	"iter"

	"github.com/bankmux/bankmux"
)

// viewed is the client under test. It shows all requests, results and errors, and conceals the
// credentials in them.
type viewed struct {
	*bankmux.Client
	b *bench
}

// With is [bankmux.Client.With].
func (v *viewed) With(in ...bankmux.Interceptor) *viewed { return &viewed{v.Client.With(in...), v.b} }

// view makes a call and shows its request, result and error.
func view[Req, Res any](
	ctx context.Context,
	v *viewed,
	name string,
	req Req,
	call func(context.Context, Req) (Res, error),
) (Res, error) {
	leave := v.b.enter(name)
	res, err := call(ctx, req)
	leave()
	v.b.show(req)
	v.b.got(res, err)
	return res, err
}

// views does the same for a sequence.
func views[Req, Res any](v *viewed, name string, req Req, list iter.Seq2[Res, error]) iter.Seq2[Res, error] {
	return func(yield func(Res, error) bool) {
		v.b.show(req)
		leave := v.b.enter(name)
		for res, err := range list {
			v.b.got(res, err)
			if !yield(res, err) {
				break
			}
		}
		leave()
	}
}

// got shows the result and the error of a call. A result beside an error is empty, except that of a
// partial error.
func (b *bench) got(res any, err error) {
	b.mu.Lock()
	if b.returned != nil {
		*b.returned = append(*b.returned, res)
	}
	b.mu.Unlock()
	switch r := res.(type) {
	case bankmux.Session:
		b.conceal(r.Launch.Token.Reveal())
		b.conceal(r.Launch.URL.Reveal())
		b.conceal(r.State.Reveal())
	case bankmux.ExchangeResult:
		for _, conn := range r.All() {
			b.concealCredential(conn)
			if err == nil {
				b.keeper.Put(conn) // as an application stores it
			}
		}
	case bankmux.Connection:
		b.concealCredential(r)
	case bankmux.WebhookResult:
		for _, e := range r.Events {
			b.show(e)
		}
	}
	if _, partial := errors.AsType[*bankmux.PartialError](err); err == nil || partial {
		b.show(res)
	}
	b.show(err)
}

func (v *viewed) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	return view(ctx, v, bankmux.OpCreateSession, req, v.Client.CreateSession)
}

func (v *viewed) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	return view(ctx, v, bankmux.OpExchangeToken, req, v.Client.ExchangeToken)
}

func (v *viewed) ConnectionStatus(ctx context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	return view(ctx, v, bankmux.OpConnectionStatus, req, v.Client.ConnectionStatus)
}

func (v *viewed) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	return view(ctx, v, bankmux.OpDisconnect, req, v.Client.Disconnect)
}

func (v *viewed) Check(ctx context.Context) error {
	leave := v.b.enter("Check")
	err := v.Client.Check(ctx)
	leave()
	v.b.show(err)
	return err
}

func (v *viewed) Institution(ctx context.Context, req bankmux.InstitutionRequest) (bankmux.InstitutionListing, error) {
	return view(ctx, v, bankmux.OpInstitution, req, v.Client.Institution)
}

func (v *viewed) Institutions(
	ctx context.Context,
	req bankmux.InstitutionsRequest,
) iter.Seq2[bankmux.InstitutionListing, error] {
	return views(v, bankmux.OpInstitutions, req, v.Client.Institutions(ctx, req))
}

func (v *viewed) Accounts(ctx context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	return view(ctx, v, bankmux.OpAccounts, req, v.Client.Accounts)
}

func (v *viewed) Balances(ctx context.Context, req bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	return view(ctx, v, bankmux.OpBalances, req, v.Client.Balances)
}

func (v *viewed) AccountNumbers(
	ctx context.Context,
	req bankmux.AccountNumbersRequest,
) (bankmux.AccountNumbersResult, error) {
	return view(ctx, v, bankmux.OpAccountNumbers, req, v.Client.AccountNumbers)
}

func (v *viewed) Identity(ctx context.Context, req bankmux.IdentityRequest) (bankmux.IdentityResult, error) {
	return view(ctx, v, bankmux.OpIdentity, req, v.Client.Identity)
}

func (v *viewed) Cards(ctx context.Context, req bankmux.CardsRequest) (bankmux.CardsResult, error) {
	return view(ctx, v, bankmux.OpCards, req, v.Client.Cards)
}

func (v *viewed) Transactions(
	ctx context.Context,
	req bankmux.TransactionsRequest,
) iter.Seq2[bankmux.Transaction, error] {
	return views(v, bankmux.OpTransactions, req, v.Client.Transactions(ctx, req))
}

func (v *viewed) TransactionPages(
	ctx context.Context,
	req bankmux.TransactionsRequest,
) iter.Seq2[bankmux.TransactionPage, error] {
	return views(v, "TransactionPages", req, v.Client.TransactionPages(ctx, req))
}

func (v *viewed) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	return view(ctx, v, bankmux.OpSync, req, v.Client.Sync)
}

// SyncAll shows the result with every error, because it is always valid.
func (v *viewed) SyncAll(ctx context.Context, req bankmux.SyncAllRequest) (bankmux.SyncAllResult, error) {
	res, err := view(ctx, v, bankmux.OpSyncAll, req, v.Client.SyncAll)
	v.b.show(res)
	return res, err
}

func (v *viewed) Holdings(ctx context.Context, req bankmux.HoldingsRequest) (bankmux.HoldingsResult, error) {
	return view(ctx, v, bankmux.OpHoldings, req, v.Client.Holdings)
}

func (v *viewed) InvestmentTransactions(
	ctx context.Context,
	req bankmux.InvestmentTransactionsRequest,
) iter.Seq2[bankmux.InvestmentTransaction, error] {
	return views(v, bankmux.OpInvestmentTransactions, req, v.Client.InvestmentTransactions(ctx, req))
}

func (v *viewed) InvestmentTransactionPages(
	ctx context.Context,
	req bankmux.InvestmentTransactionsRequest,
) iter.Seq2[bankmux.InvestmentTransactionPage, error] {
	return views(v, "InvestmentTransactionPages", req, v.Client.InvestmentTransactionPages(ctx, req))
}

func (v *viewed) Refresh(ctx context.Context, req bankmux.RefreshRequest) (bankmux.RefreshResult, error) {
	return view(ctx, v, bankmux.OpRefresh, req, v.Client.Refresh)
}

func (v *viewed) AwaitRefresh(ctx context.Context, started bankmux.RefreshResult) (bankmux.StatusResult, error) {
	return view(ctx, v, bankmux.OpAwaitRefresh, started, v.Client.AwaitRefresh)
}

func (v *viewed) Resume(ctx context.Context, req bankmux.ResumeRequest) (bankmux.Resumed, error) {
	return view(ctx, v, "Resume", req, v.Client.Resume)
}

func (v *viewed) ReadWebhook(ctx context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	return view(ctx, v, bankmux.OpReadWebhook, req, v.Client.ReadWebhook)
}
