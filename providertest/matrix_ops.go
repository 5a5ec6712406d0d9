package providertest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// matrixOp is one column of the matrix.
type matrixOp struct {
	name    string
	effects []bankmux.Effect // that it may have; which one, the adapter decides
	ready   func(b *bench) (func(context.Context) error, error)
	counts  func(*http.Request) bool // the requests that are the operation, where others belong to it
	needs   []bankmux.Capability
	public  bool // sent without credentials
	decides bool // by the connection's state
}

// setUp makes the connection that the operation is about.
func (op matrixOp) setUp(b *bench) {
	b.conn = b.prepared(b.t.Context())
	b.accountID = ""
	if b.client.Has(bankmux.CapAccounts) {
		got, err := b.client.Accounts(b.t.Context(), bankmux.AccountsRequest{Connection: b.conn})
		require.NoError(b.t, err)
		require.NotEmpty(b.t, got.Accounts)
		b.accountID = got.Accounts[0].ID
	}
}

var (
	reads      = []bankmux.Effect{bankmux.Read}
	repeatable = []bankmux.Effect{bankmux.Idempotent}
	once       = []bankmux.Effect{bankmux.OneShot}
)

// errEmpty is for an answer that has nothing in it where something is: a broken answer was taken
// for an empty one.
var errEmpty = errors.New("nothing was told")

// matrixOps are the operations the adapter has, with its own at the end.
func matrixOps(b *bench, has map[bankmux.Capability]bool) []matrixOp {
	var ops []matrixOp
	for _, op := range []matrixOp{
		{name: "CreateSession", effects: []bankmux.Effect{bankmux.Idempotent, bankmux.Local}, ready: func(b *bench) (func(context.Context) error, error) {
			return func(ctx context.Context) error {
				s, err := b.client.CreateSession(ctx, b.Request)
				if err == nil && s.ID == "" {
					return errEmpty
				}
				return err
			}, nil
		}},
		{name: "CreateSession to reconnect", needs: []bankmux.Capability{bankmux.CapStatus}, effects: []bankmux.Effect{bankmux.Idempotent, bankmux.Local}, ready: func(b *bench) (func(context.Context) error, error) {
			return func(ctx context.Context) error {
				req := b.Request
				req.Reconnect = &b.conn
				_, err := b.client.CreateSession(ctx, req)
				return err
			}, nil
		}},
		{name: "ExchangeToken", effects: once, counts: b.IsExchange, ready: func(b *bench) (func(context.Context) error, error) {
			post := b.linked(b.session(b.t.Context()))
			return func(ctx context.Context) error {
				conn, err := b.client.ExchangeToken(ctx, post)
				if err == nil {
					b.concealCredential(conn)
				}
				return err
			}, nil
		}},
		{name: "ExchangeToken after a reconnect", needs: []bankmux.Capability{bankmux.CapStatus}, effects: []bankmux.Effect{bankmux.OneShot, bankmux.Read}, decides: true, ready: reconnected},
		on("ConnectionStatus", bankmux.CapStatus, reads, func(ctx context.Context, b *bench) error {
			got, err := b.client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: b.conn})
			return empty(err, got.Connection.ID == "")
		}),
		{name: "Disconnect", needs: []bankmux.Capability{bankmux.CapDisconnect}, effects: repeatable, ready: func(b *bench) (func(context.Context) error, error) {
			conn := b.connect(b.t.Context())
			return func(ctx context.Context) error {
				got, err := b.client.Disconnect(ctx, bankmux.DisconnectRequest{Connection: conn})
				return empty(err, got.Connection.Status.State != bankmux.StateGone)
			}, nil
		}},
		on("Check", bankmux.CapCheck, reads, func(ctx context.Context, b *bench) error { return b.client.Check(ctx) }),
		on("Institutions", bankmux.CapInstitutions, reads, func(ctx context.Context, b *bench) error {
			for _, err := range b.client.Institutions(ctx, bankmux.InstitutionsRequest{Country: b.Request.Country}) {
				return err // the first page is one call
			}
			return errEmpty
		}),
		on("Institution", bankmux.CapInstitutions, reads, func(ctx context.Context, b *bench) error {
			got, err := b.client.Institution(ctx, bankmux.InstitutionRequest{ID: b.conn.Institution.ID})
			return empty(err, got.ID == "")
		}),
		on("Accounts", bankmux.CapAccounts, reads, func(ctx context.Context, b *bench) error {
			got, err := b.client.Accounts(ctx, bankmux.AccountsRequest{Connection: b.conn})
			return empty(err, len(got.Accounts) == 0)
		}),
		on("Balances", bankmux.CapBalances, reads, func(ctx context.Context, b *bench) error {
			got, err := b.client.Balances(ctx, bankmux.BalancesRequest{Connection: b.conn, Accounts: []string{b.accountID}})
			return empty(err, len(got.Balances) == 0)
		}),
		on("AccountNumbers", bankmux.CapAccountNumbers, reads, func(ctx context.Context, b *bench) error {
			got, err := b.client.AccountNumbers(ctx, bankmux.AccountNumbersRequest{Connection: b.conn})
			return empty(err, len(got.Accounts) == 0)
		}),
		on("Identity", bankmux.CapIdentity, reads, func(ctx context.Context, b *bench) error {
			got, err := b.client.Identity(ctx, bankmux.IdentityRequest{Connection: b.conn})
			return empty(err, len(got.Owners) == 0)
		}),
		on("Cards", bankmux.CapCards, reads, func(ctx context.Context, b *bench) error {
			_, err := b.client.Cards(ctx, bankmux.CardsRequest{Connection: b.conn})
			return err
		}),
		on("Transactions", bankmux.CapTransactions, reads, func(ctx context.Context, b *bench) error { return b.firstPage(ctx, false) }),
		on("Transactions enriched", bankmux.CapEnrichment, reads, func(ctx context.Context, b *bench) error { return b.firstPage(ctx, true) }),
		on("Sync", bankmux.CapSync, reads, func(ctx context.Context, b *bench) error {
			got, err := b.client.Sync(ctx, bankmux.SyncRequest{Connection: b.conn})
			if len(got.Failed) > 0 {
				return got.Failed[0].Err
			}
			return empty(err, got.Next == "")
		}),
		on("Holdings", bankmux.CapHoldings, reads, func(ctx context.Context, b *bench) error {
			_, err := b.client.Holdings(ctx, bankmux.HoldingsRequest{Connection: b.conn})
			return err
		}),
		on("InvestmentTransactions", bankmux.CapInvestmentTransactions, reads, func(ctx context.Context, b *bench) error {
			return firstError(b.client.InvestmentTransactions(ctx, bankmux.InvestmentTransactionsRequest{Connection: b.conn}))
		}),
		{name: "Refresh", needs: []bankmux.Capability{bankmux.CapRefresh}, effects: once, ready: func(b *bench) (func(context.Context) error, error) {
			time.Sleep(25 * time.Hour) // of the bubble's: providers allow one an hour, or a day
			if err := b.awake(b.t.Context()); err != nil {
				return nil, err
			}
			return func(ctx context.Context) error {
				_, err := b.client.Refresh(ctx, bankmux.RefreshRequest{Connection: b.conn, Products: []bankmux.Product{bankmux.ProductAccounts}})
				return err
			}, nil
		}},
	} {
		present := true
		for _, needed := range op.needs {
			present = present && has[needed]
		}
		if present {
			ops = append(ops, op)
		}
	}
	for _, own := range b.Operations {
		ops = append(ops, matrixOp{name: own.Name, effects: []bankmux.Effect{own.Effect}, public: own.Public, ready: func(b *bench) (func(context.Context) error, error) {
			return own.Prepare(b.t.Context(), b.client.Client, b.conn)
		}})
	}
	return ops
}

// on is an operation that may be repeated on the same connection and needs nothing else.
func on(name string, needs bankmux.Capability, effects []bankmux.Effect, call func(context.Context, *bench) error) matrixOp {
	return matrixOp{name: name, needs: []bankmux.Capability{needs}, effects: effects, ready: func(b *bench) (func(context.Context) error, error) {
		return func(ctx context.Context) error { return call(ctx, b) }, nil
	}}
}

func empty(err error, nothing bool) error {
	if err == nil && nothing {
		return errEmpty
	}
	return err
}

// firstPage reads one page of one account, which is one call.
func (b *bench) firstPage(ctx context.Context, enrich bool) error {
	for page, err := range b.client.TransactionPages(ctx, bankmux.TransactionsRequest{Connection: b.conn, Accounts: []string{b.accountID}, Enrich: enrich}) {
		if err == nil && len(page.Failed) > 0 {
			return page.Failed[0].Err
		}
		return empty(err, len(page.Transactions) == 0)
	}
	return errEmpty
}

// awake makes a call that does no more than renew what time has used up.
func (b *bench) awake(ctx context.Context) error {
	if !b.client.Has(bankmux.CapStatus) {
		return nil
	}
	_, err := b.client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: b.conn})
	return err
}

// reconnected lets the user finish a reconnect. Where that is a login of its own, the connection is
// kept as it is now.
func reconnected(b *bench) (func(context.Context) error, error) {
	req := b.Request
	req.Reconnect = &b.conn
	s, err := b.client.CreateSession(b.t.Context(), req)
	if err != nil {
		return nil, err
	}
	post := b.linked(s)
	return func(ctx context.Context) error {
		conn, err := b.client.ExchangeToken(ctx, post)
		if err == nil {
			b.concealCredential(conn)
			b.conn = conn
		}
		return err
	}, nil
}
