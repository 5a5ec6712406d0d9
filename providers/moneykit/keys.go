package moneykit

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/internal/apart"
)

// How long the keys of webhook signatures are kept, and how often they are asked for (MoneyKit's
// examples: at most 24 h; at most once in five minutes for a key that is not among them).
const (
	keysDue     = 12 * time.Hour // asked for again; until keysOld the present ones serve if that fails
	keysOld     = 24 * time.Hour
	keysUnknown = 5 * time.Minute
	keysFailed  = 10 * time.Second // between two attempts without any keys
	keysBudget  = 10 * time.Second
)

// keysOf names the keys that clients of one guard share: those published at an address.
type keysOf struct{ baseURL string }

// keys holds the public keys of webhook signatures. One caller fetches for all, also for other
// clients of its guard; nothing goes on between deliveries.
type keys struct {
	fetch  func(context.Context) ([]json.RawMessage, error)
	flight singleflight.Group

	mu      sync.Mutex
	byID    map[string]jose.JSONWebKey
	at      time.Time // when they were fetched
	asked   time.Time // when they were last asked for while there were some
	failed  error     // what the last attempt ended in
	retryAt time.Time // when to try again after it, while there are none
}

func newKeys(fetch func(context.Context) ([]json.RawMessage, error)) *keys {
	return &keys{fetch: fetch}
}

// find returns the key of that id. Forged ids cannot make it ask more often than [keysUnknown].
func (k *keys) find(ctx context.Context, id string) (*jose.JSONWebKey, error) {
	if id == "" {
		return nil, webhook.Refuse("the signature names no key")
	}
	key, ask, err := k.look(id)
	if ask {
		switch err = k.wait(ctx); {
		case err == nil:
			key = k.known(id)
		case key != nil:
			return key, nil // asked for since they are due, not since they are too old
		}
	}
	if err == nil && key == nil {
		err = webhook.Refuse("the signature is by a key that MoneyKit does not publish")
	}
	return key, err
}

func (k *keys) known(id string) *jose.JSONWebKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key, ok := k.byID[id]; ok {
		return &key
	}
	return nil
}

// look returns the key if it is known, and whether to ask MoneyKit first; who is told to ask has
// taken the turn.
func (k *keys) look(id string) (key *jose.JSONWebKey, ask bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if k.byID == nil || now.Sub(k.at) >= keysOld {
		if k.failed != nil && now.Before(k.retryAt) {
			return nil, false, k.failed
		}
		return nil, true, nil
	}
	if known, ok := k.byID[id]; ok {
		key = &known
	}
	if (key == nil || now.Sub(k.at) >= keysDue) && now.Sub(k.asked) >= keysUnknown {
		k.asked = now
		return key, true, nil
	}
	return key, false, nil
}

// wait fetches the keys, or waits for whoever does. The fetch outlives an impatient caller, for
// others wait for it too.
func (k *keys) wait(ctx context.Context) error {
	done := k.flight.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysBudget)
		defer cancel()
		raw, err := apart.Call(func() ([]json.RawMessage, error) { return k.fetch(ctx) })
		if err != nil && ctx.Err() != nil {
			err = &bankmux.Error{Kind: bankmux.ErrUnavailable, Detail: "the keys of signatures did not come in time", Err: context.DeadlineExceeded}
		}
		k.keep(raw, err)
		return nil, err
	})
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return &bankmux.Error{Kind: bankmux.ErrContextDone, Detail: "the keys of signatures did not come in time", Err: ctx.Err()}
	}
}

// keep takes the outcome of a fetch.
func (k *keys) keep(raw []json.RawMessage, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	k.failed, k.retryAt = err, now.Add(keysFailed)
	if err == nil {
		k.byID, k.at = usable(raw), now
	}
}

// usable reads the keys that may sign. An id that two keys have names neither; what cannot be read
// is passed over, for MoneyKit may add keys of another sort.
func usable(raw []json.RawMessage) map[string]jose.JSONWebKey {
	all := make(map[string]jose.JSONWebKey, len(raw))
	twice := map[string]bool{}
	for _, r := range raw {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(r) != nil || key.KeyID == "" || !key.IsPublic() || (key.Use != "" && key.Use != "sig") || (key.Algorithm != "" && key.Algorithm != string(jose.ES256)) {
			continue
		}
		if _, ok := all[key.KeyID]; ok {
			twice[key.KeyID] = true
		}
		all[key.KeyID] = key
	}
	for id := range twice {
		delete(all, id)
	}
	return all
}
