package guard_test

// This file specifies what processes share through a fleet.

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// backend is a backend in memory that a test can slow down, stop or watch.
type backend struct {
	*guard.Memory
	delay    atomic.Int64 // of each request, in nanoseconds
	deaf     atomic.Bool  // it does not heed its context
	failing  atomic.Pointer[error]
	requests atomic.Int64
	stored   sync.Map // the values
}

func newBackend() *backend { return &backend{Memory: guard.NewMemory()} }

// before delays a request or lets it fail.
func (b *backend) before(ctx context.Context) error {
	b.requests.Add(1)
	if d := time.Duration(b.delay.Load()); d > 0 {
		if b.deaf.Load() {
			ctx = context.Background()
		}
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := b.failing.Load(); err != nil {
		return *err
	}
	return nil
}

func (b *backend) Acquire(ctx context.Context, c guard.Claim) (guard.Lease, error) {
	if err := b.before(ctx); err != nil {
		return guard.Lease{}, err
	}
	return b.Memory.Acquire(ctx, c)
}

func (b *backend) Release(ctx context.Context, r guard.Release) (bool, error) {
	if err := b.before(ctx); err != nil {
		return false, err
	}
	if r.Fact != nil {
		b.stored.Store(string(r.Fact.Value), true)
	}
	return b.Memory.Release(ctx, r)
}

func (b *backend) Facts(ctx context.Context) (map[string]guard.Fact, error) {
	if err := b.before(ctx); err != nil {
		return nil, err
	}
	return b.Memory.Facts(ctx)
}

func (b *backend) PutFact(ctx context.Context, name string, f guard.Fact) error {
	if err := b.before(ctx); err != nil {
		return err
	}
	b.stored.Store(string(f.Value), true)
	return b.Memory.PutFact(ctx, name, f)
}

func (b *backend) fail(err error) {
	if err == nil {
		b.failing.Store(nil)
		return
	}
	b.failing.Store(&err)
}

func keyring(t testing.TB) *bankmux.Keyring {
	t.Helper()
	keys, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	require.NoError(t, err)
	return keys
}

// process is one process of an application.
type process struct {
	fleet *guard.Fleet
	guard *guard.Guard
	in    []bankmux.Interceptor
}

func newProcess(t testing.TB, b guard.Backend, change ...func(*guard.Options)) *process {
	t.Helper()
	f, err := guard.NewFleet(b, keyring(t), guard.FleetOptions{})
	require.NoError(t, err)
	opts := guard.Options{
		OnePerConnection: true, Hold: true, Fleet: f, ProviderLimit: 4 * time.Minute,
		Retry: guard.RetryOptions{MaxAttempts: 1},
	}
	for _, c := range change {
		c(&opts)
	}
	g := guard.New(opts)
	return &process{fleet: f, guard: g, in: g.Interceptors()}
}

func (p *process) call(ctx context.Context, op bankmux.Op, send func(context.Context) error) error {
	return chain(p.in, op, send)(ctx)
}

func ok(context.Context) error { return nil }

// TestFleet specifies what holds among processes while the backend works.
func TestFleet(t *testing.T) {
	t.Parallel()
	t.Run("calls of all processes on one connection take turns", callsOfAllProcessesTakeTurns)
	t.Run("processes take turns in the order in which they asked", processesTakeTurnsInOrder)
	t.Run("a call that gave up leaves the queue", aCallThatGaveUpLeavesTheQueue)
	t.Run("the turn of a dead process ends after its deadline and the provider's limit", theTurnOfADeadProcessEnds)
	t.Run("a lease that ended before its call is counted and logged", aLostLeaseIsCounted)
	t.Run("a guarded call takes two requests", aGuardedCallTakesTwoRequests)
	t.Run("a challenge holds the connection in all processes", aChallengeHoldsInAllProcesses)
	t.Run("a rejected login holds in all processes until it is renewed in one", aRejectedLoginHoldsInAllProcesses)
	t.Run("a circuit that opened refuses calls of all processes", aCircuitRefusesInAllProcesses)
	t.Run("nothing that is stored can be read", nothingStoredCanBeRead)
	t.Run("a fleet needs a backend and keys", aFleetNeedsABackendAndKeys)
}

func callsOfAllProcessesTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		var all sync.WaitGroup
		running, done := 0, 0
		for range 4 {
			p := newProcess(t, b)
			for range 5 {
				all.Go(func() {
					assert.NoError(t, p.call(t.Context(), read, func(context.Context) error {
						running++
						assert.Equal(t, 1, running)
						time.Sleep(time.Second)
						running--
						done++
						return nil
					}))
				})
			}
		}
		start := time.Now()
		all.Wait()
		assert.Equal(t, 20, done)
		assert.Less(t, time.Since(start), 25*time.Second, "each turn is taken within a poll")
	})
}

func processesTakeTurnsInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		var all sync.WaitGroup
		var order []int
		for i := range 8 {
			p := newProcess(t, b)
			all.Go(func() {
				assert.NoError(t, p.call(t.Context(), read, func(context.Context) error {
					order = append(order, i)
					time.Sleep(5 * time.Second)
					return nil
				}))
			})
			time.Sleep(500 * time.Millisecond)
		}
		all.Wait()
		assert.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7}, order)
	})
}

func aCallThatGaveUpLeavesTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		holder, impatient, next := newProcess(t, b), newProcess(t, b), newProcess(t, b)
		var all sync.WaitGroup
		all.Go(func() {
			_ = holder.call(t.Context(), read,
				func(context.Context) error { time.Sleep(1100 * time.Millisecond); return nil })
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := impatient.call(ctx, read, func(context.Context) error { t.Error("sent"); return nil })
		assert.Equal(t, time.Second, time.Since(start))
		e, found := errors.AsType[*bankmux.Error](err)
		require.True(t, found)
		assert.Equal(t, bankmux.ErrContextDone, e.Kind)
		assert.True(t, e.NotSent)
		start = time.Now()
		require.NoError(t, next.call(t.Context(), read, ok))
		assert.Less(t, time.Since(start), 400*time.Millisecond, "it does not wait for the place of the other")
		all.Wait()
		assert.Zero(t, impatient.fleet.Stats().Unleased)
	})
}

func theTurnOfADeadProcessEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		dead, other := newProcess(t, b), newProcess(t, b)
		stop := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() { // a process that dies never releases; here it does much too late
			_ = dead.call(t.Context(), read, func(context.Context) error { <-stop; return nil })
		})
		synctest.Wait()
		start := time.Now()
		require.NoError(t, other.call(t.Context(), read, ok))
		limit := 30*time.Second + 4*time.Minute // the deadline of the group link, and ProviderLimit
		assert.GreaterOrEqual(t, time.Since(start), limit)
		assert.Less(t, time.Since(start), limit+time.Second)
		close(stop)
		all.Wait()
		assert.EqualValues(t, 1, dead.fleet.Stats().Lost)
	})
}

func aLostLeaseIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		f, err := guard.NewFleet(newBackend(), keyring(t), guard.FleetOptions{
			Logger: slog.New(slog.NewTextHandler(&out, nil)),
		})
		require.NoError(t, err)
		in := guard.New(guard.Options{OnePerConnection: true, Fleet: f}).Interceptors()
		require.NoError(t, chain(in, read, ok)(t.Context()))
		assert.Zero(t, f.Stats().Lost)
		assert.Empty(t, out.String())
		late := func(context.Context) error { time.Sleep(31 * time.Second); return nil } // a suspended process
		require.NoError(t, chain(in, read, late)(t.Context()))
		assert.EqualValues(t, 1, f.Stats().Lost)
		assert.Equal(t, 1, strings.Count(out.String(), "took longer than its lease"))
	})
}

func aGuardedCallTakesTwoRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		p := newProcess(t, b)
		require.NoError(t, p.call(t.Context(), read, ok)) // and the board is read in the background
		synctest.Wait()
		before := b.requests.Load()
		require.NoError(t, p.call(t.Context(), read, ok))
		synctest.Wait()
		assert.EqualValues(t, 2, b.requests.Load()-before)
		before = b.requests.Load()
		require.NoError(t, p.call(t.Context(), local, ok))
		assert.Zero(t, b.requests.Load()-before, "a call that sends nothing takes none")
	})
}

func aChallengeHoldsInAllProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		first, second, third := newProcess(t, b), newProcess(t, b), newProcess(t, b)
		refused := func(context.Context) error { t.Error("sent"); return nil }
		require.Error(t, first.call(t.Context(), data("Accounts", "r", ""),
			func(context.Context) error { return asking("x") }))
		err := second.call(t.Context(), data("Balances", "r", ""), refused)
		e, found := errors.AsType[*bankmux.Error](err)
		require.True(t, found)
		require.ErrorIs(t, err, bankmux.ErrUserAction)
		assert.True(t, e.NotSent)
		assert.Equal(t, "x", e.Challenge.ID)
		require.ErrorIs(t, third.call(t.Context(), data("Accounts", "r", "old"), refused), bankmux.ErrChallengeExpired)
		require.NoError(t, third.call(t.Context(), data("Accounts", "new", ""), ok), "another login is free")
		require.Error(t, third.call(t.Context(), data("Accounts", "r", ""), refused), "and leaves the hold")
		require.NoError(t, second.call(t.Context(), data("Accounts", "r", "x"), ok),
			"it is answered in another process")
		require.NoError(t, first.call(t.Context(), data("Balances", "r", ""), ok), "the first one learns that")
		require.NoError(t, third.call(t.Context(), data("Balances", "r", ""), ok))

		require.Error(t, second.call(t.Context(), data("Accounts", "r", ""),
			func(context.Context) error { return asking("y") }))
		time.Sleep(time.Minute)
		require.NoError(t, first.call(t.Context(), data("Balances", "r", ""), ok), "it has expired")
	})
}

func aRejectedLoginHoldsInAllProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		first, second := newProcess(t, b), newProcess(t, b)
		rejected := &bankmux.Error{Kind: bankmux.ErrReauth, Code: "INVALID_CREDENTIALS"}
		require.Error(t,
			first.call(t.Context(), data("Accounts", "r", ""), func(context.Context) error { return rejected }))
		err := second.call(t.Context(), data("Accounts", "r", ""), ok)
		require.ErrorIs(t, err, bankmux.ErrReauth)
		e, _ := errors.AsType[*bankmux.Error](err)
		assert.Equal(t, "INVALID_CREDENTIALS", e.Code)
		reconnect := data(bankmux.OpExchangeToken, "new", "")
		reconnect.Reconnect, reconnect.LinkedAt = true, time.Now()
		require.NoError(t, second.call(t.Context(), reconnect, ok))
		require.NoError(t, first.call(t.Context(), data("Accounts", "r", ""), ok), "a reconnect ends it for all logins")
	})
}

func aCircuitRefusesInAllProcesses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails error
		kind  bankmux.Kind
	}{
		"of a provider":     {errDown, bankmux.ErrCircuitOpen},
		"of an institution": {&bankmux.Error{Kind: bankmux.ErrInstitution, Status: 500}, bankmux.ErrInstitution},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				atBank := func(o *guard.Options) { o.AtInstitution = func(bankmux.Op) bool { return true } }
				first, second := newProcess(t, b, atBank), newProcess(t, b, atBank)
				op := data("Accounts", "r", "")
				op.Institution = "bank"
				for range 6 {
					_ = first.call(t.Context(), op, func(context.Context) error { return c.fails })
				}
				synctest.Wait()
				require.NoError(t, second.call(t.Context(), op, ok), "it has not read the board yet")
				synctest.Wait()
				err := second.call(t.Context(), op, func(context.Context) error { t.Error("sent"); return nil })
				e, found := errors.AsType[*bankmux.Error](err)
				require.True(t, found)
				assert.Equal(t, c.kind, e.Kind)
				require.ErrorIs(t, err, bankmux.ErrCircuitOpen)
				assert.True(t, e.NotSent)
				assert.Equal(t, 30*time.Second, e.RetryAfter)
				time.Sleep(time.Second)
				for range 2 { // the first call reads the board
					own, _ := errors.AsType[*bankmux.Error](first.call(t.Context(), op, ok))
					require.NotNil(t, own)
					assert.NotContains(t, own.Detail, "another process")
					synctest.Wait()
				}
				other := op
				other.Institution, other.Connection = "another", "another"
				assert.Equal(t, c.kind == bankmux.ErrInstitution, second.call(t.Context(), other, ok) == nil)
				time.Sleep(30 * time.Second)
				require.NoError(t, second.call(t.Context(), op, ok))
				time.Sleep(time.Nanosecond)
				require.NoError(t, first.call(t.Context(), op, ok), "and the first one probes by itself")
			})
		})
	}
}

func nothingStoredCanBeRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		p := newProcess(t, b)
		asked := asking("challenge-id")
		e, _ := errors.AsType[*bankmux.Error](asked)
		e.Challenge.State = []byte(`"read already"`)
		require.Error(t, p.call(t.Context(), data("Accounts", "reference-secret", ""),
			func(context.Context) error { return asked }))
		values := 0
		b.stored.Range(func(value, _ any) bool {
			values++
			for _, secret := range []string{"challenge-id", "read already", "reference-secret"} {
				assert.NotContains(t, value, secret)
			}
			return true
		})
		assert.Equal(t, 1, values)

		other, err := bankmux.NewKeyring(bankmux.Key{ID: "o", Material: bankmux.NewSecret(strings.Repeat("o", 32))})
		require.NoError(t, err)
		f, err := guard.NewFleet(b, other, guard.FleetOptions{})
		require.NoError(t, err)
		in := guard.New(guard.Options{OnePerConnection: true, Hold: true, Fleet: f}).Interceptors()
		require.NoError(t, chain(in, data("Accounts", "reference-secret", ""), ok)(t.Context()))
		assert.EqualValues(t, 1, f.Stats().Unread, "what other keys sealed is absent, and counted")
	})
}

func aFleetNeedsABackendAndKeys(t *testing.T) {
	t.Parallel()
	_, err := guard.NewFleet(nil, keyring(t), guard.FleetOptions{})
	require.EqualError(t, err, "invalid_request: NewFleet: backend is nil; fix the call")
	_, err = guard.NewFleet(guard.NewMemory(), (*bankmux.Keyring)(nil), guard.FleetOptions{})
	require.EqualError(t, err, "invalid_request: NewFleet: keys is nil; fix the call")
	_, err = guard.NewFleet(guard.NewMemory(), &bankmux.Keyring{}, guard.FleetOptions{})
	require.EqualError(t, err,
		"invalid_request: NewFleet: keys has no key: use what bankmux.NewKeyring returned; fix the call")
}
