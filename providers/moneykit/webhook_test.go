package moneykit_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
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

// issuer signs webhooks and publishes its keys. It is an http.RoundTripper, so that it fits into a
// bubble.
type issuer struct {
	t *testing.T

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	raw     []any // published beside the keys
	fetches int
	down    bool
	taken   string // the id of a key that signs and is not published
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

// token signs claims about body with the last key, as changed.
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

const stateChanged = `{"webhook_event":"link.state_changed","webhook_major_version":1,"webhook_minor_version":0,"webhook_timestamp":"2026-11-20T14:03:27.418502+00:00",
"webhook_idempotency_key":"c0a8","link_id":"mk_1","link_tags":["tier:gold","bankmux-session:S1"],"state":"error","error":"auth_expired","error_message":"The user must sign in again."}`

func TestTheEventsOfMoneyKitBecomeOurs(t *testing.T) {
	t.Parallel()
	s := newIssuer(t, "k1")
	client := s.client(nil)
	at := time.Date(2026, 11, 20, 14, 3, 27, 418502000, time.UTC)
	body := func(members string) string {
		return `{"webhook_timestamp":"2026-11-20T14:03:27.418502+00:00","webhook_idempotency_key":"c0a8","link_id":"mk_1",` + members + `}`
	}
	for name, c := range map[string]struct {
		body string
		want bankmux.Event
	}{
		"a lapse": {stateChanged, bankmux.Event{
			Kind: bankmux.EventConnectionStateChanged, Name: "link.state_changed", Session: "S1",
			Status: bankmux.Status{State: bankmux.StateReauth, Code: "auth_expired", At: at},
		}},
		"a link that works, behind a byte order mark": {"\ufeff" + body(`"webhook_event":"link.state_changed","state":"connected","error":null`), bankmux.Event{
			Kind: bankmux.EventConnectionStateChanged, Name: "link.state_changed", Status: bankmux.Status{State: bankmux.StateActive, At: at},
		}},
		"a link that works": {body(`"webhook_event":"link.state_changed","state":"connected","error":null`), bankmux.Event{
			Kind: bankmux.EventConnectionStateChanged, Name: "link.state_changed", Status: bankmux.Status{State: bankmux.StateActive, At: at},
		}},
		"a deleted link": {body(`"webhook_event":"link.state_changed","state":"deleted"`), bankmux.Event{
			Kind: bankmux.EventConnectionDeleted, Name: "link.state_changed", Status: bankmux.Status{State: bankmux.StateGone, At: at},
		}},
		"a refresh that ended": {body(`"webhook_event":"link.product_refresh","product":"transactions","state":"completed"`), bankmux.Event{
			Kind: bankmux.EventProductRefreshed, Name: "link.product_refresh", Product: bankmux.ProductTransactions, Refresh: bankmux.RefreshCompleted,
		}},
		"a refresh by its other name": {body(`"webhook_event":"product.state_changed","product":"identity","state":"failed"`), bankmux.Event{
			Kind: bankmux.EventProductRefreshed, Name: "product.state_changed", Product: bankmux.ProductIdentity, Refresh: bankmux.RefreshFailed,
		}},
		"transactions": {body(`"webhook_event":"transactions.updates_available","has_history":true,"new_member":{}`), bankmux.Event{
			Kind: bankmux.EventTransactionsAvailable, Name: "transactions.updates_available",
		}},
		"a lapse whose other members are of another shape": {body(`"webhook_event":"link.state_changed","state":"error","error":"auth_expired","link_tags":"x","product":{},"webhook_major_version":"1"`), bankmux.Event{
			Kind: bankmux.EventConnectionStateChanged, Name: "link.state_changed", Status: bankmux.Status{State: bankmux.StateReauth, Code: "auth_expired", At: at},
		}},
		"a deleted link whose error is an object": {body(`"webhook_event":"link.state_changed","state":"deleted","error":{"code":"x"},"link_tags":[5,{}]`), bankmux.Event{
			Kind: bankmux.EventConnectionDeleted, Name: "link.state_changed", Status: bankmux.Status{State: bankmux.StateGone, At: at},
		}},
		"an event nobody knows":  {body(`"webhook_event":"link.sneezed"`), bankmux.Event{Kind: bankmux.EventUnknown, Name: "link.sneezed"}},
		"a version nobody knows": {body(`"webhook_event":"link.state_changed","state":"deleted","webhook_major_version":2`), bankmux.Event{Kind: bankmux.EventUnknown, Name: "link.state_changed"}},
		"a name that is no name": {body(`"webhook_event":"two words"`), bankmux.Event{Kind: bankmux.EventUnknown, Name: "unreadable"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := client.ReadWebhook(t.Context(), s.delivery(c.body, nil))
			require.NoError(t, err)
			assert.Equal(t, "c0a8", res.Key)
			c.want.Client, c.want.Provider, c.want.Key, c.want.At = "moneykit", "moneykit", "c0a8", at
			c.want.ReferenceKey = res.Events[0].ReferenceKey
			assert.NotEmpty(t, c.want.ReferenceKey)
			c.want = c.want.WithReference("mk_1").WithRaw([]byte(c.body))
			assert.Equal(t, []bankmux.Event{c.want}, res.Events)
		})
	}
}

func TestAGenuineBodyOfAnotherFormIsAnUnknownEvent(t *testing.T) {
	t.Parallel()
	s := newIssuer(t, "k1")
	client := s.client(nil)
	keys := map[string]bool{}
	for _, body := range []string{``, `null`, `[]`, `{}`, `{"webhook_idempotency_key":""}`, `{"link_id":7}`, "\xff", `{"webhook_idempotency_key":"a","webhook_idempotency_key":"b"}`} {
		res, err := client.ReadWebhook(t.Context(), s.delivery(body, nil))
		require.NoError(t, err, body)
		require.Len(t, res.Events, 1)
		assert.Equal(t, bankmux.EventUnknown, res.Events[0].Kind)
		assert.WithinDuration(t, time.Now(), res.Events[0].At, time.Minute)
		assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, res.Key)
		keys[res.Key] = true
	}
	assert.Len(t, keys, 8, "each is known by its own digest")
}

func TestWhatMoneyKitDidNotSignIsRefused(t *testing.T) {
	t.Parallel()
	s := newIssuer(t, "k1")
	now := time.Now() // and stays, however long the other tests take
	client := s.client(func(c *moneykit.Config) { c.Now = func() time.Time { return now } })
	good := s.token([]byte(stateChanged), nil)
	_, err := client.ReadWebhook(
		t.Context(),
		bankmux.NewWebhookRequest(http.Header{"Moneykit-Signature": {good}}, []byte(stateChanged)),
	)
	require.NoError(t, err)
	parts := strings.Split(good, ".")
	with := func(change func(header, claims map[string]any)) []string {
		return []string{s.token([]byte(stateChanged), change)}
	}
	claim := func(name string, value any) []string {
		return with(func(_, claims map[string]any) { claims[name] = value })
	}
	hour := func(h float64) int64 { return now.Add(time.Duration(h * float64(time.Hour))).Unix() }
	other := newIssuer(t, "k1")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	signWith := func(alg jose.SignatureAlgorithm, key any, kid string) []string {
		signer, err := jose.NewSigner(
			jose.SigningKey{Algorithm: alg, Key: key},
			(&jose.SignerOptions{}).WithHeader("kid", kid),
		)
		require.NoError(t, err)
		claims, err := base64.RawURLEncoding.DecodeString(parts[1])
		require.NoError(t, err)
		signed, err := signer.Sign(claims)
		require.NoError(t, err)
		text, err := signed.CompactSerialize()
		require.NoError(t, err)
		return []string{text}
	}
	public, err := s.keys[0].Public().MarshalJSON()
	require.NoError(t, err)
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT","kid":"k1"}`))

	for name, signatures := range map[string][]string{
		"no signature":              nil,
		"an empty one":              {""},
		"two":                       {good, good},
		"two in one":                {good + "," + good},
		"no token":                  {"hello"},
		"too long a one":            {good + strings.Repeat(" ", 10_000)},
		"a part missing":            {parts[0] + "." + parts[1]},
		"a part too many":           {good + ".e30"},
		"an empty signature":        {parts[0] + "." + parts[1] + "."},
		"algorithm none":            {none + "." + parts[1] + "."},
		"algorithm none, signed":    {none + "." + parts[1] + "." + parts[2]},
		"HS256 with the public key": signWith(jose.HS256, public, "k1"),
		"RS256":                     signWith(jose.RS256, rsaKey, "k1"),
		"another key of that name":  {other.token([]byte(stateChanged), nil)},
		"a key nobody knows":        with(func(h, _ map[string]any) { h["kid"] = "k2" }),
		"no key":                    with(func(h, _ map[string]any) { delete(h, "kid") }),
		"the key brought along":     with(func(h, _ map[string]any) { delete(h, "kid"); h["jwk"] = other.keys[0].Public() }),
		"a critical extension":      with(func(h, _ map[string]any) { h["crit"] = []string{"exp"}; h["exp"] = 1 }),
		"another issuer":            claim("iss", "https://api.example.com"),
		"no issuer":                 with(func(_, c map[string]any) { delete(c, "iss") }),
		"no time":                   with(func(_, c map[string]any) { delete(c, "iat") }),
		"a time that is text":       claim("iat", "now"),
		"a time out of mind":        claim("iat", -1e18),
		"a time beyond all":         claim("iat", 1e18),
		"too old":                   claim("iat", hour(-3.01)),
		"of the future":             claim("iat", hour(0.1)),
		"no digest":                 with(func(_, c map[string]any) { delete(c, "request_body_sha256") }),
		"an empty digest":           claim("request_body_sha256", ""),
		"another digest":            claim("request_body_sha256", strings.Repeat("0", 64)),
		"the digest and more":       with(func(_, c map[string]any) { c["request_body_sha256"] = c["request_body_sha256"].(string) + "00" }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := client.ReadWebhook(
				t.Context(),
				bankmux.NewWebhookRequest(http.Header{"Moneykit-Signature": signatures}, []byte(stateChanged)),
			)
			require.ErrorIs(t, err, bankmux.ErrSignature)
			assert.NotContains(t, err.Error(), "mk_1")
		})
	}
	for name, at := range map[string]int64{"as old as may be": hour(-2.99), "of a clock that is ahead": hour(0.08)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := client.ReadWebhook(
				t.Context(),
				bankmux.NewWebhookRequest(http.Header{"Moneykit-Signature": claim("iat", at)}, []byte(stateChanged)),
			)
			require.NoError(t, err)
		})
	}
}

func TestEveryBitOfSignatureAndBodyCounts(t *testing.T) {
	t.Parallel()
	s := newIssuer(t, "k1")
	client := s.client(nil)
	good := s.delivery(stateChanged, nil)
	signature := good.Header()["Moneykit-Signature"][0]
	for i := range len(signature) {
		for _, bit := range []byte{1, 2, 4} {
			bad := []byte(signature)
			bad[i] ^= bit
			_, err := client.ReadWebhook(
				t.Context(),
				bankmux.NewWebhookRequest(http.Header{"Moneykit-Signature": {string(bad)}}, good.Body()),
			)
			require.ErrorIs(t, err, bankmux.ErrSignature, "bit %d of character %d of the signature", bit, i)
		}
	}
	for i := range good.Body() {
		bad := bytes.Clone(good.Body())
		bad[i] ^= 1
		_, err := client.ReadWebhook(t.Context(), bankmux.NewWebhookRequest(good.Header(), bad))
		require.ErrorIs(t, err, bankmux.ErrSignature, "character %d of the body", i)
	}
	_, err := client.ReadWebhook(
		t.Context(),
		bankmux.NewWebhookRequest(good.Header(), append(bytes.Clone(good.Body()), '\n')),
	)
	require.ErrorIs(t, err, bankmux.ErrSignature)
}

func TestIssuerAgeAndClockAreTheConfigurations(t *testing.T) {
	t.Parallel()
	s := newIssuer(t, "k1")
	then := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	client := s.client(func(c *moneykit.Config) {
		c.Webhook = moneykit.WebhookConfig{Issuer: "https://bank.test", Age: time.Minute}
		c.Now = func() time.Time { return then }
	})
	read := func(iss string, at time.Time) error {
		_, err := client.ReadWebhook(
			t.Context(),
			s.delivery(stateChanged, func(_, c map[string]any) { c["iss"], c["iat"] = iss, at.Unix() }),
		)
		return err
	}
	require.NoError(t, read("https://bank.test", then))
	require.ErrorIs(t, read("https://api.moneykit.com", then), bankmux.ErrSignature)
	require.ErrorIs(t, read("https://bank.test", then.Add(-2*time.Minute)), bankmux.ErrSignature)

	_, err := moneykit.New(
		moneykit.Config{
			ClientID:     "id",
			ClientSecret: bankmux.NewSecret("s"),
			Environment:  bankmux.Sandbox,
			Webhook:      moneykit.WebhookConfig{Age: -1},
		},
	)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
}

// inBubble runs f with an issuer on virtual time; read reads a delivery by the newest key.
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

func TestAThousandUnknownKeysCauseOneFetch(t *testing.T) {
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

func TestTheFirstDeliveriesShareOneFetchAndForgedOnesSpendNoTurn(t *testing.T) {
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
		s.add("k2") // rotated just then
		_, err := client.ReadWebhook(t.Context(), s.delivery(stateChanged, nil))
		require.NoError(t, err)
		assert.Equal(t, 2, s.fetches)
	})
}

func TestKeysAreKeptForADayAtMost(t *testing.T) {
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
		require.Equal(t, 3, s.fetches, "and it is not asked each time")
		time.Sleep(12 * time.Hour)
		require.ErrorIs(t, read(), bankmux.ErrUnavailable, "not for ever")
	})
}

func TestAKeyThatWasTakenBackIsNotBelievedForMoreThanADay(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *issuer, read func() error) {
		require.NoError(t, read())
		s.taken = "k1"
		s.raw = []any{map[string]any{"kty": "XYZ"}}
		time.Sleep(24 * time.Hour)
		require.ErrorIs(t, read(), bankmux.ErrSignature)
	})
}

func TestWithoutKeysMoneyKitIsAskedToComeAgainAndIsNotHammered(t *testing.T) {
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
		began := time.Now()
		require.ErrorIs(t, read(), bankmux.ErrUnavailable)
		assert.Equal(t, 10*time.Second, time.Since(began), "a fetch has its own end")
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
		assert.Equal(t, 1, s.fetches, "the fetch went on for the others")
	})
}

func TestOnlyPublishedSigningKeysOfTheRightSortAreUsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(s *issuer)
		held   bool
	}{
		"beside keys of other sorts": {func(s *issuer) {
			s.raw = []any{map[string]any{"kty": "XYZ", "kid": "a"}, map[string]any{"kty": "oct", "kid": "k1", "k": "c2VjcmV0"}, 7, "x", nil}
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
