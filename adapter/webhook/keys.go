package webhook

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/isolate"
)

// How long keys are kept, and how often they are asked for.
const (
	refreshAfter    = 12 * time.Hour // asked for again; until expireAfter the present ones serve if that fails
	expireAfter     = 24 * time.Hour
	unknownInterval = 5 * time.Minute  // between two questions about an unknown id
	failedInterval  = 10 * time.Second // between two attempts without any keys
	fetchBudget     = 10 * time.Second // for one attempt

	// Of keys that are fetched by id: ids that may be asked for at once without being known, and
	// how often one more may. A sender can invent any number of them.
	maxUnknown    = 16
	unknownRefill = 30 * time.Second

	maxKept = 64  // keys that are fetched by id, all of them known
	maxID   = 256 // bytes of an id
)

// Keys are a provider's public keys for signatures. They are fetched when a delivery needs them, by
// one caller for all who wait, and nothing runs in between. They are safe for concurrent use.
//
//   - Keys are fetched again after 12 hours. If that fails, the present ones serve for 12 more.
//   - An unknown id causes one fetch in five minutes, and a set of keys one fetch for all such ids.
//   - Keys by id are fetched for at most 16 unknown ids at once, and for one more every 30 seconds.
//     Further ids are [bankmux.ErrRateLimited] until then: whether they are genuine is not known.
//     64 keys are kept.
//   - A failed fetch is the provider's failure and not a bad signature. All who wait get its error.
//     Without any keys, the next attempt is 10 seconds later. A fetch lasts 10 seconds at most.
type Keys struct {
	fetch func(ctx context.Context, id string) (map[keyName]Key, error)
	each  bool // every id is fetched by itself

	flight singleflight.Group
	mu     sync.Mutex
	kept   map[string]*keyResponse // by what was asked for; a set is asked for by ""
	turns  time.Time               // when all turns for unknown ids are free again
}

// Key is one public key.
type Key struct {
	// JWK is the key as JSON (RFC 7517), on P-256 or of RSA with at least 2048 bits. Its use and
	// algorithm must fit where they are there.
	JWK json.RawMessage
	// Until is when the provider stopped signing with the key; zero means that it still does.
	// Signatures made later do not hold.
	Until time.Time

	public crypto.PublicKey
}

// keyName is what a token names: a key without a fitting algorithm is not there.
type keyName struct {
	id        string
	algorithm Algorithm
}

// keyResponse is what the provider said about its keys.
type keyResponse struct {
	keys    map[keyName]Key // nil until there was one
	at      time.Time       // when they were fetched
	asked   time.Time       // when they were last asked for while there were some
	failed  error           // what the last attempt ended in
	retryAt time.Time       // when to try again after it, while there are none
	fetched int             // attempts that ended
}

// NewKeySet returns the keys of a set (RFC 7517, JWKS). The function fetches the elements of its
// "keys". Keys of other sorts among them are ignored, and an id that two keys have names neither.
func NewKeySet(fetch func(ctx context.Context) ([]json.RawMessage, error)) *Keys {
	return &Keys{kept: map[string]*keyResponse{}, fetch: func(ctx context.Context, _ string) (map[keyName]Key, error) {
		raw, err := fetch(ctx)
		return usableKeys(raw), err
	}}
}

// NewKeyByID returns keys that are fetched one by one. For an id that the provider does not have,
// the function returns the zero [Key] and no error. The id is text of the sender's. A JWK that
// cannot be read is [bankmux.ErrMalformed], and one without id has the id that was asked for.
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
			jwk.KeyID = cmp.Or(jwk.KeyID, id) // it was asked for by it
			if name, ok := nameOf(&jwk); ok {
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
			return key, nil // asked for since they are due, not since they are too old
		}
	}
	if err == nil && key.public == nil {
		err = Refuse("the signature is by a key that the provider does not publish")
	}
	return key, err
}

func (k *Keys) known(scope string, name keyName) Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a := k.kept[scope]; a != nil {
		return a.keys[name]
	}
	return Key{}
}

// lookup returns the key if it is known, how many attempts to fetch it ended, and whether to ask the
// provider first. Who is told to ask has taken the turn.
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

// admit makes room for what was not asked for before. Only an unknown id of a key that is fetched by
// id needs a turn for it.
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

// forget drops ids that name no key and may be asked for again.
func (k *Keys) forget(now time.Time) {
	maps.DeleteFunc(k.kept, func(_ string, a *keyResponse) bool {
		last := a.at
		if a.failed != nil {
			last = a.retryAt
		}
		return len(a.keys) == 0 && !last.IsZero() && now.Sub(last) >= unknownInterval
	})
}

// evictOldest drops the key that was fetched the longest time ago where too many are kept.
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

// refresh fetches the keys, or waits for who does. The fetch outlives an impatient caller, for others
// wait for it too.
func (k *Keys) refresh(ctx context.Context, scope string, seen int) error {
	done := k.flight.DoChan(scope, func() (any, error) {
		if ended, err := k.endedSince(scope, seen); ended {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchBudget)
		defer cancel()
		keys, err := isolate.Call(func() (map[keyName]Key, error) { return k.fetch(ctx, scope) })
		if err != nil && ctx.Err() != nil {
			err = &bankmux.Error{
				Kind:   bankmux.ErrUnavailable,
				Detail: "the keys of signatures did not come in time",
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
			Detail: "the keys of signatures did not come in time",
			Err:    ctx.Err(),
		}
	}
}

// endedSince reports whether an attempt ended between a caller's look and its flight, and with what. Then
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

// store takes the outcome of a fetch.
func (k *Keys) store(scope string, keys map[keyName]Key, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.kept[scope]
	if a == nil { // forgotten on the way
		a = &keyResponse{}
		k.kept[scope] = a
	}
	now := time.Now()
	a.failed, a.retryAt = err, now.Add(failedInterval)
	a.fetched++
	if err == nil {
		a.keys, a.at = keys, now
		if k.each {
			a.asked = now // it was about this id
			k.evictOldest()
		}
	}
}

// usableKeys reads the keys that may sign. What cannot be read is ignored, for a provider may add keys
// of another sort.
func usableKeys(raw []json.RawMessage) map[keyName]Key {
	all := make(map[keyName]Key, len(raw))
	twice := map[keyName]bool{}
	for _, r := range raw {
		var jwk jose.JSONWebKey
		if jwk.UnmarshalJSON(r) != nil {
			continue
		}
		name, ok := nameOf(&jwk)
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

// nameOf returns what a token names a key by. It reports false for a key that signs nothing here.
func nameOf(jwk *jose.JSONWebKey) (keyName, bool) {
	algorithm := algorithmOf(jwk.Key)
	fits := jwk.KeyID != "" && (jwk.Use == "" || jwk.Use == "sig") && algorithm != "" &&
		(jwk.Algorithm == "" || jwk.Algorithm == string(algorithm))
	return keyName{jwk.KeyID, algorithm}, fits
}

// minRSA is the fewest bits of an RSA key (RFC 7518, section 3.3).
const minRSA = 2048

// algorithmOf returns what a key signs with, or "".
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
