package moneykit_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/moneykit"
)

// TestWebhookKeys specifies how keys of signatures are fetched.
func TestWebhookKeys(t *testing.T) {
	t.Parallel()
	t.Run("a thousand unknown keys cause one fetch", aThousandUnknownKeysCauseOneFetch)
	t.Run(
		"the first deliveries share one fetch and forged ones use no turn",
		theFirstDeliveriesShareOneFetchAndForgedOnesUseNoTurn,
	)
	t.Run("keys are kept for a day at most", keysAreKeptForADayAtMost)
	t.Run("a withdrawn key is not accepted for more than a day", aWithdrawnKeyIsNotAcceptedForMoreThanADay)
	t.Run(
		"without keys MoneyKit is asked to deliver again and is not flooded",
		withoutKeysMoneyKitIsAskedToDeliverAgainAndIsNotFlooded,
	)
	t.Run("only published signing keys of the right type are used", onlyPublishedSigningKeysOfTheRightTypeAreUsed)
}

func aThousandUnknownKeysCauseOneFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, g := newIssuer(t, "k1"), guard.New(guard.Options{})
		client := s.client(func(c *moneykit.Config) { c.Guard = g })
		second := s.client(func(c *moneykit.Config) { c.Guard, c.Name = g, "moneykit-uk" })
		forge := func(n int) error {
			_, err := []*bankmux.Client{client, second}[n%2].ReadWebhook(
				t.Context(),
				s.delivery(stateChanged, func(h, _ map[string]any) { h["kid"] = fmt.Sprint("forged-", n) }),
			)
			return err
		}
		_, err := client.ReadWebhook(t.Context(), s.delivery(stateChanged, nil))
		require.NoError(t, err)
		require.Equal(t, 1, s.fetches)
		var all sync.WaitGroup
		for n := range 1000 {
			all.Go(func() { assert.ErrorIs(t, forge(n), bankmux.ErrSignature) })
		}
		all.Wait()
		assert.Equal(t, 2, s.fetches)
		time.Sleep(5*time.Minute - time.Second)
		require.ErrorIs(t, forge(1), bankmux.ErrSignature)
		assert.Equal(t, 2, s.fetches)
		time.Sleep(time.Second)
		require.ErrorIs(t, forge(1), bankmux.ErrSignature)
		require.ErrorIs(t, forge(2), bankmux.ErrSignature)
		assert.Equal(t, 3, s.fetches)

		elsewhere := s.client(func(c *moneykit.Config) { c.Guard, c.BaseURL = g, "https://moneykit.elsewhere.test" })
		_, err = elsewhere.ReadWebhook(t.Context(), s.delivery(stateChanged, nil))
		require.NoError(t, err)
		assert.Equal(t, 4, s.fetches, "the keys of one address are not those of another")
	})
}

func theFirstDeliveriesShareOneFetchAndForgedOnesUseNoTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer(t, "k1")
		s.slow = time.Second
		client := s.client(nil)
		var all sync.WaitGroup
		for n := range 100 {
			all.Go(func() {
				_, err := client.ReadWebhook(t.Context(), s.delivery(stateChanged, func(h, _ map[string]any) {
					if n%2 == 0 {
						h["kid"] = "forged"
					}
				}))
				assert.Equal(t, n%2 == 0, errors.Is(err, bankmux.ErrSignature), err)
			})
		}
		all.Wait()
		assert.Equal(t, 1, s.fetches)
		s.add("k2") // rotated at that moment
		_, err := client.ReadWebhook(t.Context(), s.delivery(stateChanged, nil))
		require.NoError(t, err)
		assert.Equal(t, 2, s.fetches)
	})
}

func keysAreKeptForADayAtMost(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *issuer, read func() error) {
		require.NoError(t, read())
		time.Sleep(12*time.Hour - time.Second)
		require.NoError(t, read())
		require.Equal(t, 1, s.fetches)
		time.Sleep(time.Second)
		require.NoError(t, read())
		require.Equal(t, 2, s.fetches, "due after half a day")
		s.down = true
		time.Sleep(12 * time.Hour)
		require.NoError(t, read(), "the present ones serve while MoneyKit is down")
		require.Equal(t, 3, s.fetches)
		require.NoError(t, read())
		require.Equal(t, 3, s.fetches, "and it is not called each time")
		time.Sleep(12 * time.Hour)
		require.ErrorIs(t, read(), bankmux.ErrUnavailable, "and not without end")
	})
}

func aWithdrawnKeyIsNotAcceptedForMoreThanADay(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *issuer, read func() error) {
		require.NoError(t, read())
		s.taken = "k1"
		s.raw = []any{map[string]any{"kty": "XYZ"}}
		time.Sleep(24 * time.Hour)
		require.ErrorIs(t, read(), bankmux.ErrSignature)
	})
}

func withoutKeysMoneyKitIsAskedToDeliverAgainAndIsNotFlooded(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *issuer, read func() error) {
		s.down = true
		for range 100 {
			require.ErrorIs(t, read(), bankmux.ErrUnavailable)
		}
		assert.Equal(t, 1, s.fetches)
		time.Sleep(10 * time.Second)
		s.down = false
		require.NoError(t, read())
	})
	inBubble(t, func(t *testing.T, s *issuer, read func() error) {
		s.slow = time.Hour
		started := time.Now()
		require.ErrorIs(t, read(), bankmux.ErrUnavailable)
		assert.Equal(t, 10*time.Second, time.Since(started), "a fetch has its own end")
	})
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer(t, "k1")
		s.slow = 2 * time.Second
		client := s.client(nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.ReadWebhook(ctx, s.delivery(stateChanged, nil))
		require.ErrorIs(t, err, bankmux.ErrContextDone)
		time.Sleep(2 * time.Second)
		_, err = client.ReadWebhook(t.Context(), s.delivery(stateChanged, nil))
		require.NoError(t, err)
		assert.Equal(t, 1, s.fetches, "the fetch continued for the others")
	})
}

func onlyPublishedSigningKeysOfTheRightTypeAreUsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(s *issuer)
		held   bool
	}{
		"beside keys of other sorts": {func(s *issuer) {
			s.raw = []any{
				map[string]any{"kty": "XYZ", "kid": "a"},
				map[string]any{"kty": "oct", "kid": "k1", "k": "c2VjcmV0"},
				7,
				"x", nil,
			}
		}, true},
		"for encryption":        {func(s *issuer) { s.keys[0].Use = "enc" }, false},
		"for another algorithm": {func(s *issuer) { s.keys[0].Algorithm = "ES384" }, false},
		"without use":           {func(s *issuer) { s.keys[0].Use, s.keys[0].Algorithm = "", "" }, true},
		"two of one name":       {func(s *issuer) { s.add("k1") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newIssuer(t, "k1")
			c.change(s)
			_, err := s.client(nil).ReadWebhook(t.Context(), s.delivery(stateChanged, nil))
			if c.held {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, bankmux.ErrSignature)
			}
		})
	}
}

// inBubble runs f with an issuer on virtual time. Its function reads a delivery by the newest key.
func inBubble(t *testing.T, f func(t *testing.T, s *issuer, read func() error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer(t, "k1")
		client := s.client(nil)
		f(t, s, func() error {
			_, err := client.ReadWebhook(t.Context(), s.delivery(stateChanged, nil))
			return err
		})
		synctest.Wait()
	})
}

// issuer signs deliveries and publishes its keys. It is an http.RoundTripper, so that it works in a
// synctest bubble.
type issuer struct {
	t *testing.T

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	raw     []any // published beside the keys
	fetches int
	down    bool
	taken   string // the id of a key that signs but is not published
	slow    time.Duration
}

func newIssuer(t *testing.T, kids ...string) *issuer {
	t.Helper()
	s := &issuer{t: t}
	for _, kid := range kids {
		s.add(kid)
	}
	return s
}

func (s *issuer) add(kid string) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(s.t, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, jose.JSONWebKey{Key: key, KeyID: kid, Use: "sig", Algorithm: "ES256"})
}

func (s *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.fetches++
	slow, down := s.slow, s.down
	all := append([]any{}, s.raw...)
	for _, k := range s.keys {
		if k.KeyID != s.taken {
			all = append(all, k.Public())
		}
	}
	s.mu.Unlock()
	assert.Equal(s.t, "/.well-known/jwks.json", r.URL.Path)
	assert.Equal(s.t, "id", r.Header.Get("X-Client-Id"))
	assert.Empty(s.t, r.Header.Get("Authorization"), "the keys need no token")
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	body, err := json.Marshal(map[string]any{"keys": all})
	require.NoError(s.t, err)
	res := &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(bytes.NewReader(body)),
		Request:    r,
	}
	if down {
		res.StatusCode = http.StatusServiceUnavailable
	}
	return res, nil
}

func (s *issuer) client(change func(*moneykit.Config)) *bankmux.Client {
	s.t.Helper()
	cfg := moneykit.Config{
		ClientID:     "id",
		ClientSecret: bankmux.NewSecret("secret"),
		Environment:  bankmux.Sandbox,
		BaseURL:      "https://moneykit.test",
		HTTPClient:   &http.Client{Transport: s},
	}
	if change != nil {
		change(&cfg)
	}
	c, err := moneykit.New(cfg)
	require.NoError(s.t, err)
	return c
}

// token signs claims about body with the last key. change may change header and claims.
func (s *issuer) token(body []byte, change func(header, claims map[string]any)) string {
	s.t.Helper()
	s.mu.Lock()
	key := s.keys[len(s.keys)-1]
	s.mu.Unlock()
	digest := sha256.Sum256(body)
	header := map[string]any{"alg": "ES256", "typ": "JWT", "kid": key.KeyID}
	claims := map[string]any{
		"iss":                 "https://api.moneykit.com",
		"iat":                 time.Now().Unix(),
		"request_body_sha256": hex.EncodeToString(digest[:]),
	}
	if change != nil {
		change(header, claims)
	}
	h, err := json.Marshal(header)
	require.NoError(s.t, err)
	c, err := json.Marshal(claims)
	require.NoError(s.t, err)
	text := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
	sum := sha256.Sum256([]byte(text))
	r, sig, err := ecdsa.Sign(rand.Reader, key.Key.(*ecdsa.PrivateKey), sum[:])
	require.NoError(s.t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(
		append(r.FillBytes(make([]byte, 32)), sig.FillBytes(make([]byte, 32))...),
	)
}

func (s *issuer) delivery(body string, change func(header, claims map[string]any)) bankmux.WebhookRequest {
	return bankmux.NewWebhookRequest(http.Header{"Moneykit-Signature": {s.token([]byte(body), change)}}, []byte(body))
}

const stateChanged = `{"webhook_event":"link.state_changed","webhook_major_version":1,"webhook_minor_version":0,` +
	`"webhook_timestamp":"2026-11-20T14:03:27.418502+00:00",
"webhook_idempotency_key":"c0a8","link_id":"mk_1","link_tags":["tier:gold","bankmux-session:S1"],` +
	`"state":"error","error":"auth_expired","error_message":"The user must sign in again."}`
