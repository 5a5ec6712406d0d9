package token

// This file shares a token between processes.

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/normalize"
)

// Share lets the processes of a fleet fetch one token for all. The name says whose token it is: the
// provider, its address, the application's id, and whatever else makes another token. It may be a
// text of any length, and must hold no secret. The token is stored encrypted, until it expires.
//
// A process fetches a token of its own if the fleet's backend fails. If the process that fetches
// the token takes more than half of the budget, one more fetches it. After three quarters of the
// budget at the latest, each process fetches its own. Call Share before the first call of
// [Source.Token]. It does nothing if f is nil. It returns the source.
func (s *Source) Share(f *guard.Fleet, name string) *Source {
	s.fleet, s.name = f, "token\x00"+name
	return s
}

// sharedToken is a token as it is stored.
type sharedToken struct {
	Value    string        `json:"value"`
	Lifetime time.Duration `json:"lifetime"`
}

// obtain gets a token from another process, or else from the endpoint.
func (s *Source) obtain(ctx context.Context) (obtained, error) {
	if s.fleet == nil {
		return s.request(ctx)
	}
	raw, valid, err := s.fleet.Once(ctx, s.name, s.budget/2,
		func(stored []byte, valid time.Duration) bool {
			t, ok := s.read(stored)
			// What is nearly due was not renewed yet. The process that notices it renews it.
			return ok && valid > margin(t.lifetime)+margin(t.lifetime)/10
		},
		func(ctx context.Context) ([]byte, time.Duration, error) {
			t, err := s.request(ctx)
			if err != nil {
				return nil, 0, err
			}
			raw, err := json.Marshal(sharedToken{Value: t.value.Reveal(), Lifetime: t.lifetime})
			return raw, t.lifetime, err
		})
	if err != nil {
		return obtained{}, err
	}
	t, _ := s.read(raw)
	t.valid = valid
	return t, nil
}

// read reads a stored token. It reports false for one that the provider has refused.
func (s *Source) read(stored []byte) (obtained, bool) {
	var in sharedToken
	if json.Unmarshal(stored, &in) != nil || !normalize.Token(in.Value) {
		return obtained{}, false
	}
	t := obtained{value: bankmux.NewSecret(in.Value), lifetime: in.Lifetime}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return t, !t.value.Equal(s.refused)
}
