package moneykit_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
)

// TestWebhook specifies which deliveries are accepted and what they announce.
func TestWebhook(t *testing.T) {
	t.Parallel()
	t.Run("each event of MoneyKit has a kind", eachEventOfMoneyKitHasAKind)
	t.Run("a genuine body of another form is an unknown event", aGenuineBodyOfAnotherFormIsAnUnknownEvent)
	t.Run("a delivery that MoneyKit did not sign is refused", aDeliveryThatMoneyKitDidNotSignIsRefused)
	t.Run("every bit of signature and body counts", everyBitOfSignatureAndBodyCounts)
	t.Run("issuer, age and clock are those of the configuration", issuerAgeAndClockAreThoseOfTheConfiguration)
}

// TestWebhookAllocations counts, so nothing runs beside it.
func TestWebhookAllocations(t *testing.T) {
	s := newIssuer(t, "k1")
	client, req := s.client(nil), s.delivery(stateChanged, nil)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		_, err := client.ReadWebhook(t.Context(), bankmux.NewWebhookRequest(req.Header(), req.Body()))
		assert.NoError(t, err)
	}), 40.0, "from header and body to the event")
}

func eachEventOfMoneyKitHasAKind(t *testing.T) {
	t.Parallel()
	s := newIssuer(t, "k1")
	client := s.client(nil)
	at := time.Date(2026, 11, 20, 14, 3, 27, 418502000, time.UTC)
	body := func(members string) string {
		return `{"webhook_timestamp":"2026-11-20T14:03:27.418502+00:00","webhook_idempotency_key":"c0a8",` +
			`"link_id":"mk_1",` + members + `}`
	}
	for name, c := range map[string]struct {
		body string
		want bankmux.Event
	}{
		"a lapse": {stateChanged, bankmux.Event{
			Kind: bankmux.EventConnectionStateChanged, Name: "link.state_changed", Session: "S1",
			Status: bankmux.Status{State: bankmux.StateReauth, Code: "auth_expired", At: at},
		}},
		"a link that works, behind a byte order mark": {
			"\ufeff" + body(`"webhook_event":"link.state_changed","state":"connected","error":null`), bankmux.Event{
				Kind: bankmux.EventConnectionStateChanged, Name: "link.state_changed",
				Status: bankmux.Status{State: bankmux.StateActive, At: at},
			},
		},
		"a link that works": {body(`"webhook_event":"link.state_changed","state":"connected","error":null`), bankmux.Event{
			Kind: bankmux.EventConnectionStateChanged, Name: "link.state_changed",
			Status: bankmux.Status{State: bankmux.StateActive, At: at},
		}},
		"a deleted link": {body(`"webhook_event":"link.state_changed","state":"deleted"`), bankmux.Event{
			Kind: bankmux.EventConnectionDeleted, Name: "link.state_changed",
			Status: bankmux.Status{State: bankmux.StateGone, At: at},
		}},
		"a refresh that ended": {body(`"webhook_event":"link.product_refresh","product":"transactions","state":"completed"`), bankmux.Event{
			Kind: bankmux.EventProductRefreshed, Name: "link.product_refresh", Product: bankmux.ProductTransactions,
			Refresh: bankmux.RefreshCompleted,
		}},
		"a refresh by its other name": {body(`"webhook_event":"product.state_changed","product":"identity","state":"failed"`), bankmux.Event{
			Kind: bankmux.EventProductRefreshed, Name: "product.state_changed", Product: bankmux.ProductIdentity,
			Refresh: bankmux.RefreshFailed,
		}},
		"transactions": {body(`"webhook_event":"transactions.updates_available","has_history":true,"new_member":{}`), bankmux.Event{
			Kind: bankmux.EventTransactionsAvailable, Name: "transactions.updates_available",
		}},
		"a lapse whose other members are of another shape": {body(`"webhook_event":"link.state_changed",` +
			`"state":"error","error":"auth_expired","link_tags":"x","product":{},` +
			`"webhook_major_version":"1"`), bankmux.Event{
			Kind: bankmux.EventConnectionStateChanged, Name: "link.state_changed",
			Status: bankmux.Status{State: bankmux.StateReauth, Code: "auth_expired", At: at},
		}},
		"a deleted link whose error is an object": {
			body(`"webhook_event":"link.state_changed","state":"deleted","error":{"code":"x"},"link_tags":[5,{}]`),
			bankmux.Event{
				Kind: bankmux.EventConnectionDeleted, Name: "link.state_changed",
				Status: bankmux.Status{State: bankmux.StateGone, At: at},
			},
		},
		"an unknown event": {body(`"webhook_event":"link.sneezed"`), bankmux.Event{Kind: bankmux.EventUnknown, Name: "link.sneezed"}},
		"an unknown version": {
			body(`"webhook_event":"link.state_changed","state":"deleted","webhook_major_version":2`),
			bankmux.Event{Kind: bankmux.EventUnknown, Name: "link.state_changed"},
		},
		"a name that cannot be one": {body(`"webhook_event":"two words"`), bankmux.Event{Kind: bankmux.EventUnknown, Name: "unreadable"}},
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

func aGenuineBodyOfAnotherFormIsAnUnknownEvent(t *testing.T) {
	t.Parallel()
	s := newIssuer(t, "k1")
	client := s.client(nil)
	keys := map[string]bool{}
	for _, body := range []string{
		``, `null`, `[]`, `{}`, `{"webhook_idempotency_key":""}`, `{"link_id":7}`, "\xff",
		`{"webhook_idempotency_key":"a","webhook_idempotency_key":"b"}`,
	} {
		res, err := client.ReadWebhook(t.Context(), s.delivery(body, nil))
		require.NoError(t, err, body)
		require.Len(t, res.Events, 1)
		assert.Equal(t, bankmux.EventUnknown, res.Events[0].Kind)
		assert.WithinDuration(t, time.Now(), res.Events[0].At, time.Minute)
		assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, res.Key)
		keys[res.Key] = true
	}
	assert.Len(t, keys, 8, "each has its own digest as key")
}

func aDeliveryThatMoneyKitDidNotSignIsRefused(t *testing.T) {
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
		"no signature":               nil,
		"an empty one":               {""},
		"two":                        {good, good},
		"two in one":                 {good + "," + good},
		"no token":                   {"hello"},
		"one that is too long":       {good + strings.Repeat(" ", 10_000)},
		"a part missing":             {parts[0] + "." + parts[1]},
		"a part too many":            {good + ".e30"},
		"an empty signature":         {parts[0] + "." + parts[1] + "."},
		"algorithm none":             {none + "." + parts[1] + "."},
		"algorithm none, signed":     {none + "." + parts[1] + "." + parts[2]},
		"HS256 with the public key":  signWith(jose.HS256, public, "k1"),
		"RS256":                      signWith(jose.RS256, rsaKey, "k1"),
		"another key of that name":   {other.token([]byte(stateChanged), nil)},
		"an unknown key":             with(func(h, _ map[string]any) { h["kid"] = "k2" }),
		"no key":                     with(func(h, _ map[string]any) { delete(h, "kid") }),
		"a key inside the token":     with(func(h, _ map[string]any) { delete(h, "kid"); h["jwk"] = other.keys[0].Public() }),
		"a critical extension":       with(func(h, _ map[string]any) { h["crit"] = []string{"exp"}; h["exp"] = 1 }),
		"another issuer":             claim("iss", "https://api.example.com"),
		"no issuer":                  with(func(_, c map[string]any) { delete(c, "iss") }),
		"no time":                    with(func(_, c map[string]any) { delete(c, "iat") }),
		"a time that is text":        claim("iat", "now"),
		"a time in the distant past": claim("iat", -1e18),
		"a time beyond the range":    claim("iat", 1e18),
		"too old":                    claim("iat", hour(-3.01)),
		"of the future":              claim("iat", hour(0.1)),
		"no digest":                  with(func(_, c map[string]any) { delete(c, "request_body_sha256") }),
		"an empty digest":            claim("request_body_sha256", ""),
		"another digest":             claim("request_body_sha256", strings.Repeat("0", 64)),
		"the digest and more":        with(func(_, c map[string]any) { c["request_body_sha256"] = c["request_body_sha256"].(string) + "00" }),
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
	for name, at := range map[string]int64{
		"of the greatest age allowed": hour(-2.99), "of a clock that is ahead": hour(0.08),
	} {
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

func everyBitOfSignatureAndBodyCounts(t *testing.T) {
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

func issuerAgeAndClockAreThoseOfTheConfiguration(t *testing.T) {
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
