package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/webhook"
)

// TestHMAC specifies which deliveries an HMAC scheme accepts, and which schemes NewHMAC refuses.
func TestHMAC(t *testing.T) {
	t.Parallel()
	t.Run("each secret and every signed byte count", eachSecretAndEverySignedByteCount)
	t.Run("a signature has one spelling", aSignatureHasOneSpelling)
	t.Run("one valid signature of several is enough", oneValidSignatureOfSeveralIsEnough)
	t.Run("a border between signed parts cannot be moved", aBorderBetweenSignedPartsCannotBeMoved)
	t.Run("a scheme that proves too little is refused", aSchemeThatProvesTooLittleIsRefused)
}

const (
	body   = `{"event":"planted","id":7}`
	target = "https://app.example.com/hooks/acme?tenant=7"
)

var (
	now    = time.Date(2026, 11, 20, 14, 3, 27, 0, time.UTC)
	stamp  = strconv.FormatInt(now.Unix(), 10)
	first  = bytes.Repeat([]byte("f"), 16)
	second = bytes.Repeat([]byte("s"), 32)
	window = webhook.Window{Now: func() time.Time { return now }}
)

func hexMAC(newHash func() hash.Hash, key []byte, text string) string {
	h := hmac.New(newHash, key)
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

func base64MAC(key []byte, text string) string {
	raw, _ := hex.DecodeString(hexMAC(sha256.New, key, text))
	return base64.StdEncoding.EncodeToString(raw)
}

// scheme is a way to sign, as a provider does it and as an adapter describes it.
type scheme struct {
	config webhook.HMAC
	sign   func(key []byte, at time.Time, body string) http.Header
	proof  webhook.Proof
	timed  bool
}

func seconds(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

var schemes = map[string]scheme{
	"the body alone, in hexadecimal digits": {
		config: webhook.HMAC{
			Signed:          "{body}",
			Signature:       []string{"X-Signature"},
			SignaturePrefix: "sha256=",
			Encoding:        webhook.Hex,
		},
		sign: func(key []byte, _ time.Time, body string) http.Header {
			return http.Header{"X-Signature": {"sha256=" + hexMAC(sha256.New, key, body)}}
		},
	},
	"time and body, in one list": {
		config: webhook.HMAC{
			Signed:          "{time}.{body}",
			Time:            []string{"X-Signature"},
			TimePrefix:      "t=",
			Signature:       []string{"X-Signature"},
			SignaturePrefix: "v1=",
			Separator:       ",",
			Encoding:        webhook.Hex,
		},
		sign: func(key []byte, at time.Time, body string) http.Header {
			return http.Header{
				"X-Signature": {"t=" + seconds(at) + ", v1=" + hexMAC(sha256.New, key, seconds(at)+"."+body)},
			}
		},
		timed: true,
	},
	"time and body with literal text, SHA-512": {
		config: webhook.HMAC{
			Signed:    "v0:{time}:{body}",
			Time:      []string{"X-Time"},
			Signature: []string{"X-Signature"},
			Encoding:  webhook.Hex,
			Hash:      sha512.New,
		},
		sign: func(key []byte, at time.Time, body string) http.Header {
			return http.Header{
				"X-Time":      {seconds(at)},
				"X-Signature": {hexMAC(sha512.New, key, "v0:"+seconds(at)+":"+body)},
			}
		},
		timed: true,
	},
	"id, time and body, as Svix does": {
		config: webhook.HMAC{
			Signed: "{id}.{time}.{body}", ID: []string{"Svix-Id", "Webhook-Id"}, Time: []string{"Svix-Timestamp"},
			Signature: []string{"Svix-Signature"}, SignaturePrefix: "v1,", Separator: " ", Encoding: webhook.Base64,
		},
		sign: func(key []byte, at time.Time, body string) http.Header {
			return http.Header{
				"Svix-Id":        {"msg_1"},
				"Svix-Timestamp": {seconds(at)},
				"Svix-Signature": {"v1," + base64MAC(key, "msg_1."+seconds(at)+"."+body)},
			}
		},
		proof: webhook.Proof{ID: "msg_1"},
		timed: true,
	},
	"method, URL and body, with nothing between": {
		config: webhook.HMAC{
			Signed:    "{method}{url}{body}",
			Signature: []string{"X-Signature"},
			Encoding:  webhook.Base64,
		},
		sign: func(key []byte, _ time.Time, body string) http.Header {
			return http.Header{"X-Signature": {base64MAC(key, "POST"+target+body)}}
		},
	},
	"URL, time and body": {
		config: webhook.HMAC{
			Signed:    "{url}|{time}|{body}",
			Time:      []string{"X-Time"},
			Signature: []string{"X-Signature"},
			Encoding:  webhook.Base64,
		},
		sign: func(key []byte, at time.Time, body string) http.Header {
			return http.Header{
				"X-Time":      {seconds(at)},
				"X-Signature": {base64MAC(key, target+"|"+seconds(at)+"|"+body)},
			}
		},
		timed: true,
	},
}

func (s scheme) verifier(t *testing.T) webhook.Verifier {
	t.Helper()
	s.config.Secrets, s.config.Window = []bankmux.Secret{bankmux.NewSecret(first), bankmux.NewSecret(second)}, window
	v, err := webhook.NewHMAC(s.config)
	require.NoError(t, err)
	return v
}

func deliver(h http.Header, body string) bankmux.WebhookRequest {
	return bankmux.NewWebhookRequest(h, []byte(body)).SentTo(http.MethodPost, target)
}

func refuses(t *testing.T, v webhook.Verifier, req bankmux.WebhookRequest, why string) {
	t.Helper()
	proof, err := v.Verify(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrSignature, why)
	assert.NotContains(t, err.Error(), "planted", why)
	assert.Zero(t, proof, why)
}

func eachSecretAndEverySignedByteCount(t *testing.T) {
	t.Parallel()
	for name, s := range schemes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := s.verifier(t)
			for _, key := range [][]byte{first, second} {
				proof, err := v.Verify(t.Context(), deliver(s.sign(key, now, body), body))
				require.NoError(t, err)
				assert.Equal(t, s.proof.ID, proof.ID)
				assert.Equal(t, s.timed, proof.Time.Equal(now))
				assert.Equal(t, !s.timed, proof.Time.IsZero())
			}
			good := s.sign(first, now, body)
			for i := range body {
				changed := []byte(body)
				changed[i] ^= 1
				refuses(t, v, deliver(good, string(changed)), "another body")
			}
			for field := range good {
				everyCharacterCounts(t, v, good, field)
			}
			refuses(t, v, deliver(s.sign([]byte("a secret of another party"), now, body), body), "another secret")
			refuses(t, v, deliver(s.sign(nil, now, body), body), "an empty secret")
			if s.timed {
				for off, holds := range map[time.Duration]bool{
					-5 * time.Minute: true, 5 * time.Minute: true, -5*time.Minute - time.Second: false,
					5*time.Minute + time.Second: false,
				} {
					_, err := v.Verify(t.Context(), deliver(s.sign(first, now.Add(off), body), body))
					assert.Equal(t, holds, err == nil, "%v off: %v", off, err)
				}
			}
		})
	}
}

// everyCharacterCounts changes a header field of a good delivery in every way.
func everyCharacterCounts(t *testing.T, v webhook.Verifier, good http.Header, field string) {
	t.Helper()
	missing, twice := good.Clone(), good.Clone()
	missing.Del(field)
	twice.Add(field, good.Get(field))
	refuses(t, v, deliver(missing, body), field+" is missing")
	refuses(t, v, deliver(twice, body), field+" is there twice")
	text := good.Get(field)
	for i := range text {
		changed := good.Clone()
		changed.Set(field, text[:i]+string(text[i]^1)+text[i+1:])
		if _, err := v.Verify(t.Context(), deliver(changed, body)); err == nil {
			t.Errorf("character %d of %s does not count", i, field)
		}
	}
}

func aSignatureHasOneSpelling(t *testing.T) {
	t.Parallel()
	for name, s := range schemes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, good := s.verifier(t), s.sign(first, now, body)
			field := s.config.Signature[0]
			text := good.Get(field)
			signature := text[strings.LastIndexAny(text, ",=v")+1:]
			if s.config.Encoding == webhook.Base64 {
				signature = strings.TrimPrefix(text, s.config.SignaturePrefix)
			}
			start := strings.TrimSuffix(text, signature)
			others := map[string]string{
				"in capitals":    strings.ToUpper(signature),
				"a blank behind": signature + " x",
				"a line break":   signature[:10] + "\r\n" + signature[10:],
				"cut":            signature[:len(signature)-1],
				"longer":         signature + "A",
				"none":           "",
			}
			if s.config.Encoding == webhook.Base64 {
				unpadded := strings.TrimRight(signature, "=")
				last := strings.IndexByte(
					"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
					unpadded[len(unpadded)-1],
				)
				others["without padding"] = unpadded
				others["with bits that say nothing"] = unpadded[:len(unpadded)-1] + string(
					"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[last^1],
				) + "="
				others["of the URL alphabet"] = "-" + signature[1:]
			}
			for how, spelling := range others {
				changed := good.Clone()
				changed.Set(field, start+spelling)
				if _, err := v.Verify(
					t.Context(),
					deliver(changed, body),
				); err == nil &&
					!(s.config.Separator == " " && how == "a blank behind") {
					t.Errorf("%s is taken", how)
				}
			}
		})
	}
}

func oneValidSignatureOfSeveralIsEnough(t *testing.T) {
	t.Parallel()
	list, svix := schemes["time and body, in one list"], schemes["id, time and body, as Svix does"]
	mine := hexMAC(sha256.New, second, stamp+"."+body)
	other := hexMAC(sha256.New, []byte("another party"), stamp+"."+body)
	for field, holds := range map[string]bool{
		"t=" + stamp + ",v1=" + other + ",v1=" + mine: true,
		"v1=" + mine + ",v0=x,t=" + stamp:             true,
		"t=" + stamp + ",v0=" + mine:                  false,
		"t=" + stamp + ",t=" + stamp + ",v1=" + mine:  false,
		"v1=" + mine: false,
		"t=" + stamp + strings.Repeat(",v1="+other, 14) + ",v1=" + mine:    true,
		"t=" + stamp + strings.Repeat(",v1="+other, 15) + ",v1=" + mine:    false,
		"t=" + stamp + strings.Repeat(" ", 9000) + ",v1=" + mine:           false,
		"t=0" + stamp + ",v1=" + mine:                                      false,
		"t=+" + stamp[1:] + ",v1=" + hexMAC(sha256.New, second, "+"+stamp): false,
	} {
		_, err := list.verifier(t).Verify(t.Context(), deliver(http.Header{"X-Signature": {field}}, body))
		assert.Equal(t, holds, err == nil, "%s: %v", field, err)
	}
	h := svix.sign(first, now, body)
	h.Set("Svix-Signature", "v1,AAAA v2,x "+h.Get("Svix-Signature"))
	h.Set("Webhook-Id", "msg_1")
	_, err := svix.verifier(t).Verify(t.Context(), deliver(h, body))
	require.NoError(t, err)
	h.Set("Webhook-Id", "msg_2")
	refuses(t, svix.verifier(t), deliver(h, body), "two ids under two names")
	h.Set("Webhook-Id", "msg_1")
	h.Set("Svix-Id", "msg_2")
	refuses(t, svix.verifier(t), deliver(h, body), "two ids under two names, the second signed")
}

func aBorderBetweenSignedPartsCannotBeMoved(t *testing.T) {
	t.Parallel()
	sign := func(text string) http.Header {
		return http.Header{"X-Signature": {base64MAC(first, text)}, "X-Time": {stamp}}
	}
	joined := schemes["method, URL and body, with nothing between"].verifier(t)
	split := schemes["URL, time and body"].verifier(t)
	adjacent := scheme{
		config: webhook.HMAC{
			Signed:    "{time}{body}",
			Time:      []string{"X-Time"},
			Signature: []string{"X-Signature"},
			Encoding:  webhook.Base64,
		},
	}.verifier(
		t,
	)
	at := func(url, body string, h http.Header) bankmux.WebhookRequest {
		return bankmux.NewWebhookRequest(h, []byte(body)).SentTo(http.MethodPost, url)
	}
	_, err := joined.Verify(t.Context(), at(target, `[1]`, sign("POST"+target+`[1]`)))
	require.NoError(t, err)
	refuses(
		t,
		joined,
		at(target+`{"a":1,"b":`, `{"c":2}}`, sign("POST"+target+`{"a":1,"b":{"c":2}}`)),
		"the body's start in the query",
	)
	refuses(t, joined, at(target+`[`, `{}]`, sign("POST"+target+`[{}]`)), "a bracket in the query")
	refuses(t, joined, at(target[:len(target)-1], `7{}`, sign("POST"+target+`{}`)), "the query's end in the body")
	refuses(t, joined, at(target, ``, sign("POST"+target)), "an empty body")
	refuses(
		t,
		split,
		at(target+"|"+stamp+`|{"a":`, `{}}`, sign(target+"|"+stamp+`|{"a":{}}`)),
		"the body's start in the query",
	)
	refuses(t, adjacent, at(target, "123", sign(stamp+"123")), "a body that starts with a digit")
	refuses(t, adjacent, at(target, "", sign(stamp)), "an empty body behind the time")

	dotted := http.Header{
		"Svix-Id":        {"msg_1." + stamp},
		"Svix-Timestamp": {stamp},
		"Svix-Signature": {"v1," + base64MAC(first, "msg_1."+stamp+"."+stamp+"."+body)},
	}
	refuses(t, schemes["id, time and body, as Svix does"].verifier(t), deliver(dotted, body), "the time in the id")

	t.Run("a delivery without URL is not supported rather than forged", func(t *testing.T) {
		_, err := joined.Verify(t.Context(), bankmux.NewWebhookRequest(sign("POST"+target+body), []byte(body)))
		require.ErrorIs(t, err, bankmux.ErrUnsupported)
		require.ErrorContains(t, err, "inbox.WithURL")
	})
	for name, req := range map[string]bankmux.WebhookRequest{
		"another URL":    at("https://other.example.com/hooks/acme?tenant=7", body, sign("POST"+target+body)),
		"another query":  at(target+"1", body, sign("POST"+target+body)),
		"another method": bankmux.NewWebhookRequest(sign("POST"+target+body), []byte(body)).SentTo(http.MethodPut, target),
	} {
		t.Run(name, func(t *testing.T) { refuses(t, joined, req, name) })
	}
}

func aSchemeThatProvesTooLittleIsRefused(t *testing.T) {
	t.Parallel()
	good := webhook.HMAC{
		Secrets:   []bankmux.Secret{bankmux.NewSecret(first)},
		Signed:    "{body}",
		Signature: []string{"X-Signature"},
		Encoding:  webhook.Hex,
	}
	_, err := webhook.NewHMAC(good)
	require.NoError(t, err)
	signed := func(text string) func(*webhook.HMAC) {
		return func(c *webhook.HMAC) { c.Signed, c.ID, c.Time = text, []string{"X-Id"}, []string{"X-Time"} }
	}
	for name, c := range map[string]struct {
		change func(*webhook.HMAC)
		field  string
	}{
		"no secret":       {func(c *webhook.HMAC) { c.Secrets = nil }, "Secrets"},
		"an empty secret": {func(c *webhook.HMAC) { c.Secrets = []bankmux.Secret{{}} }, "Secrets"},
		"a short one beside a good one": {
			func(c *webhook.HMAC) { c.Secrets = append(c.Secrets, bankmux.NewSecret("fifteen bytes..")) }, "Secrets",
		},
		"a secret that is only the prefix": {func(c *webhook.HMAC) { c.SecretPrefix = string(first) }, "Secrets"},
		"a secret that is not base64": {
			func(c *webhook.HMAC) { c.SecretEncoding = webhook.Base64; c.Secrets[0] = bankmux.NewSecret("?") },
			"Secrets",
		},
		"a secret that is not hexadecimal": {func(c *webhook.HMAC) { c.SecretEncoding = webhook.Hex }, "Secrets"},
		"an unknown encoding of secrets":   {func(c *webhook.HMAC) { c.SecretEncoding = 9 }, "SecretEncoding"},
		"a signature as bytes":             {func(c *webhook.HMAC) { c.Encoding = webhook.Text }, "Encoding"},
		"no signature":                     {func(c *webhook.HMAC) { c.Signature = nil }, "Signature"},
		"an invalid name": {
			func(c *webhook.HMAC) { c.Signature = []string{"X Signature"} }, "Signature",
		},
		"nothing that is signed":        {func(c *webhook.HMAC) { c.Signed = "" }, "Signed"},
		"no body":                       {signed("{id}.{time}"), "Signed"},
		"a body that is not the end":    {signed("{body}.{time}"), "Signed"},
		"two bodies":                    {signed("{body}{body}"), "Signed"},
		"an unknown placeholder":        {signed("{host}{body}"), "Signed"},
		"half a placeholder":            {signed("{id{body}"), "Signed"},
		"an id without an end":          {signed("{time}.{id}{body}"), "Signed"},
		"an id behind the time":         {signed("{time}{id}.{body}"), "Signed"},
		"a digit behind the time":       {signed("{id}.{time}0{body}"), "Signed"},
		"an id behind the URL":          {signed("{url}.{id}.{time}.{body}"), "Signed"},
		"a time right behind the URL":   {signed("{id}.{url}{time}.{body}"), "Signed"},
		"an id right behind the method": {signed("{method}{id}.{time}.{body}"), "Signed"},
		"a letter behind the method":    {signed("{time}.{method}A{id}.{body}"), "Signed"},
		"an id that is not signed":      {func(c *webhook.HMAC) { c.ID = []string{"X-Id"} }, "ID"},
		"a time that is not signed":     {func(c *webhook.HMAC) { c.Time = []string{"X-Time"} }, "Time"},
		"a time without a field":        {func(c *webhook.HMAC) { c.Signed = "{time}.{body}" }, "Time"},
		"a negative age":                {func(c *webhook.HMAC) { c.Window.Age = -1 }, "Age"},
		"a negative lead":               {func(c *webhook.HMAC) { c.Window.Ahead = -1 }, "Ahead"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := good
			cfg.Secrets = append([]bankmux.Secret{}, good.Secrets...)
			c.change(&cfg)
			v, err := webhook.NewHMAC(cfg)
			assert.Nil(t, v)
			var e *bankmux.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, bankmux.ErrInvalid, e.Kind)
			assert.Equal(t, c.field, e.Field, err)
		})
	}
}
