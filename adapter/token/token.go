// Package token caches the access token of an application (OAuth client credentials). One caller
// fetches it for all, it is renewed early, and no caller waits beyond its own context.
package token

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/isolate"
	"github.com/bankmux/bankmux/normalize"
)

// Token is an answer of a token endpoint.
type Token struct {
	Value bankmux.Secret
	// Lifetime counts as at least a minute and at most a day. With less, each call would fetch a
	// token; more would make a mistake of the endpoint last.
	Lifetime time.Duration
}

// The bounds of a lifetime.
const (
	minLifetime = time.Minute
	maxLifetime = 24 * time.Hour
)

// Source returns one token until it is due. It is safe for concurrent use.
type Source struct {
	fetch  func(context.Context) (Token, error)
	budget time.Duration
	flight singleflight.Group

	mu      sync.RWMutex
	current bankmux.Secret
	due     time.Time // when to fetch the next one
}

// NewSource returns a source. It starts nothing: a call that needs a token fetches it. A fetch
// lasts at most budget, and goes on without a caller that gives up.
func NewSource(budget time.Duration, fetch func(context.Context) (Token, error)) *Source {
	return &Source{fetch: fetch, budget: budget}
}

// Token returns a token that is good for a while. It is renewed after nine tenths of its lifetime,
// at a moment that differs between processes. Token may be repeated.
//
// The error of a failed fetch goes to all who waited for it, and is not kept. Otherwise the error
// is [bankmux.ErrContextDone] where ctx ended first, [bankmux.ErrUnavailable] where the budget
// ended, [bankmux.ErrMalformed] for a token that cannot be sent in a header (see
// [normalize.Token]), and [bankmux.ErrApplication] where the fetch panicked. Every error is
// NotSent: what the token is for did not leave.
func (s *Source) Token(ctx context.Context) (bankmux.Secret, error) {
	if t, ok := s.cached(); ok {
		return t, nil
	}
	// The fetch outlives an impatient caller, for the others wait for it too.
	done := s.flight.DoChan("", func() (any, error) {
		if t, ok := s.cached(); ok {
			return t, nil // fetched between the look and the flight
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.budget)
		defer cancel()
		t, err := isolate.Call(func() (Token, error) { return s.fetch(ctx) })
		if err != nil {
			if ctx.Err() != nil {
				err = &bankmux.Error{
					Kind:   bankmux.ErrUnavailable,
					Detail: "the token endpoint did not answer in time",
					Err:    errors.Join(err, context.DeadlineExceeded),
				}
			}
			return bankmux.Secret{}, err
		}
		if !normalize.Token(t.Value.Reveal()) {
			return bankmux.Secret{}, &bankmux.Error{
				Kind:   bankmux.ErrMalformed,
				Detail: "the access token cannot be sent in a header",
			}
		}
		lifetime := min(max(t.Lifetime, minLifetime), maxLifetime)
		s.mu.Lock()
		s.current, s.due = t.Value, time.Now().Add(lifetime-early(lifetime))
		s.mu.Unlock()
		return t.Value, nil
	})
	select {
	case r := <-done:
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

func (s *Source) cached() (bankmux.Secret, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.current.IsZero() || !time.Now().Before(s.due) {
		return bankmux.Secret{}, false
	}
	return s.current, true
}

// early is how long before its end a token is renewed: a tenth of its life, at
// least 30 s, spread over another tenth so that many processes do not renew at once.
func early(lifetime time.Duration) time.Duration {
	margin := max(lifetime/10, 30*time.Second)
	return margin + rand.N(margin/10+1)
}

// Invalidate drops the token if it is still the current one, so that many callers refused with the
// same token cause one fetch. Call it where the provider says that the token has expired.
func (s *Source) Invalidate(bad bankmux.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.Equal(bad) {
		s.current = bankmux.Secret{}
	}
}
