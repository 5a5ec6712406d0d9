package providertest

// This file lists the operations that the suite runs.

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
)

// operation is an operation of a client, or a function of the adapter's package. This table is the
// only list: the fault matrix, the one-shots and the unsupported calls follow from it.
type operation struct {
	name    string
	effects []bankmux.Effect // the possible effects; the adapter decides which one
	needs   bankmux.Capability
	// call runs the operation on the bench's connection and account. Without the capability it
	// returns ErrUnsupported.
	call func(ctx context.Context, b *bench) error
	// ready prepares one call without faults. Nil means that call needs no preparation.
	ready func(b *bench) (func(context.Context) error, error)
	// counts selects the requests of the operation, if the call sends others. Nil selects all.
	counts  func(*http.Request) bool
	public  bool // sent without credentials
	decides bool // its result depends on the connection's state
	apart   bool // not in the matrix, because it passes neither retries nor circuit breakers
}

// prepare prepares one call.
func (op operation) prepare(b *bench) (func(context.Context) error, error) {
	if op.ready == nil {
		return func(ctx context.Context) error { return op.call(ctx, b) }, nil
	}
	return op.ready(b)
}

// setUp makes the connection that the operation uses.
func (op operation) setUp(b *bench) {
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
	local      = []bankmux.Effect{bankmux.Idempotent, bankmux.Local}
	spends     = []bankmux.Effect{bankmux.OneShot, bankmux.Read}
)

// errEmpty means that a result lacks what the backend has: the adapter read a broken response as an
// empty one.
var errEmpty = errors.New("the response was read as empty")

// operations returns the table. Add a new operation here, and its call in recording_client.go.
func operations(b *bench) []operation {
	return slices.Concat(
		linkOperations(b), applicationOperations(), accountOperations(), rowOperations(), eventOperations(b),
	)
}

// linkOperations are those of a session and its connection.
func linkOperations(b *bench) []operation {
	return []operation{
		{
			name: bankmux.OpCreateSession, effects: local,
			call: func(ctx context.Context, b *bench) error {
				s, err := b.client.CreateSession(ctx, b.Request)
				return empty(err, s.ID == "")
			},
		},
		{
			name: "CreateSession to reconnect", needs: bankmux.CapStatus, effects: local,
			ready: func(b *bench) (func(context.Context) error, error) {
				return func(ctx context.Context) error {
					req := b.Request
					req.Reconnect = &b.conn
					_, err := b.client.CreateSession(ctx, req)
					return err
				}, nil
			},
		},
		{name: bankmux.OpExchangeToken, effects: spends, counts: b.IsExchange, ready: exchange},
		{
			name: "ExchangeToken after a reconnect", needs: bankmux.CapStatus,
			effects: spends, decides: true, ready: reconnected,
		},
		{
			name: bankmux.OpConnectionStatus, needs: bankmux.CapStatus, effects: reads,
			call: func(ctx context.Context, b *bench) error {
				got, err := b.client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: b.conn})
				return empty(err, got.Connection.ID == "")
			},
		},
		{
			name: bankmux.OpDisconnect, needs: bankmux.CapDisconnect, effects: repeatable,
			call: func(ctx context.Context, b *bench) error { return disconnect(ctx, b, b.conn) },
			ready: func(b *bench) (func(context.Context) error, error) {
				conn := b.connect(b.t.Context())
				return func(ctx context.Context) error { return disconnect(ctx, b, conn) }, nil
			},
		},
	}
}

// applicationOperations are those without a connection.
func applicationOperations() []operation {
	return []operation{
		{
			name: "Check", needs: bankmux.CapCheck, effects: reads,
			call: func(ctx context.Context, b *bench) error { return b.client.Check(ctx) },
		},
		{
			name: bankmux.OpInstitutions, needs: bankmux.CapInstitutions, effects: reads,
			call: func(ctx context.Context, b *bench) error {
				req := bankmux.InstitutionsRequest{Country: b.Request.Country}
				for _, err := range b.client.Institutions(ctx, req) {
					return err // the first page is one call
				}
				return errEmpty
			},
		},
		{
			name: bankmux.OpInstitution, needs: bankmux.CapInstitutions, effects: reads,
			call: func(ctx context.Context, b *bench) error {
				got, err := b.client.Institution(ctx, bankmux.InstitutionRequest{ID: b.conn.Institution.ID})
				return empty(err, got.ID == "")
			},
		},
	}
}

// accountOperations are those of accounts.
func accountOperations() []operation {
	return []operation{
		{
			name: bankmux.OpAccounts, needs: bankmux.CapAccounts, effects: reads,
			call: func(ctx context.Context, b *bench) error {
				got, err := b.client.Accounts(ctx, bankmux.AccountsRequest{Connection: b.conn})
				return empty(err, len(got.Accounts) == 0)
			},
		},
		{
			name: bankmux.OpBalances, needs: bankmux.CapBalances, effects: reads,
			call: func(ctx context.Context, b *bench) error {
				req := bankmux.BalancesRequest{Connection: b.conn, Accounts: []string{b.accountID}}
				got, err := b.client.Balances(ctx, req)
				return empty(err, len(got.Balances) == 0)
			},
		},
		{
			name: bankmux.OpAccountNumbers, needs: bankmux.CapAccountNumbers, effects: reads,
			call: func(ctx context.Context, b *bench) error {
				got, err := b.client.AccountNumbers(ctx, bankmux.AccountNumbersRequest{Connection: b.conn})
				return empty(err, len(got.Accounts) == 0)
			},
		},
		{
			name: bankmux.OpIdentity, needs: bankmux.CapIdentity, effects: reads,
			call: func(ctx context.Context, b *bench) error {
				got, err := b.client.Identity(ctx, bankmux.IdentityRequest{Connection: b.conn})
				return empty(err, len(got.Owners) == 0)
			},
		},
		{
			name:    bankmux.OpCards,
			needs:   bankmux.CapCards,
			effects: reads,
			call: func(ctx context.Context, b *bench) error {
				_, err := b.client.Cards(ctx, bankmux.CardsRequest{Connection: b.conn})
				return err
			},
		},
		{
			name: bankmux.OpHoldings, needs: bankmux.CapHoldings, effects: reads,
			call: func(ctx context.Context, b *bench) error {
				_, err := b.client.Holdings(ctx, bankmux.HoldingsRequest{Connection: b.conn})
				return err
			},
		},
	}
}

// rowOperations are those of transactions and holdings.
func rowOperations() []operation {
	return []operation{
		{
			name: bankmux.OpTransactions, needs: bankmux.CapTransactions, effects: reads,
			call: func(ctx context.Context, b *bench) error { return b.firstPage(ctx, false) },
		},
		{
			name: "Transactions enriched", needs: bankmux.CapEnrichment, effects: reads,
			call: func(ctx context.Context, b *bench) error { return b.firstPage(ctx, true) },
		},
		{name: bankmux.OpSync, needs: bankmux.CapSync, effects: reads, call: func(ctx context.Context, b *bench) error {
			got, err := b.client.Sync(ctx, bankmux.SyncRequest{Connection: b.conn})
			if len(got.Failed) > 0 {
				return got.Failed[0].Err
			}
			return empty(err, got.Next == "")
		}},
		{
			name: bankmux.OpInvestmentTransactions, needs: bankmux.CapInvestmentTransactions, effects: reads,
			call: func(ctx context.Context, b *bench) error {
				return firstError(
					b.client.InvestmentTransactions(ctx, bankmux.InvestmentTransactionsRequest{Connection: b.conn}),
				)
			},
		},
	}
}

// eventOperations are those of refreshes and deliveries.
func eventOperations(b *bench) []operation {
	return []operation{
		{
			name: bankmux.OpRefresh, needs: bankmux.CapRefresh, effects: once, counts: b.Refresh.Is, call: refresh,
			ready: func(b *bench) (func(context.Context) error, error) {
				time.Sleep(b.Refresh.Every + time.Minute) // virtual time
				if err := b.awake(b.t.Context()); err != nil {
					return nil, err
				}
				return func(ctx context.Context) error { return refresh(ctx, b) }, nil
			},
		},
		{
			name: bankmux.OpReadWebhook, needs: bankmux.CapWebhooks, apart: true,
			call: func(ctx context.Context, b *bench) error {
				_, err := b.client.ReadWebhook(ctx, bankmux.WebhookRequest{})
				return err
			},
		},
	}
}

// crossable returns the operations that the adapter has, with those of its package at the end.
func crossable(b *bench, has capabilities) []operation {
	ops := slices.DeleteFunc(operations(b), func(op operation) bool { return op.apart || !has.all(op.needs) })
	for _, own := range b.Operations {
		ops = append(ops, operation{
			name: own.Name, effects: []bankmux.Effect{own.Effect}, public: own.Public, counts: own.Counts,
			ready: func(b *bench) (func(context.Context) error, error) {
				call, err := own.Prepare(b.t.Context(), b.client.Client, b.conn)
				return func(ctx context.Context) error {
					defer b.enter(own.Name)()
					return call(ctx)
				}, err
			},
		})
	}
	return ops
}

func exchange(b *bench) (func(context.Context) error, error) {
	post := b.linked(b.session(b.t.Context()))
	return func(ctx context.Context) error {
		_, err := b.client.ExchangeToken(ctx, post)
		return err
	}, nil
}

func disconnect(ctx context.Context, b *bench, conn bankmux.Connection) error {
	got, err := b.client.Disconnect(ctx, bankmux.DisconnectRequest{Connection: conn})
	return empty(err, got.Connection.Status.State != bankmux.StateGone)
}

func refresh(ctx context.Context, b *bench) error {
	product := cmp.Or(b.Refresh.Product, bankmux.ProductAccounts)
	_, err := b.client.Refresh(ctx, bankmux.RefreshRequest{Connection: b.conn, Products: []bankmux.Product{product}})
	return err
}

func empty(err error, nothing bool) error {
	if err == nil && nothing {
		return errEmpty
	}
	return err
}

// firstPage reads one page of one account, in one call.
func (b *bench) firstPage(ctx context.Context, enrich bool) error {
	for page, err := range b.client.TransactionPages(
		ctx, bankmux.TransactionsRequest{Connection: b.conn, Accounts: []string{b.accountID}, Enrich: enrich},
	) {
		if err == nil && len(page.Failed) > 0 {
			return page.Failed[0].Err
		}
		return empty(err, len(page.Transactions) == 0)
	}
	return errEmpty
}

// awake makes a call that renews an expired access token of the application.
func (b *bench) awake(ctx context.Context) error {
	if !b.client.Has(bankmux.CapStatus) {
		return nil
	}
	_, err := b.client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: b.conn})
	return err
}

// reconnected lets the user finish a reconnect. If the result is a new login, the bench keeps the
// new connection.
func reconnected(b *bench) (func(context.Context) error, error) {
	req := b.Request
	req.Reconnect = &b.conn
	s, err := b.client.CreateSession(b.t.Context(), req)
	if err != nil {
		return nil, err
	}
	post := b.linked(s)
	return func(ctx context.Context) error {
		conn, err := single.Connection(b.client.ExchangeToken(ctx, post))
		if err == nil {
			b.conn = conn
		}
		return err
	}, nil
}
