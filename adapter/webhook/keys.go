package webhook

// This file fetches and keeps the public keys of a provider.

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/isolate"
)

// How long keys are kept, and how often they are fetched.
const (
	refreshAfter    = 12 * time.Hour // then fetched again; if that fails, used until expireAfter
	expireAfter     = 24 * time.Hour
	unknownInterval = 5 * time.Minute  // between two fetches for an unknown id
	failedInterval  = 10 * time.Second // between two attempts while there are no keys
	fetchBudget     = 10 * time.Second // of one attempt

	// For keys that are fetched by id: how many unknown ids may cause a fetch at a time, and how
	// often one more may. A sender can invent any number of ids.
	maxUnknown    = 16
	unknownRefill = 30 * time.Second

	maxKept = 64  // keys that were fetched by id
	maxID   = 256 // bytes of an id
)

// Keys are the public keys of a provider. They are fetched when a delivery needs them. One fetch
// serves all deliveries that wait for it, and nothing runs in the background. They are safe for
// concurrent use.
//
//   - Keys are fetched again after 12 hours. If that fails, the current keys stay valid for 12 more
//     hours.
//   - An unknown id causes one fetch in five minutes. For a set of keys that is one fetch for all
//     unknown ids.
//   - Keys by id are fetched for at most 16 unknown ids at a time, and for one more every 30
//     seconds. Until then further ids return [bankmux.ErrRateLimited], since they may be genuine.
//     At most 64 keys are kept.
//   - If a fetch fails, all waiting deliveries get its error, which is the provider's failure and
//     not [bankmux.ErrSignature]. While there are no keys, the next attempt is 10 seconds later. A
//     fetch takes at most 10 seconds.
type Keys struct {
	fetch func(ctx context.Context, id string) (map[keyName]Key, error)
	each  bool // each id is fetched separately

	flight singleflight.Group
	mu     sync.Mutex
	kept   map[string]*keyResponse // by scope: the id, or "" for a set
	turns  time.Time               // when no fetch for an unknown id counts any longer
}

// Key is one public key.
type Key struct {
	// JWK is the key as JSON (RFC 7517): P-256, or RSA with at least 2048 bits. Its use,
	// operations and algorithm are optional but must fit.
	JWK json.RawMessage
	// Until is when the provider stopped signing with the key. Later signatures are refused. Zero
	// means that the key is still in use.
	Until time.Time

	public crypto.PublicKey
}

// keyName is how a token names a key: by id and algorithm.
type keyName struct {
	id        string
	algorithm Algorithm
}

// keyResponse is the provider's last response about a scope.
type keyResponse struct {
	keys    map[keyName]Key // nil until the first success
	at      time.Time       // of the last success
	asked   time.Time       // of the last attempt while there were keys
	failed  error           // of the last attempt
	retryAt time.Time       // of the next attempt while there are no keys
	fetched int             // how many attempts have ended
}

// NewKeySet returns keys that are fetched as a set (RFC 7517, JWKS). fetch returns the elements of
// its "keys". Keys of other types are ignored. If two keys have the same id, neither is used.
func NewKeySet(fetch func(ctx context.Context) ([]json.RawMessage, error)) *Keys {
	return &Keys{kept: map[string]*keyResponse{}, fetch: func(ctx context.Context, _ string) (map[keyName]Key, error) {
		raw, err := fetch(ctx)
		return usableKeys(raw), err
	}}
}

// NewKeyByID returns keys that are fetched one by one. For an id that the provider does not have,
// fetch returns the zero [Key] and no error. The id is text of the sender. A JWK that cannot be
// read is [bankmux.ErrMalformed]. A JWK without id gets the requested id.
func NewKeyByID(fetch func(ctx context.Context, id string) (Key, error)) *Keys {
	return &Keys{
		kept: map[string]*keyResponse{},
		each: true,
		fetch: func(ctx context.Context, id string) (map[keyName]Key, error) {
			key, err := fetch(ctx, id)
			if err != nil || key.JWK == nil {
				return map[keyName]Key{}, err
			}
			var jwk jose.JSONWebKey
			if jwk.UnmarshalJSON(key.JWK) != nil {
				return nil, &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the key of a signature cannot be read"}
			}
			jwk.KeyID = cmp.Or(jwk.KeyID, id) // the requested id
			if name, ok := nameOf(&jwk, key.JWK); ok {
				return map[keyName]Key{name: {public: jwk.Key, Until: key.Until}}, nil
			}
			return map[keyName]Key{}, nil
		},
	}
}

// find returns the key of that name.
func (k *Keys) find(ctx context.Context, name keyName) (Key, error) {
	switch {
	case name.id == "":
		return Key{}, Refuse("the signature names no key")
	case len(name.id) > maxID:
		return Key{}, Refuse("the signature names a key by too long an id")
	}
	scope := ""
	if k.each {
		scope = name.id
	}
	key, seen, ask, err := k.lookup(scope, name)
	if ask {
		switch err = k.refresh(ctx, scope, seen); {
		case err == nil:
			key = k.known(scope, name)
		case key.public != nil:
			return key, nil // the keys are due but not too old
		}
	}
	if err == nil && key.public == nil {
		err = Refuse("the signature is by a key that the provider does not publish")
	}
	return key, err
}

// known returns a key if it is kept, else the zero Key.
func (k *Keys) known(scope string, name keyName) Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a := k.kept[scope]; a != nil {
		return a.keys[name]
	}
	return Key{}
}

// lookup returns the key if it is kept, and how many attempts to fetch it have ended. If it also
// returns ask, the caller must fetch first, and lookup has counted that fetch.
func (k *Keys) lookup(scope string, name keyName) (key Key, seen int, ask bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	a := k.kept[scope]
	if a == nil {
		if err := k.admit(scope, now); err != nil {
			return key, 0, false, err
		}
		return key, 0, true, nil
	}
	if a.keys == nil || now.Sub(a.at) >= expireAfter {
		if a.failed != nil && now.Before(a.retryAt) {
			return key, a.fetched, false, a.failed
		}
		return key, a.fetched, true, nil
	}
	key = a.keys[name]
	if (key.public == nil || now.Sub(a.at) >= refreshAfter) && now.Sub(a.asked) >= unknownInterval {
		a.asked = now
		return key, a.fetched, true, nil
	}
	return key, a.fetched, false, nil
}

// admit adds a new scope. For keys by id it limits how many unknown ids cause a fetch.
func (k *Keys) admit(scope string, now time.Time) error {
	if k.each {
		if k.turns.Before(now) {
			k.turns = now
		}
		if wait := k.turns.Sub(now) - (maxUnknown-1)*unknownRefill; wait > 0 {
			return &bankmux.Error{
				Kind:       bankmux.ErrRateLimited,
				Detail:     "too many unknown keys were named",
				RetryAfter: wait,
				NotSent:    true,
			}
		}
		k.turns = k.turns.Add(unknownRefill)
		k.forget(now)
	}
	k.kept[scope] = &keyResponse{}
	return nil
}

// forget drops ids that name no key and may be fetched again.
func (k *Keys) forget(now time.Time) {
	maps.DeleteFunc(k.kept, func(_ string, a *keyResponse) bool {
		last := a.at
		if a.failed != nil {
			last = a.retryAt
		}
		return len(a.keys) == 0 && !last.IsZero() && now.Sub(last) >= unknownInterval
	})
}

// evictOldest drops the key with the oldest fetch if there are too many.
func (k *Keys) evictOldest() {
	count, oldest := 0, ""
	for scope, a := range k.kept {
		if len(a.keys) == 0 {
			continue
		}
		if count++; oldest == "" || a.at.Before(k.kept[oldest].at) {
			oldest = scope
		}
	}
	if count > maxKept {
		delete(k.kept, oldest)
	}
}

// refresh fetches the keys, or waits for a fetch of another caller. The fetch continues when its
// caller gives up, because others may wait for it.
func (k *Keys) refresh(ctx context.Context, scope string, seen int) error {
	done := k.flight.DoChan(scope, func() (any, error) {
		if ended, err := k.endedSince(scope, seen); ended {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchBudget)
		defer cancel()
		keys, err := isolate.Of("the fetch of webhook keys or its transport", func() (map[keyName]Key, error) {
			return k.fetch(ctx, scope)
		})
		if err != nil && ctx.Err() != nil {
			err = &bankmux.Error{
				Kind:   bankmux.ErrUnavailable,
				Detail: "the keys of signatures did not arrive in time",
				Err:    context.DeadlineExceeded,
			}
		}
		k.store(scope, keys, err)
		return nil, err
	})
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return &bankmux.Error{
			Kind:   bankmux.ErrContextDone,
			Detail: "the keys of signatures did not arrive in time",
			Err:    ctx.Err(),
		}
	}
}

// endedSince reports whether an attempt has ended since the caller's lookup, and its error. If so,
// there is nothing to fetch.
func (k *Keys) endedSince(scope string, seen int) (ended bool, failed error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.kept[scope]
	if a == nil || a.fetched == seen {
		return false, nil
	}
	return true, a.failed
}

// store records the result of a fetch.
func (k *Keys) store(scope string, keys map[keyName]Key, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.kept[scope]
	if a == nil { // forgotten during the fetch
		a = &keyResponse{}
		k.kept[scope] = a
	}
	now := time.Now()
	a.failed, a.retryAt = err, now.Add(failedInterval)
	a.fetched++
	if err == nil {
		a.keys, a.at = keys, now
		if k.each {
			a.asked = now // the fetch was for this id
			k.evictOldest()
		}
	}
}

// usableKeys returns the keys that may sign. It ignores those that it cannot read, because a
// provider may add keys of another type.
func usableKeys(raw []json.RawMessage) map[keyName]Key {
	all := make(map[keyName]Key, len(raw))
	twice := map[keyName]bool{}
	for _, r := range raw {
		var jwk jose.JSONWebKey
		if jwk.UnmarshalJSON(r) != nil {
			continue
		}
		name, ok := nameOf(&jwk, r)
		if !ok {
			continue
		}
		if _, ok := all[name]; ok {
			twice[name] = true
		}
		all[name] = Key{public: jwk.Key}
	}
	for name := range twice {
		delete(all, name)
	}
	return all
}

// nameOf returns the name of a key. It reports false for a key that does not sign deliveries.
func nameOf(jwk *jose.JSONWebKey, raw json.RawMessage) (keyName, bool) {
	algorithm := algorithmOf(jwk.Key)
	fits := jwk.KeyID != "" && (jwk.Use == "" || jwk.Use == "sig") && algorithm != "" &&
		(jwk.Algorithm == "" || jwk.Algorithm == string(algorithm)) && mayVerify(raw)
	return keyName{jwk.KeyID, algorithm}, fits
}

// mayVerify reports whether the operations of a key allow to verify (RFC 7517, section 4.3). A key
// without operations allows it.
func mayVerify(raw json.RawMessage) bool {
	var key struct {
		Operations []string `json:"key_ops"`
	}
	err := json.Unmarshal(raw, &key)
	return err == nil && (key.Operations == nil || slices.Contains(key.Operations, "verify"))
}

// minRSA is the smallest RSA key in bits (RFC 7518, section 3.3).
const minRSA = 2048

// algorithmOf returns the algorithm of a key, or "" if it is not supported.
func algorithmOf(key crypto.PublicKey) Algorithm {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return ES256
		}
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSA {
			return RS256
		}
	}
	return ""
}
