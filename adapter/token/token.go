// Package token caches the access token of an application (OAuth client credentials). One fetch
// serves all callers, the token is renewed early, and no caller waits beyond its own context.
// [Source.Share] lets one fetch serve all processes.
package token

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/allowance"
	"github.com/bankmux/bankmux/internal/isolate"
	"github.com/bankmux/bankmux/normalize"
)

// Token is the result of a token endpoint.
type Token struct {
	Value bankmux.Secret
	// Lifetime counts as at least one minute and at most one day. A shorter one would make each
	// call fetch a token. A longer one would keep a wrong lifetime of the endpoint in use for too
	// long.
	Lifetime time.Duration
}

// The bounds of a lifetime.
const (
	minLifetime = time.Minute
	maxLifetime = 24 * time.Hour
)

// Source caches one token. It is safe for concurrent use.
type Source struct {
	fetch  func(context.Context) (Token, error)
	budget time.Duration
	flight singleflight.Group
	fleet  *guard.Fleet // nil if each process fetches its own
	name   string       // of the token in the fleet

	mu      sync.RWMutex
	waiting *allowance.Allowance // of all that wait for the fetch that is under way
	current bankmux.Secret
	due     time.Time      // when to fetch the next one
	refused bankmux.Secret // the last one that was dropped
}

// NewSource returns a source. It starts no goroutine: a call that needs a token fetches it. A fetch
// takes at most budget. It continues when its caller gives up, because others may wait for it.
func NewSource(budget time.Duration, fetch func(context.Context) (Token, error)) *Source {
	return &Source{fetch: fetch, budget: budget}
}

// Token returns a valid token. It renews the token after about nine tenths of its lifetime, at a
// time that differs between processes. Token may be repeated.
//
// If a fetch fails, all callers that waited for it get its error. The error is not cached. The
// other errors are:
//
//   - [bankmux.ErrContextDone]: ctx ended first.
//   - [bankmux.ErrUnavailable]: the budget ended.
//   - [bankmux.ErrMalformed]: a header cannot carry the token; see [normalize.Token].
//   - [bankmux.ErrApplication]: the fetch panicked.
//
// NotSent is set in every error, because the request that needs the token was not sent.
func (s *Source) Token(ctx context.Context) (bankmux.Secret, error) {
	if t, ok := s.cached(); ok {
		return t, nil
	}
	own := allowance.FromContext(ctx)
	shared := s.join(own)
	before := shared.Used()
	// The fetch continues when its caller gives up, because others may wait for it.
	done := s.flight.DoChan("", func() (any, error) {
		defer s.part()
		if t, ok := s.cached(); ok {
			return t, nil // fetched since the first look
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.budget)
		defer cancel()
		t, err := s.obtain(allowance.NewContext(ctx, s.join(own)))
		if err != nil {
			if ctx.Err() != nil {
				err = &bankmux.Error{
					Kind:   bankmux.ErrUnavailable,
					Detail: "the token endpoint did not respond in time",
					Err:    errors.Join(err, context.DeadlineExceeded),
				}
			}
			return bankmux.Secret{}, err
		}
		s.mu.Lock()
		s.current, s.due = t.value, time.Now().Add(t.valid-early(t.lifetime))
		s.mu.Unlock()
		return t.value, nil
	})
	select {
	case r := <-done:
		if own != nil {
			own.Limit(own.Left() - (shared.Used() - before))
		}
		if r.Err != nil {
			return bankmux.Secret{}, normalize.Unsent(r.Err)
		}
		return r.Val.(bankmux.Secret), nil
	case <-ctx.Done():
		return bankmux.Secret{}, &bankmux.Error{
			Kind:    bankmux.ErrContextDone,
			Detail:  "no access token came in time",
			NotSent: true,
			Err:     ctx.Err(),
		}
	}
}

// join lets a call wait for the fetch that is under way, or for the next one. What all of them may
// still wait for the fleet is what the least patient of them may. A call without an allowance does
// not limit the others. Neither does one that has less left than a request may take, unless it is
// the first. It may so wait for longer than it may, but only once.
func (s *Source) join(own *allowance.Allowance) *allowance.Allowance {
	left, limits := time.Duration(math.MaxInt64), false
	if own != nil {
		left, limits = own.Left(), !own.Short()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.waiting == nil:
		s.waiting = allowance.New(left)
	case limits:
		s.waiting.Limit(left)
	}
	return s.waiting
}

// part ends what join started. Who joins after that waits for another fetch.
func (s *Source) part() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = nil
	s.flight.Forget("")
}

// obtained is a token from the endpoint or from another process.
type obtained struct {
	value    bankmux.Secret
	lifetime time.Duration // at first
	valid    time.Duration // from now on
}

// request fetches a token and checks it.
func (s *Source) request(ctx context.Context) (obtained, error) {
	t, err := isolate.Of("the fetch of the token or its transport", func() (Token, error) { return s.fetch(ctx) })
	if err != nil {
		return obtained{}, err
	}
	if !normalize.Token(t.Value.Reveal()) {
		return obtained{}, &bankmux.Error{
			Kind:   bankmux.ErrMalformed,
			Detail: "the access token cannot be sent in a header",
		}
	}
	lifetime := min(max(t.Lifetime, minLifetime), maxLifetime)
	return obtained{value: t.Value, lifetime: lifetime, valid: lifetime}, nil
}

// cached returns the token unless it is due.
func (s *Source) cached() (bankmux.Secret, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.current.IsZero() || !time.Now().Before(s.due) {
		return bankmux.Secret{}, false
	}
	return s.current, true
}

// early returns how long before its end a token is renewed: a tenth of its lifetime, but at least
// 30 s. A random part of up to a tenth is added, so that processes renew at different times.
func early(lifetime time.Duration) time.Duration {
	least := margin(lifetime)
	return least + rand.N(least/10+1) //nolint:gosec // a spread, not a secret
}

// margin is how long before its end a token is renewed at the latest.
func margin(lifetime time.Duration) time.Duration { return max(lifetime/10, 30*time.Second) }

// Invalidate drops bad if it is still the current token. If many callers were refused with one
// token, they cause only one fetch. Call it if the provider says that the token has expired.
func (s *Source) Invalidate(bad bankmux.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.Equal(bad) {
		s.current, s.refused = bankmux.Secret{}, bad
	}
}
