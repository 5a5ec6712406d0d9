package providertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// harmless faults only take time, or have another.
func harmless(f wirefault.Fault) bool { return f.Name == "slow" || f.Name == "clock_skew" }

func limited(f wirefault.Fault) bool {
	return f.Name == "rate_limited" || f.Name == "rate_limited_seconds" || f.Name == "rate_limited_date" || f.Name == "rate_limited_skewed"
}

// faults crosses every fault of the wire with the operations.
func faults(t *testing.T, newHarness func(*testing.T) Harness, has map[bankmux.Capability]bool) {
	for _, f := range wirefault.All() {
		t.Run("exchange/"+f.Name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, newHarness, func(t *testing.T, b *bench) { brokenExchange(t, b, f) })
		})
		t.Run("session/"+f.Name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, newHarness, func(t *testing.T, b *bench) { brokenSession(t, b, f) })
		})
		if has[bankmux.CapStatus] {
			t.Run("status/"+f.Name, func(t *testing.T) {
				t.Parallel()
				inBubble(t, newHarness, func(t *testing.T, b *bench) {
					conn := b.connect(t.Context())
					brokenRead(t, b, f, func(ctx context.Context) error {
						_, err := b.client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
						return err
					})
				})
			})
		}
	}
	if has[bankmux.CapAccounts] && has[bankmux.CapTransactions] {
		for _, f := range wirefault.All() {
			for name, read := range map[string]func(*bench, bankmux.Connection, string) func(context.Context) error{
				"accounts": func(b *bench, conn bankmux.Connection, _ string) func(context.Context) error {
					return func(ctx context.Context) error {
						got, err := b.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
						if err == nil && len(got.Accounts) == 0 {
							return errors.New("a broken answer was taken for an empty one")
						}
						return err
					}
				},
				"transactions": func(b *bench, conn bankmux.Connection, account string) func(context.Context) error {
					return func(ctx context.Context) error {
						n := 0
						for _, err := range b.client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn, Accounts: []string{account}}) {
							if f, ok := errors.AsType[bankmux.Failure](err); ok {
								return f.Err
							}
							if err != nil {
								return err
							}
							n++
						}
						if n == 0 {
							return errors.New("a broken answer was taken for an empty one")
						}
						return nil
					}
				},
			} {
				t.Run(name+"/"+f.Name, func(t *testing.T) {
					t.Parallel()
					inBubble(t, newHarness, func(t *testing.T, b *bench) {
						conn := b.prepared(t.Context())
						all, err := b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
						require.NoError(t, err)
						brokenRead(t, b, f, read(b, conn, all.Accounts[0].ID))
					})
				})
			}
		}
	}
	if has[bankmux.CapDisconnect] && has[bankmux.CapStatus] {
		for _, f := range wirefault.All() {
			t.Run("disconnect/"+f.Name, func(t *testing.T) {
				t.Parallel()
				inBubble(t, newHarness, func(t *testing.T, b *bench) { brokenDisconnect(t, b, f) })
			})
		}
	}
	for name, f := range map[string]func(*testing.T, *bench){
		"a refused connection is repeated, for nothing was sent":        refusedConnection,
		"the caller's cancellation in mid-flight is an unknown outcome": cancelledExchange,
		"an outage opens the circuit, which refuses and heals":          outage,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, newHarness, f)
		})
	}
}

// brokenExchange: the exchange is sent once, whatever happens. It ends with the
// connection, with a definite no, or with an outcome that is said to be unknown.
func brokenExchange(t *testing.T, b *bench, f wirefault.Fault) {
	post := b.linked(b.session(t.Context()))
	b.inject(f, -1, b.IsExchange)
	began := time.Now()
	conn, err := b.client.ExchangeToken(t.Context(), post)
	assert.Less(t, time.Since(began), 10*time.Minute)
	assert.Equal(t, 1, b.exchanges(), "a one-shot is sent once")
	switch {
	case err == nil:
		assert.True(t, f.Processed, "a connection out of nothing")
		assert.Equal(t, post.Session.ConnectionID, conn.ID)
		assert.NotEmpty(t, conn.Reference)
		assert.NotEqual(t, "duplicate", conn.Reference)
	case limited(f):
		checkLimit(t, b, f, err)
	default:
		b.show(err)
		assert.False(t, harmless(f), "%v", err)
		require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
	}
	b.heal()
	// Asking again with the same session and payload is how to find out.
	again, err := b.client.ExchangeToken(t.Context(), post)
	if err != nil {
		b.show(err)
		require.ErrorIs(t, err, bankmux.ErrTokenSpent)
		assert.True(t, f.Processed, "the token cannot be spent: nothing was carried out")
		return
	}
	assert.Equal(t, post.Session.ConnectionID, again.ID)
}

func checkLimit(t *testing.T, b *bench, f wirefault.Fault, err error) {
	t.Helper()
	b.show(err)
	require.ErrorIs(t, err, bankmux.ErrRateLimited)
	e, _ := errors.AsType[*bankmux.Error](err)
	if f.Name == "rate_limited" {
		assert.Zero(t, e.RetryAfter)
		return
	}
	assert.InDelta(t, wirefault.RetryAfter, e.RetryAfter, float64(time.Second), "the date has whole seconds")
}

// brokenSession: a fault that passes is survived, one that stays has its kind. A
// provider whose sessions are made locally is not concerned.
func brokenSession(t *testing.T, b *bench, f wirefault.Fault) {
	before := b.reached()
	b.session(t.Context())
	if b.reached() == before {
		b.inject(f, -1, nil)
		b.session(t.Context())
		return
	}
	brokenRead(t, b, f, func(ctx context.Context) error {
		_, err := b.client.CreateSession(ctx, b.Request)
		return err
	})
}

// brokenDisconnect: a connection that is said to be gone is gone, and asking again ends it.
func brokenDisconnect(t *testing.T, b *bench, f wirefault.Fault) {
	conn := b.connect(t.Context())
	b.inject(f, -1, nil)
	done, err := b.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
	b.show(err)
	b.heal()
	if err == nil {
		assert.True(t, f.Processed, "gone out of nothing")
		assert.Equal(t, bankmux.StateGone, done.Connection.Status.State)
		got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		require.NoError(t, err)
		assert.NotEqual(t, bankmux.StateActive, got.Connection.Status.State)
	}
	_, err = b.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
	require.NoError(t, err)
}

func brokenRead(t *testing.T, b *bench, f wirefault.Fault, call func(context.Context) error) {
	b.inject(f, -1, nil)
	err := call(t.Context())
	switch {
	case harmless(f):
		require.NoError(t, err)
	case limited(f):
		checkLimit(t, b, f, err)
	case err == nil:
		// Only a fault that leaves nothing to misread may pass, such as a body that
		// comes slowly but in time, or members where the adapter needs none.
		assert.Equal(t, "slow_body", f.Name)
	default:
		b.show(err)
		kind := bankmux.KindOf(err)
		assert.Contains(t, []bankmux.Kind{bankmux.ErrUnavailable, bankmux.ErrMalformed}, kind)
		e, _ := errors.AsType[*bankmux.Error](err)
		assert.Equal(t, bankmux.ScopeProvider, e.Affects())
		assert.False(t, e.Unlisted)
	}
	b.inject(f, 1, nil)
	err = call(t.Context())
	if err != nil {
		b.show(err)
		assert.Contains(t, []bankmux.Kind{bankmux.ErrUnavailable, bankmux.ErrMalformed}, bankmux.KindOf(err))
		if kind := bankmux.KindOf(err); kind == bankmux.ErrUnavailable || kind == bankmux.ErrRateLimited {
			assert.Fail(t, "a passing fault was not survived", "%v", err)
		}
	}
	b.heal()
	require.NoError(t, call(t.Context()))
}

func refusedConnection(t *testing.T, b *bench) {
	post := b.linked(b.session(t.Context()))
	b.transport.CloseIdleConnections()
	b.refuseConnections(true)
	dialled := b.dials()
	_, err := b.client.ExchangeToken(t.Context(), post)
	b.show(err)
	require.ErrorIs(t, err, bankmux.ErrUnavailable, "the outcome is known: nothing was sent")
	e, _ := errors.AsType[*bankmux.Error](err)
	assert.True(t, e.NotSent)
	assert.Greater(t, b.dials()-dialled, 1, "repeated")
	assert.Zero(t, b.exchanges())
	b.refuseConnections(false)
	_, err = b.client.ExchangeToken(t.Context(), post)
	assert.NoError(t, err)
}

func cancelledExchange(t *testing.T, b *bench) {
	post := b.linked(b.session(t.Context()))
	b.inject(mustLookup("hang_after"), -1, b.IsExchange)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel)
	began := time.Now()
	_, err := b.client.ExchangeToken(ctx, post)
	b.show(err)
	require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, time.Second, time.Since(began))
	assert.Equal(t, 1, b.exchanges())
}

func outage(t *testing.T, b *bench) {
	posts := make([]bankmux.ExchangeRequest, 12)
	for i := range posts {
		posts[i] = b.linked(b.session(t.Context()))
	}
	b.inject(mustLookup("unavailable"), -1, nil)
	sent := -1
	for _, post := range posts {
		before := b.reached()
		_, err := b.client.ExchangeToken(t.Context(), post)
		b.show(err)
		require.Error(t, err)
		if errors.Is(err, bankmux.ErrCircuitOpen) {
			sent = before
			break
		}
	}
	require.GreaterOrEqual(t, sent, 0, "the circuit did not open within %d failures", len(posts))
	_, err := b.client.CreateSession(t.Context(), b.Request)
	require.ErrorIs(t, err, bankmux.ErrCircuitOpen, "a session would lead the user nowhere")
	assert.Equal(t, sent, b.reached(), "refused without sending")
	b.heal()
	time.Sleep(time.Minute)
	for range 3 {
		b.connect(t.Context())
	}
}

func mustLookup(name string) wirefault.Fault {
	f, ok := wirefault.Lookup(name)
	if !ok {
		panic("providertest: no fault " + name)
	}
	return f
}
