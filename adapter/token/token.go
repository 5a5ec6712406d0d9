// Package token is a source of client-credentials access tokens: cached,
// fetched by one caller for all, renewed early, and never blocking anybody beyond
// their own context.
package token

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/apart"
	"github.com/bankmux/bankmux/normalize"
)

// Token is what a token endpoint gave. Lifetime counts as at least a minute and at most a day. With
// less, each call would fetch a token; more would make a mistake of the endpoint last.
type Token struct {
	Value    string
	Lifetime time.Duration
}

// The bounds of a lifetime.
const (
	minLifetime = time.Minute
	maxLifetime = 24 * time.Hour
)

// Source hands out one token until it is due. It is safe for concurrent use.
type Source struct {
	fetch  func(context.Context) (Token, error)
	budget time.Duration
	flight singleflight.Group

	mu      sync.RWMutex
	current bankmux.Secret
	due     time.Time // when to fetch the next one
}

// NewSource returns a source. A fetch lasts at most budget, whoever waits for it.
func NewSource(budget time.Duration, fetch func(context.Context) (Token, error)) *Source {
	return &Source{fetch: fetch, budget: budget}
}

// Token returns a token that is good for a while. A failed fetch is returned to
// all who waited for it and not remembered.
func (s *Source) Token(ctx context.Context) (string, error) {
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
		t, err := apart.Call(func() (Token, error) { return s.fetch(ctx) })
		if err != nil {
			if ctx.Err() != nil {
				err = &bankmux.Error{Kind: bankmux.ErrUnavailable, Detail: "the token endpoint did not answer in time", Err: errors.Join(err, context.DeadlineExceeded)}
			}
			return "", err
		}
		if !normalize.Token(t.Value) {
			return "", &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the access token cannot be sent in a header"}
		}
		lifetime := min(max(t.Lifetime, minLifetime), maxLifetime)
		s.mu.Lock()
		s.current, s.due = bankmux.NewSecret(t.Value), time.Now().Add(lifetime-early(lifetime))
		s.mu.Unlock()
		return t.Value, nil
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return "", r.Err
		}
		return r.Val.(string), nil
	case <-ctx.Done():
		return "", &bankmux.Error{Kind: bankmux.ErrContextDone, Detail: "no access token came in time", NotSent: true, Err: ctx.Err()}
	}
}

func (s *Source) cached() (string, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.current.IsZero() || !time.Now().Before(s.due) {
		return "", false
	}
	return s.current.Reveal(), true
}

// early is how long before its end a token is renewed: a tenth of its life, at
// least 30 s, spread over another tenth so that many processes do not renew at once.
func early(lifetime time.Duration) time.Duration {
	margin := max(lifetime/10, 30*time.Second)
	return margin + rand.N(margin/10+1)
}

// Invalidate forgets the token if it is still the current one, so that many
// callers refused with the same token cause one fetch.
func (s *Source) Invalidate(bad string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.Equal(bankmux.NewSecret(bad)) {
		s.current = bankmux.Secret{}
	}
}
