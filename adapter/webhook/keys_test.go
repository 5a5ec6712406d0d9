package webhook_test

import (
	"context"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/webhook"
)

// TestKeys specifies when keys are fetched, how long they are kept, and what forged ids cost.
func TestKeys(t *testing.T) {
	t.Parallel()
	t.Run("one fetch serves all callers", oneFetchServesAllCallers)
	t.Run("a caller that looked before a fetch ended does not fetch", aCallerThatLookedBeforeAFetchEndedDoesNotFetch)
	t.Run("keys are refreshed after 12 hours and expire after 24", keysAreRefreshedAndExpire)
	t.Run("a forged id is requested once in five minutes", aForgedIDIsRequestedOnceInFiveMinutes)
	t.Run("a flood of forged ids costs a few fetches", aFloodOfForgedIDsCostsAFewFetches)
	t.Run("a key is used only under its id", aKeyIsUsedOnlyUnderItsID)
	t.Run("a key that is fetched by id", aKeyThatIsFetchedByID)
	t.Run("the number of keys by id is bounded", theNumberOfKeysByIDIsBounded)
	t.Run("a delivery that gives up does not end the fetch of others", aDeliveryThatGivesUpDoesNotEndTheFetchOfOthers)
}

// TestMain fails if a goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// publisher is a provider that publishes keys.
type publisher struct {
	t       *testing.T
	signers map[string]*signer
	fetches atomic.Int32
	slow    time.Duration
	fails   error
	panics  bool
}

func newPublisher(t *testing.T, kids ...string) *publisher {
	t.Helper()
	p := &publisher{t: t, signers: map[string]*signer{}}
	for _, kid := range kids {
		p.signers[kid] = newSigner(t, kid)
	}
	return p
}

func (p *publisher) fetch(ctx context.Context) error {
	p.fetches.Add(1)
	if p.panics {
		panic("planted")
	}
	select {
	case <-time.After(p.slow):
	case <-ctx.Done():
		return ctx.Err()
	}
	return p.fails
}

func (p *publisher) set() *webhook.Keys {
	return webhook.NewKeySet(func(ctx context.Context) (all []json.RawMessage, err error) {
		for _, s := range p.signers {
			all = append(all, s.jwk())
		}
		return all, p.fetch(ctx)
	})
}

func (p *publisher) byID() *webhook.Keys {
	return webhook.NewKeyByID(func(ctx context.Context, id string) (webhook.Key, error) {
		if err := p.fetch(ctx); err != nil {
			return webhook.Key{}, err
		}
		assert.LessOrEqual(p.t, len(id), 256)
		if id == "served with another key" {
			return webhook.Key{JWK: p.signers["k1"].jwk()}, nil
		}
		if s, ok := p.signers[id]; ok {
			return webhook.Key{JWK: s.jwk()}, nil
		}
		return webhook.Key{}, nil
	})
}

// reader reads a delivery that names the key kid, by which it is signed if there is one.
func (p *publisher) reader(keys *webhook.Keys) func(kid string) error {
	v := jwt(p.t, keys, nil)
	other := newSigner(p.t, "other")
	return func(kid string) error {
		s, ok := p.signers[kid]
		if !ok {
			s = other
		}
		_, err := v.Verify(p.t.Context(), signed(s.token(body, func(h, _ map[string]any) { h["kid"] = kid })))
		return err
	}
}

// both runs f with the keys as a set and by id.
func both(t *testing.T, f func(t *testing.T, p *publisher, read func(kid string) error)) {
	t.Helper()
	for name, keys := range map[string]func(*publisher) *webhook.Keys{
		"a set": (*publisher).set, "by id": (*publisher).byID,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher(t, "k1")
				f(t, p, p.reader(keys(p)))
				synctest.Wait()
			})
		})
	}
}

func aCallerThatLookedBeforeAFetchEndedDoesNotFetch(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]func(*publisher) *webhook.Keys{
		"a set": (*publisher).set, "by id": (*publisher).byID,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPublisher(t, "k1")
			for _, err := range keys(p).FetchAsTwo(t.Context(), "k1") {
				require.NoError(t, err)
			}
			assert.EqualValues(t, 1, p.fetches.Load())

			p = newPublisher(t, "k1")
			p.fails = &bankmux.Error{Kind: bankmux.ErrCredentials}
			for _, err := range keys(p).FetchAsTwo(t.Context(), "k1") {
				require.ErrorIs(t, err, bankmux.ErrCredentials, "the failure of the one fetch is that of both")
			}
			assert.EqualValues(t, 1, p.fetches.Load())
		})
	}
}

func oneFetchServesAllCallers(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, p *publisher, read func(string) error) {
		p.slow = time.Second
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { assert.NoError(t, read("k1")) })
		}
		all.Wait()
		assert.EqualValues(t, 1, p.fetches.Load())
	})
	both(t, func(t *testing.T, p *publisher, read func(string) error) {
		p.slow, p.fails = time.Second, &bankmux.Error{Kind: bankmux.ErrCredentials}
		var all sync.WaitGroup
		for range 100 {
			all.Go(
				func() { assert.ErrorIs(t, read("k1"), bankmux.ErrCredentials, "the failure is not a bad signature") },
			)
		}
		all.Wait()
		assert.EqualValues(t, 1, p.fetches.Load())
		require.ErrorIs(t, read("k1"), bankmux.ErrCredentials)
		assert.EqualValues(t, 1, p.fetches.Load(), "and the provider is not asked each time")
		time.Sleep(10 * time.Second)
		p.fails = nil
		require.NoError(t, read("k1"))
	})
	both(t, func(t *testing.T, p *publisher, read func(string) error) {
		p.panics = true
		err := read("k1")
		require.ErrorIs(t, err, bankmux.ErrApplication, "a panic ends nothing but the fetch")
		require.ErrorContains(t, err, "the fetch of webhook keys or its transport panicked (string)")
		p.panics, p.slow = false, time.Hour
		time.Sleep(10 * time.Second)
		start := time.Now()
		require.ErrorIs(t, read("k1"), bankmux.ErrUnavailable)
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
}

func keysAreRefreshedAndExpire(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, p *publisher, read func(string) error) {
		require.NoError(t, read("k1"))
		time.Sleep(12*time.Hour - time.Second)
		require.NoError(t, read("k1"))
		require.EqualValues(t, 1, p.fetches.Load())
		p.fails = &bankmux.Error{Kind: bankmux.ErrUnavailable}
		time.Sleep(time.Second)
		for range 10 {
			require.NoError(t, read("k1"), "the present one serves while the provider is down")
		}
		require.EqualValues(t, 2, p.fetches.Load())
		time.Sleep(12 * time.Hour)
		require.ErrorIs(t, read("k1"), bankmux.ErrUnavailable)
		p.fails = nil
		delete(p.signers, "k1")
		time.Sleep(10 * time.Second)
		require.ErrorIs(t, read("k1"), bankmux.ErrSignature, "it was taken back")
	})
}

func aForgedIDIsRequestedOnceInFiveMinutes(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, p *publisher, read func(string) error) {
		require.NoError(t, read("k1"))
		for range 100 {
			require.ErrorIs(t, read("k2"), bankmux.ErrSignature)
		}
		require.EqualValues(t, 2, p.fetches.Load())
		p.signers["k2"] = newSigner(t, "k2") // published later
		time.Sleep(5*time.Minute - time.Second)
		require.ErrorIs(t, read("k2"), bankmux.ErrSignature)
		time.Sleep(time.Second)
		require.NoError(t, read("k2"))
		require.EqualValues(t, 3, p.fetches.Load())
	})
}

func aFloodOfForgedIDsCostsAFewFetches(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys func(*publisher) *webhook.Keys
		most int32 // within an hour
	}{"a set": {(*publisher).set, 14}, "by id": {(*publisher).byID, 1 + 16 + 120}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher(t, "k1")
				keys := c.keys(p)
				read := p.reader(keys)
				require.NoError(t, read("k1"))
				require.ErrorIs(t, read(strings.Repeat("x", 257)), bankmux.ErrSignature)
				var limited *bankmux.Error
				for n := range 120 {
					for m := range 20 {
						err := read(fmt.Sprintf("forged-%d-%d", n, m))
						if !errors.Is(err, bankmux.ErrSignature) {
							require.ErrorAs(t, err, &limited)
						}
					}
					time.Sleep(30 * time.Second)
					require.NoError(t, read("k1"), "a known key serves on")
				}
				assert.LessOrEqual(t, p.fetches.Load(), c.most)
				assert.LessOrEqual(t, keys.Kept(), 30, "forged ids are forgotten")
				if limited == nil {
					return
				}
				assert.Equal(
					t,
					bankmux.ErrRateLimited,
					limited.Kind,
					"whether an id is forged is not known before it was asked for",
				)
				assert.Positive(t, limited.RetryAfter)
				assert.LessOrEqual(t, limited.RetryAfter, 30*time.Second)
				p.signers["k2"] = newSigner(t, "k2")
				time.Sleep(limited.RetryAfter)
				require.NoError(t, read("k2"), "a new key is learned when its turn has come")
			})
		})
	}
}

func aKeyIsUsedOnlyUnderItsID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(t, "k1")
		p.signers["served with another key"] = p.signers["k1"]
		require.ErrorIs(t, p.reader(p.byID())("served with another key"), bankmux.ErrSignature)
	})
}

func aKeyThatIsFetchedByID(t *testing.T) {
	t.Parallel()
	one := newSigner(t, "k1")
	nameless := &signer{t, "", "ES256", one.key}
	for name, c := range map[string]struct {
		jwk  json.RawMessage
		want bankmux.Kind
	}{
		"has that id where it says none":             {nameless.jwk(), ""},
		"is the provider's failure where it is null": {json.RawMessage("null"), bankmux.ErrMalformed},
		"is the provider's failure if it is not a key": {
			json.RawMessage(`{"kty":"EC","kid":"k1"}`), bankmux.ErrMalformed,
		},
		"proves nothing where it is of another curve": {
			newSignerOn(t, "k1", elliptic.P384()).jwk(), bankmux.ErrSignature,
		},
		"proves nothing where it is one that the sender may know": {
			json.RawMessage(`{"kty":"oct","kid":"k1","k":"AAAA"}`), bankmux.ErrSignature,
		},
	} {
		t.Run(name, func(t *testing.T) {
			keys := webhook.NewKeyByID(
				func(context.Context, string) (webhook.Key, error) { return webhook.Key{JWK: c.jwk}, nil },
			)
			_, err := jwt(t, keys, nil).Verify(t.Context(), signed(one.token(body, nil)))
			assert.Equal(t, c.want, bankmux.KindOf(err))
		})
	}
}

func theNumberOfKeysByIDIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(t, "k1")
		shared := p.signers["k1"] // generating thousands of keys takes long
		read := p.reader(p.byID())
		require.NoError(t, read("k1"))
		for n := range 64 {
			kid := fmt.Sprint("key-", n)
			p.signers[kid] = &signer{t, kid, "ES256", shared.key}
			time.Sleep(30 * time.Second)
			require.NoError(t, read(kid))
		}
		require.EqualValues(t, 65, p.fetches.Load())
		require.NoError(t, read("key-1"))
		require.EqualValues(t, 65, p.fetches.Load())
		time.Sleep(30 * time.Second)
		require.NoError(t, read("k1"), "the oldest was dropped, and is fetched again")
		require.EqualValues(t, 66, p.fetches.Load())
	})
}

func aDeliveryThatGivesUpDoesNotEndTheFetchOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(t, "k1")
		p.slow = 2 * time.Second
		v := jwt(t, p.set(), nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := v.Verify(ctx, signed(p.signers["k1"].token(body, nil)))
		require.ErrorIs(t, err, bankmux.ErrContextDone)
		time.Sleep(2 * time.Second)
		_, err = v.Verify(t.Context(), signed(p.signers["k1"].token(body, nil)))
		require.NoError(t, err)
		assert.EqualValues(t, 1, p.fetches.Load())
	})
}
