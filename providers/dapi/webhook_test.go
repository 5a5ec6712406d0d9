package dapi_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
)

// TestWebhook specifies which deliveries are accepted and what they announce.
func TestWebhook(t *testing.T) {
	t.Parallel()
	t.Run("each event of Dapi has a kind", eachEventOfDapiHasAKind)
	t.Run("a Svix delivery depends on secret, time and every byte", aSvixDeliveryDependsOnSecretTimeAndEveryByte)
	t.Run("the older scheme is accepted only if it is configured", theOlderSchemeIsAcceptedOnlyIfItIsConfigured)
	t.Run(
		"an encrypted payload is read after its signature is verified",
		anEncryptedPayloadIsReadAfterItsSignatureIsVerified,
	)
}

// TestWebhookAllocations counts, so nothing runs beside it.
func TestWebhookAllocations(t *testing.T) {
	client, req := hookClient(t, dapi.WebhookConfig{Secrets: []bankmux.Secret{whsec(hookSecret)}}), genuine(hookBody)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		_, err := client.ReadWebhook(t.Context(), bankmux.NewWebhookRequest(req.Header(), req.Body()))
		assert.NoError(t, err)
	}), 15.0, "from header and body to the event")
}

func eachEventOfDapiHasAKind(t *testing.T) {
	t.Parallel()
	client := hookClient(t, dapi.WebhookConfig{Secrets: []bankmux.Secret{whsec(hookSecret)}})
	at := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		body string
		want bankmux.Event
	}{
		"a lapse behind a byte order mark": {"\ufeff" + hookBody, bankmux.Event{
			Kind: bankmux.EventConnectionStateChanged, Name: "connection.state_changed", At: at,
			Status: bankmux.Status{State: bankmux.StateReauth, Code: "INVALID_CREDENTIALS", At: at},
		}.WithReference("conn-1")},
		"a lapse": {hookBody, bankmux.Event{
			Kind: bankmux.EventConnectionStateChanged, Name: "connection.state_changed", At: at,
			Status: bankmux.Status{State: bankmux.StateReauth, Code: "INVALID_CREDENTIALS", At: at},
		}.WithReference("conn-1")},
		"a connection that works": {`{"event":"connection.state_changed","connectionID":"conn-1","state":"connected"}`, bankmux.Event{
			Kind: bankmux.EventConnectionStateChanged, Name: "connection.state_changed", At: hookNow,
			Status: bankmux.Status{State: bankmux.StateActive, At: hookNow},
		}.WithReference("conn-1")},
		"a deleted connection": {`{"event":"connection.deleted","connectionID":"conn-1"}`, bankmux.Event{
			Kind: bankmux.EventConnectionDeleted, Name: "connection.deleted", At: hookNow,
			Status: bankmux.Status{State: bankmux.StateGone, At: hookNow},
		}.WithReference("conn-1")},
		"transactions": {`{"event":"transactions.available","connectionID":"conn-1"}`, bankmux.Event{
			Kind: bankmux.EventTransactionsAvailable, Name: "transactions.available", At: hookNow,
		}.WithReference("conn-1")},
		"a deleted connection whose other members are of another shape": {
			`{"event":"connection.deleted","connectionID":"conn-1","state":{},"errorType":5,"occurredAt":17}`,
			bankmux.Event{
				Kind: bankmux.EventConnectionDeleted, Name: "connection.deleted", At: hookNow,
				Status: bankmux.Status{State: bankmux.StateGone, At: hookNow},
			}.WithReference("conn-1"),
		},
		"an unknown event": {
			`{"event":"job.done","connectionID":"conn-1","jobID":"j"}`,
			bankmux.Event{Kind: bankmux.EventUnknown, Name: "job.done", At: hookNow}.WithReference("conn-1"),
		},
		"no event":        {`{}`, bankmux.Event{Kind: bankmux.EventUnknown, At: hookNow}},
		"no object":       {`"text"`, bankmux.Event{Kind: bankmux.EventUnknown, At: hookNow}},
		"no JSON":         {"\xff{", bankmux.Event{Kind: bankmux.EventUnknown, At: hookNow}},
		"nothing":         {"", bankmux.Event{Kind: bankmux.EventUnknown, At: hookNow}},
		"of another type": {`{"event":7}`, bankmux.Event{Kind: bankmux.EventUnknown, At: hookNow}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := client.ReadWebhook(t.Context(), genuine(c.body))
			require.NoError(t, err)
			assert.Equal(t, "msg_1", res.Key)
			c.want.Client, c.want.Provider, c.want.Key = "dapi", "dapi", "msg_1"
			c.want.ReferenceKey = res.Events[0].ReferenceKey
			assert.Equal(t, c.want.Reference() == "", c.want.ReferenceKey == "")
			c.want = c.want.WithRaw([]byte(c.body))
			assert.Equal(t, []bankmux.Event{c.want}, res.Events)
		})
	}
}

func aSvixDeliveryDependsOnSecretTimeAndEveryByte(t *testing.T) {
	t.Parallel()
	client := hookClient(t, dapi.WebhookConfig{Secrets: []bankmux.Secret{whsec(nextSecret), whsec(hookSecret)}})
	sig := func(key []byte, id, stamp, body string) string { return "v1," + mac(key, id, ".", stamp, ".", body) }
	good := sig(hookSecret, "msg_1", hookStamp, hookBody)
	off := func(d time.Duration) bankmux.WebhookRequest {
		stamp := strconv.FormatInt(hookNow.Add(d).Unix(), 10)
		return svix("svix", "msg_1", stamp, sig(hookSecret, "msg_1", stamp, hookBody), hookBody)
	}
	signed := func(signature string) bankmux.WebhookRequest {
		return svix("svix", "msg_1", hookStamp, signature, hookBody)
	}
	with := func(change func(http.Header)) bankmux.WebhookRequest {
		r := signed(good)
		change(r.Header())
		return r
	}
	for name, c := range map[string]struct {
		request bankmux.WebhookRequest
		holds   bool
	}{
		"genuine":                  {signed(good), true},
		"by the other secret":      {signed(sig(nextSecret, "msg_1", hookStamp, hookBody)), true},
		"under the other spelling": {svix("webhook", "msg_1", hookStamp, good, hookBody), true},
		"under both spellings":     {with(func(h http.Header) { h.Set("Webhook-Id", "msg_1") }), true},
		"among signatures by other secrets": {signed(sig([]byte("another account's secret"), "msg_1", hookStamp, hookBody) + " v2,abc v1 v1, v1,??? " +
			good), true},
		"five minutes old":             {off(-5 * time.Minute), true},
		"five minutes ahead":           {off(5 * time.Minute), true},
		"by a third secret":            {signed(sig([]byte("another account's secret"), "msg_1", hookStamp, hookBody)), false},
		"by an empty secret":           {signed(sig(nil, "msg_1", hookStamp, hookBody)), false},
		"by the secret as text":        {signed(sig([]byte(whsec(hookSecret).Reveal()), "msg_1", hookStamp, hookBody)), false},
		"older":                        {off(-5*time.Minute - time.Second), false},
		"further ahead":                {off(5*time.Minute + time.Second), false},
		"of a text that is not a time": {svix("svix", "msg_1", "now", sig(hookSecret, "msg_1", "now", hookBody), hookBody), false},
		"of a time in the distant past": {svix("svix", "msg_1", "-9223372036854775808",
			sig(hookSecret, "msg_1", "-9223372036854775808", hookBody), hookBody), false},
		"of a time beyond the range": {svix("svix", "msg_1", "9223372036854775807",
			sig(hookSecret, "msg_1", "9223372036854775807", hookBody), hookBody), false},
		"of another version":               {signed("v2," + strings.TrimPrefix(good, "v1,")), false},
		"with an empty signature":          {signed("v1,"), false},
		"with a part of the signature":     {signed(good[:len(good)-4]), false},
		"with more than the signature":     {signed(good[:len(good)-1] + "AAAA"), false},
		"with another id":                  {svix("svix", "msg_2", hookStamp, good, hookBody), false},
		"with another body":                {svix("svix", "msg_1", hookStamp, good, hookBody+" "), false},
		"with the id's end for the time":   {svix("svix", "msg_1.1", hookStamp, sig(hookSecret, "msg_1.1", hookStamp, hookBody), hookBody), false},
		"without id":                       {with(func(h http.Header) { h.Del("Svix-Id") }), false},
		"without time":                     {with(func(h http.Header) { h.Del("Svix-Timestamp") }), false},
		"without signature":                {with(func(h http.Header) { h.Del("Svix-Signature") }), false},
		"without anything":                 {bankmux.NewWebhookRequest(nil, []byte(hookBody)), false},
		"with the id twice":                {with(func(h http.Header) { h.Add("Svix-Id", "msg_1") }), false},
		"with the signature twice":         {with(func(h http.Header) { h.Add("Svix-Signature", good) }), false},
		"with another id under both names": {with(func(h http.Header) { h.Set("Webhook-Id", "msg_2") }), false},
		"after too many signatures":        {signed(strings.Repeat("v1,AAAA ", 100) + good), false},
		"with a very long header":          {signed(strings.Repeat(" ", 9000) + good), false},
		"signed by the older scheme": {bankmux.NewWebhookRequest(http.Header{"Dapi-Ts": {hookStamp}, "Dapi-Signature": {mac(hookSecret, hookStamp, hookBody)}},
			[]byte(hookBody)), false},
		"with a MoneyKit signature": {bankmux.NewWebhookRequest(http.Header{"Moneykit-Signature": {"a.b.c"}}, []byte(hookBody)), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := client.ReadWebhook(t.Context(), c.request)
			if c.holds {
				require.NoError(t, err)
				assert.Equal(t, "msg_1", res.Key)
				return
			}
			require.ErrorIs(t, err, bankmux.ErrSignature)
			assert.NotContains(t, err.Error(), "conn-1")
			assert.Empty(t, res)
		})
	}
	for i := range hookBody {
		bad := []byte(hookBody)
		bad[i] ^= 1
		_, err := client.ReadWebhook(t.Context(), svix("svix", "msg_1", hookStamp, good, string(bad)))
		require.ErrorIs(t, err, bankmux.ErrSignature, "character %d of the body", i)
	}
	for i := range good {
		for _, bit := range []byte{1, 2, 4} {
			bad := []byte(good)
			bad[i] ^= bit
			_, err := client.ReadWebhook(t.Context(), signed(string(bad)))
			require.ErrorIs(t, err, bankmux.ErrSignature, "bit %d of character %d of the signature", bit, i)
		}
	}
}

func theOlderSchemeIsAcceptedOnlyIfItIsConfigured(t *testing.T) {
	t.Parallel()
	secret := "a secret in plain text"
	client := hookClient(
		t,
		dapi.WebhookConfig{Scheme: dapi.SchemeLegacy, Secrets: []bankmux.Secret{bankmux.NewSecret(secret)}},
	)
	request := func(stamp, signature, body string) bankmux.WebhookRequest {
		return bankmux.NewWebhookRequest(http.Header{"Dapi-Ts": {stamp}, "Dapi-Signature": {signature}}, []byte(body))
	}
	sign := func(stamp, body string) bankmux.WebhookRequest {
		return request(stamp, mac([]byte(secret), stamp, body), body)
	}
	millis := strconv.FormatInt(hookNow.UnixMilli(), 10)
	old := strconv.FormatInt(hookNow.Add(-6*time.Minute).Unix(), 10)
	for name, c := range map[string]struct {
		request bankmux.WebhookRequest
		holds   bool
	}{
		"seconds":                    {sign(hookStamp, hookBody), true},
		"milliseconds":               {sign(millis, hookBody), true},
		"too old":                    {sign(old, hookBody), false},
		"by another secret":          {request(hookStamp, mac([]byte("another secret, as long"), hookStamp, hookBody), hookBody), false},
		"two signatures in one":      {request(hookStamp, "AAAA v1,"+mac([]byte(secret), hookStamp, hookBody), hookBody), false},
		"no signature":               {request(hookStamp, "", hookBody), false},
		"another body":               {request(hookStamp, mac([]byte(secret), hookStamp, hookBody), "{}"), false},
		"the time's end in the body": {request(hookStamp[:9], mac([]byte(secret), hookStamp, hookBody), hookStamp[9:]+hookBody), false},
		"a body that starts so":      {sign(hookStamp, "123"), false},
		"signed as Svix does it":     {genuine(hookBody), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := client.ReadWebhook(t.Context(), c.request)
			if !c.holds {
				require.ErrorIs(t, err, bankmux.ErrSignature)
				return
			}
			require.NoError(t, err)
			assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, res.Key)
			assert.Equal(t, bankmux.EventConnectionStateChanged, res.Events[0].Kind)
		})
	}
}

func anEncryptedPayloadIsReadAfterItsSignatureIsVerified(t *testing.T) {
	t.Parallel()
	for _, size := range []int{16, 24, 32} {
		key := bytes.Repeat([]byte("k"), size)
		client := hookClient(t, dapi.WebhookConfig{
			Secrets: []bankmux.Secret{
				whsec(hookSecret),
			},
			Key: bankmux.NewSecret(base64.StdEncoding.EncodeToString(key)),
		})
		sealed := seal(t, key, hookBody)
		for name, body := range map[string]string{
			"in data": `{"data":"` + sealed + `"}`, "in payload": `{"id":"x","payload":"` + sealed + `"}`,
			"as a JSON string": `"` + sealed + `"`, "as it is": sealed,
			"unpadded": `{"data":"` + strings.TrimRight(sealed, "=") + `"}`, "behind a mark": "\ufeff" + `{"data":"` + sealed + `"}`,
			"as it is, behind a mark": "\ufeff" + sealed, "with a mark inside": `{"data":"` + seal(t, key, "\ufeff"+hookBody) + `"}`,
		} {
			res, err := client.ReadWebhook(t.Context(), genuine(body))
			require.NoError(t, err, name)
			e := res.Events[0]
			assert.Equal(t, bankmux.EventConnectionStateChanged, e.Kind, name)
			assert.Equal(t, "conn-1", e.Reference())
			assert.JSONEq(t, hookBody, string(e.Payload()))
			assert.Equal(t, body, string(e.Raw()))

			forged := genuine(body)
			forged.Body()[len(forged.Body())/2] ^= 1
			_, err = client.ReadWebhook(t.Context(), forged)
			require.ErrorIs(t, err, bankmux.ErrSignature, "CFB alone would not notice")
		}
		res, err := client.ReadWebhook(t.Context(), genuine(hookBody))
		require.NoError(t, err, "one that is not encrypted")
		assert.Equal(t, bankmux.EventConnectionStateChanged, res.Events[0].Kind)
		assert.Empty(t, res.Events[0].Payload())
		res, err = client.ReadWebhook(
			t.Context(),
			genuine(`{"event":"transactions.available","connectionID":"conn-1","data":"not encrypted"}`),
		)
		require.NoError(t, err)
		assert.Equal(t, bankmux.EventTransactionsAvailable, res.Events[0].Kind)

		for _, text := range []string{
			"", "AAAA", base64.StdEncoding.EncodeToString(key[:16]), "???",
			seal(t, bytes.Repeat([]byte("x"), size), hookBody),
		} {
			_, err := client.ReadWebhook(t.Context(), genuine(`{"id":"x","data":"`+text+`"}`))
			if text == "" {
				require.NoError(t, err, "nothing is encrypted there")
				continue
			}
			require.ErrorIs(t, err, bankmux.ErrMalformed, text)
			assert.NotContains(t, err.Error(), text)
		}
	}
}

var (
	hookNow    = time.Date(2026, 11, 20, 14, 3, 27, 0, time.UTC)
	hookStamp  = strconv.FormatInt(hookNow.Unix(), 10)
	hookSecret = bytes.Repeat([]byte("s"), 24)
	nextSecret = bytes.Repeat([]byte("n"), 16)
)

const hookBody = `{"event":"connection.state_changed","connectionID":"conn-1","userID":"u","state":"error",` +
	`"errorType":"INVALID_CREDENTIALS","occurredAt":"2026-11-20T14:00:00Z"}`

func whsec(key []byte) bankmux.Secret {
	return bankmux.NewSecret("whsec_" + base64.StdEncoding.EncodeToString(key))
}

// mac is the HMAC of the parts in base64.
func mac(key []byte, parts ...string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(strings.Join(parts, "")))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func hookClient(t *testing.T, hooks dapi.WebhookConfig) *bankmux.Client {
	t.Helper()
	client, err := newHookClient(hooks)
	require.NoError(t, err)
	return client
}

func newHookClient(hooks dapi.WebhookConfig) (*bankmux.Client, error) {
	return dapi.New(dapi.Config{
		AppKey:      "key",
		AppSecret:   bankmux.NewSecret("secret"),
		Environment: bankmux.Sandbox,
		Webhook:     hooks,
		Now:         func() time.Time { return hookNow },
	})
}

func svix(prefix, id, stamp, signature, body string) bankmux.WebhookRequest {
	return bankmux.NewWebhookRequest(http.Header{
		http.CanonicalHeaderKey(prefix + "-id"): {
			id,
		},
		http.CanonicalHeaderKey(prefix + "-timestamp"): {stamp},
		http.CanonicalHeaderKey(prefix + "-signature"): {signature},
	}, []byte(body))
}

func genuine(body string) bankmux.WebhookRequest {
	return svix("svix", "msg_1", hookStamp, "v1,"+mac(hookSecret, "msg_1.", hookStamp, ".", body), body)
}

func seal(t *testing.T, key []byte, plain string) string {
	t.Helper()
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	out := make([]byte, aes.BlockSize+len(plain))
	copy(out, "an iv of 16 byte")
	stream := cipher.NewCFBEncrypter(block, out[:aes.BlockSize]) //nolint:staticcheck // as Dapi does
	stream.XORKeyStream(out[aes.BlockSize:], []byte(plain))
	return base64.StdEncoding.EncodeToString(out)
}
