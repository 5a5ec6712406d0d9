package guard

// This file has the state that processes share, and what holds if its backend is slow or down.

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/allowance"
	"github.com/bankmux/bankmux/internal/isolate"
)

// Fleet is the state that the processes of an application share: [Options.Fleet]. Make one per
// process with [NewFleet] and give it to all guards. It is safe for concurrent use. The processes
// share this:
//
//   - The turn on a connection. One call at a time uses a connection, in all processes. It has a
//     lease, which lasts as long as the call may take, plus [Options.ProviderLimit]. If a process
//     dies during a call, the others wait until the provider has ended that call. See
//     [Options.OnePerConnection].
//   - Open challenges and rejected logins. [Hold] refuses the same calls in all processes,
//     whichever of them has seen the challenge or the rejection.
//   - Open circuits. If one process opens the circuit of a provider or an institution, the others
//     refuse calls as well, until that process sends its first probe. They learn it within about a
//     second, and keep their own count of failures.
//   - Budgets. All processes count the calls of [Options.Budgets] together. A process takes a
//     fiftieth of a budget at a time, and a fiftieth of its reserve. If more of its calls wait, it
//     takes as many as they need. If it dies, what it has not used is lost until the window ends.
//   - The application's token, for adapters that use package adapter/token. One process fetches it
//     for all.
//
// # If the backend fails
//
// No call fails because the backend is slow, down or has lost its data. An operation waits at most
// 250 ms for all requests together: for its turn, its budgets and the application's token, in all
// attempts. It waits at most 120 ms for one of them. [FleetOptions.MaxDelay] changes both.
//
// Calls that start at once take turns on the connections to the backend. If a request takes 1 ms,
// 16 connections are enough for 3,900 calls at once, and for 1,000 calls if it takes 3 ms. Further
// calls are made without a lease. They do not count as a failure of the backend.
//
// The wait for a connection that another call uses is not counted, and neither is the wait for a
// token that another process fetches. They end with the caller's context. There is one exception.
// An operation that has too little time left for one request may still join calls of its process
// that wait for the token.
//
// After a request failed, the fleet sends no more of them until a probe in the background succeeds.
// Meanwhile each process judges by what it knows itself, as without a fleet. Calls of two processes
// may then overlap, and exceed a budget together. The same holds for a call if a slow backend does
// not respond to its requests in time. [Fleet.Stats] counts the calls that were sent without a
// lease, and those that a budget counted in this process only. The log has a record when the
// backend fails and when it is back, at most one pair in a minute. If it is slow, there is at most
// one record in a minute.
//
// Leases that ended before their calls are counted and logged too, with two exceptions. If a
// release failed but may have taken effect, its repeat finds no lease in either case. If the
// backend lost a lease, and is back only after the lease would have ended, the loss cannot be seen.
//
// If a process ends a challenge while the backend is down, the other processes learn it when the
// backend is back. The process lets them know within seconds of that, or with its next call on the
// connection. After ten minutes only such a call does. Until they know, they refuse calls on the
// connection, but not after the challenge has expired.
//
// If the backend loses its data, calls that are under way lose their leases. All processes then
// forget challenges and rejected logins.
//
// # What is stored
//
// Values are encrypted with the keys of the fleet. Names have the name of a client, budget
// or product, and the id of a connection or institution. The provider's id of a login is digested.
// So they have nothing secret. Every value expires, a rejected login after 30
// days at the latest.
type Fleet struct {
	backend Backend
	keys    bankmux.AEAD
	logger  *slog.Logger
	process string // marks the facts of this process
	board   board

	maxDelay time.Duration // of all requests of one operation

	conns chan struct{} // has an element for each connection in use; nil if the backend is not Pooled

	background context.Context // of requests for which no call waits

	mu        sync.Mutex
	stats     FleetStats
	probing   bool
	failedAt  time.Time // of the last request that failed
	hung      int       // probes that have not ended although their time was over
	pending   []pendingRelease
	releasing int       // releases that are sent and for which no call waits
	others    int       // of circuits: requests for which no call waits
	flushes   int       // how often Flush found nothing left
	waking    bool      // a timer is set that looks whether the backend is back
	logged    bool      // the last record says that the backend is down
	loggedAt  time.Time // of the last such record
	aloneAt   time.Time // of the last record about calls that were judged alone
}

// FleetOptions configure a [Fleet].
type FleetOptions struct {
	// Logger receives a record when the backend fails, when it is back, and for each lost lease.
	// nil means no log.
	Logger *slog.Logger
	// MaxDelay is how long all requests of one operation to the backend may take together. One
	// request may take 12/25 of it, so that a second one has time. The default is 250 ms. With a
	// longer time, more calls that start at once have a lease.
	MaxDelay time.Duration
}

// FleetStats say how well a [Fleet] works, for metrics and a health page.
type FleetStats struct {
	Down     bool      `json:"down"`             // the backend failed and is not back yet
	Since    time.Time `json:"since,omitzero"`   // of the last change of Down
	LastFail string    `json:"error,omitempty"`  // of the last failed request
	Failed   uint64    `json:"failed_requests"`  // requests to the backend that failed
	Unleased uint64    `json:"unleased_calls"`   // calls sent without a lease, which may have overlapped
	Lost     uint64    `json:"lost_leases"`      // leases that ended before their call
	Unread   uint64    `json:"unreadable_facts"` // facts that the keys did not open

	// Uncounted are calls that a budget counted in this process only. The processes together may
	// have sent more than the budget allows. A call counts once for each of its budgets.
	Uncounted uint64 `json:"uncounted_calls"`
}

// NewFleet returns a fleet on a backend. It sends nothing and starts no goroutine, so a process can
// start while the backend is down. The keys encrypt what is stored, and must be the same in all
// processes. They are used in each call, so keep them in the process: a [bankmux.Keyring] rather
// than a service. The error is [bankmux.ErrInvalid] if backend or keys are nil, or the keys are a
// zero Keyring.
func NewFleet(backend Backend, keys bankmux.AEAD, opts FleetOptions) (*Fleet, error) {
	refused := func(name, detail string) (*Fleet, error) {
		return nil, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "NewFleet: " + name, Detail: detail, NotSent: true}
	}
	for name, v := range map[string]any{"backend": backend, "keys": keys} {
		if r := reflect.ValueOf(v); !r.IsValid() || (r.Kind() == reflect.Pointer && r.IsNil()) {
			return refused(name, "is nil")
		}
	}
	if ring, ok := keys.(*bankmux.Keyring); ok && ring.IsZero() {
		return refused("keys", "has no key: use what bankmux.NewKeyring returned")
	}
	var conns chan struct{}
	if pooled, ok := backend.(Pooled); ok {
		conns = make(chan struct{}, max(pooled.Conns(), 1))
	}
	return &Fleet{
		backend: backend, keys: keys, logger: opts.Logger, process: rand.Text(), conns: conns,
		background: context.Background(),
		maxDelay:   cmp.Or(max(opts.MaxDelay, 0), 250*time.Millisecond),
	}, nil
}

// Stats returns the counts since the start of the process.
func (f *Fleet) Stats() FleetStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

// The times of requests for which no call waits.
const (
	minBackground = time.Second
	probeEvery    = 500 * time.Millisecond
)

// maxBackground is how long a request may take for which no call waits. It is not less than
// maxRequest, so such a request fails only if the backend is too slow for calls as well.
func (f *Fleet) maxBackground() time.Duration { return max(minBackground, f.maxRequest()) }

// maxRequest is how long one request may take: 120 ms of 250 ms.
func (f *Fleet) maxRequest() time.Duration { return allowance.Request(f.maxDelay) }

// allow is the interceptor outside of [Retry] that gives all attempts one allowance.
func (f *Fleet) allow(ctx context.Context, _ *bankmux.Op, next step) error {
	return next.run(allowance.NewContext(ctx, allowance.New(f.maxDelay)))
}

// allowanceFrom returns the allowance of the operation, a new one if there is none.
func (f *Fleet) allowanceFrom(ctx context.Context) *allowance.Allowance {
	if a := allowance.FromContext(ctx); a != nil {
		return a
	}
	return allowance.New(f.maxDelay)
}

// The errors of a request to the backend.
var (
	errNotAsked   = errors.New("the backend was not asked")
	errNoResponse = errors.New("the backend did not respond, but may have done what it was asked")
	errWrongCount = errors.New("the backend returned a count or an end of a window that cannot be")
)

// request sends one request to the backend for an operation that waits for it.
func request[T any](
	ctx context.Context, f *Fleet, a *allowance.Allowance, do func(context.Context) (T, error),
) (out T, err error) {
	if f.conns != nil {
		if !f.connect(ctx, a) {
			return out, errNotAsked
		}
		defer func() { <-f.conns }()
	}
	return requestWithin(ctx, f, a, f.maxRequest(), do)
}

// connect waits until a connection of the backend is free. It returns false if the operation may
// not wait for so long. Then the backend is not slow: this process has many calls.
func (f *Fleet) connect(ctx context.Context, a *allowance.Allowance) bool {
	select {
	case f.conns <- struct{}{}:
		return true
	default:
	}
	waiting, end := a.Wait(ctx, f.maxDelay)
	defer end()
	select {
	case f.conns <- struct{}{}:
		return true
	case <-waiting.Done():
		return false
	}
}

// inBackground sends one request to the backend for which no operation waits.
func inBackground[T any](f *Fleet, do func(context.Context) (T, error)) (out T, err error) {
	limit := f.maxBackground()
	return requestWithin(f.background, f, allowance.New(limit), limit, do)
}

// requestWithin sends one request to the backend and returns its result, if there is one within
// limit and the allowance. A request that failed at once is repeated, since a connection of a pool
// may have been closed. So do must be harmless to repeat.
func requestWithin[T any](
	ctx context.Context, f *Fleet, a *allowance.Allowance, limit time.Duration, do func(context.Context) (T, error),
) (out T, err error) {
	if a.Left() <= 0 || !f.available() {
		return out, errNotAsked
	}
	start := time.Now()
	inner, end := a.Wait(ctx, limit)
	defer end()
	out, err = send(inner, do, func(int) {})
	if err == nil {
		return out, nil
	}
	if inner.Err() == nil || time.Since(start) >= limit { // neither the caller nor a short allowance ended it
		f.failed(err)
	}
	return out, errNoResponse
}

// send calls the backend, once more if it failed at once. It returns when ctx ends, although the
// backend need not heed ctx. If the backend works on then, left gets 1, and -1 when it ends.
func send[T any](
	ctx context.Context, do func(context.Context) (T, error), left func(n int),
) (out T, err error) {
	type result struct {
		out T
		err error
	}
	done, gone := make(chan result), make(chan struct{})
	go func() {
		var r result
		for range 2 {
			r.out, r.err = isolate.Of("the backend", func() (T, error) { return do(ctx) })
			if r.err == nil || ctx.Err() != nil {
				break
			}
		}
		select {
		case done <- r:
		case <-gone:
			left(-1)
		}
	}()
	select {
	case r := <-done:
		return r.out, r.err
	case <-ctx.Done():
		left(1)
		close(gone)
		return out, ctx.Err()
	}
}

// maxHung is how many probes may hang. A backend that does not heed contexts keeps their
// goroutines.
const maxHung = 10

// available reports whether requests may be sent. While the backend is down it starts a probe from
// time to time, and after each probe that hangs half as often.
func (f *Fleet) available() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	due := f.failedAt.Add(probeEvery << f.hung)
	if f.stats.Down && !f.probing && f.hung < maxHung && !time.Now().Before(due) {
		f.probing = true
		go f.probe(f.background)
	}
	return !f.stats.Down
}

// hang adds to the probes that hang.
func (f *Fleet) hang(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hung += n
}

// failed records that a request failed.
func (f *Fleet) failed(err error) {
	f.mu.Lock()
	if !f.stats.Down {
		f.stats.Since = time.Now()
	}
	f.stats.Down = true
	f.noteFailure(err)
}

// noteFailure counts a failed request, and logs it if the log does not say that the backend is
// down. A server that can be read and not written is back and down again all the time. So there is
// at most one record in a minute. The caller has locked mu, which noteFailure unlocks.
func (f *Fleet) noteFailure(err error) {
	now := time.Now()
	f.stats.Failed++
	f.stats.LastFail, f.failedAt = err.Error(), now
	silent := f.logged || (!f.loggedAt.IsZero() && now.Sub(f.loggedAt) < aloneEvery)
	if !silent {
		f.logged, f.loggedAt = true, now
	}
	f.mu.Unlock()
	if !silent {
		f.log(slog.LevelWarn, "bankmux: the shared state is unavailable, and each process judges alone",
			slog.String("error", err.Error()))
	}
}

// probe asks whether the backend is back. It then sends what the backend has missed.
func (f *Fleet) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, f.maxBackground())
	defer cancel()
	_, err := send(ctx, f.backend.Facts, f.hang)
	f.mu.Lock()
	f.probing = false
	if err != nil {
		f.noteFailure(err)
		return
	}
	took, unleased, uncounted, logged := time.Since(f.stats.Since), f.stats.Unleased, f.stats.Uncounted, f.logged
	f.stats.Down, f.stats.Since, f.logged = false, time.Now(), false
	f.mu.Unlock()
	if logged {
		f.log(slog.LevelInfo, "bankmux: the shared state is available again",
			slog.Duration("after", took), slog.Uint64("unleased_calls", unleased),
			slog.Uint64("uncounted_calls", uncounted))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sendPending()
}

// take takes a part of a shared budget. It reports false if the process must judge alone.
func (f *Fleet) take(ctx context.Context, t Take) (Taken, bool) {
	taken, err := request(ctx, f, f.allowanceFrom(ctx), func(ctx context.Context) (Taken, error) {
		got, err := f.backend.Take(ctx, t)
		if err == nil && (got.N < 0 || got.N > t.N || got.Ends <= 0 || got.Ends > 2*t.Window) {
			err = errWrongCount
		}
		return got, err
	})
	return taken, err == nil
}

// seal encrypts a value for the place where it is stored.
func (f *Fleet) seal(place string, plain []byte) ([]byte, bool) {
	sealed, err := f.keys.Encrypt(plain, associated(place))
	return sealed, err == nil && sealed != nil
}

// open is the inverse of seal.
func (f *Fleet) open(place string, sealed []byte) ([]byte, bool) {
	if sealed == nil {
		return nil, false
	}
	plain, err := f.keys.Decrypt(sealed, associated(place))
	if err != nil {
		f.mu.Lock()
		f.stats.Unread++
		f.mu.Unlock()
		return nil, false
	}
	return plain, true
}

// associated binds a sealed value to its place, so that values cannot be swapped.
func associated(place string) []byte { return []byte("bankmux fleet 1 " + place) }

func (f *Fleet) log(level slog.Level, text string, attrs ...slog.Attr) {
	if f.logger == nil {
		return
	}
	defer func() { _ = recover() }()
	f.logger.LogAttrs(f.background, level, text, attrs...)
}
