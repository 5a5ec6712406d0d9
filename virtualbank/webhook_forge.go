package virtualbank

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// forgery spoils a delivery in one way: what it is signed with, or what is sent.
type forgery struct {
	name     string
	provider string // "" is both
	sign     func(*hooks, *stamp)
	send     func(http.Header, []byte) []byte
}

// The headers that hold the signature.
var signatureHeader = map[string]string{providerMoneyKit: "Moneykit-Signature", providerDapi: "Svix-Signature"}

var forgeries = []forgery{
	{name: "body_flipped", send: func(_ http.Header, body []byte) []byte { return flipped(body) }},
	{name: "body_reencoded", send: func(_ http.Header, body []byte) []byte {
		var out bytes.Buffer
		_ = json.Indent(&out, body, "", " ") // the bank's own JSON
		return out.Bytes()
	}},
	{name: "body_replaced", send: func(http.Header, []byte) []byte { return []byte(`{}`) }},
	{
		name: "signature_flipped",
		send: onSignature(func(h http.Header, name string) { h[name][0] = string(flipped([]byte(h[name][0]))) }),
	},
	{name: "signature_missing", send: onSignature(func(h http.Header, name string) { h.Del(name) })},
	{name: "signature_empty", send: onSignature(func(h http.Header, name string) { h.Set(name, "") })},
	{name: "signature_twice", send: onSignature(func(h http.Header, name string) { h.Add(name, h.Get(name)) })},
	{name: "stale", sign: func(_ *hooks, s *stamp) { s.at = s.at.Add(-4 * time.Hour) }},
	{name: "future", sign: func(_ *hooks, s *stamp) { s.at = s.at.Add(6 * time.Minute) }},
	{name: "wrong_key", sign: func(h *hooks, s *stamp) {
		s.key.key, s.secrets, s.legacy = h.gen.signingKey(), [][]byte{h.gen.bytes(24)}, h.gen.alphanumeric(40)
	}},

	{name: "algorithm_none", provider: providerMoneyKit, sign: func(_ *hooks, s *stamp) { s.alg = "none" }},
	{name: "algorithm_hs256", provider: providerMoneyKit, sign: func(_ *hooks, s *stamp) { s.alg = "HS256" }},
	{name: "unknown_kid", provider: providerMoneyKit, sign: func(h *hooks, s *stamp) { s.key.id = h.gen.urlSafe(40) }},
	{
		name:     "another_issuer",
		provider: providerMoneyKit,
		sign:     func(_ *hooks, s *stamp) { s.issuer = "https://example.com" },
	},
	{name: "no_digest", provider: providerMoneyKit, sign: func(_ *hooks, s *stamp) { s.noDigest = true }},

	{name: "empty_secret", provider: providerDapi, sign: func(_ *hooks, s *stamp) { s.secrets = [][]byte{{}} }},
	{name: "id_missing", provider: providerDapi, send: on(func(h http.Header) { h.Del("Svix-Id") })},
	{name: "id_twice", provider: providerDapi, send: on(func(h http.Header) { h.Add("Svix-Id", h.Get("Svix-Id")) })},
	{
		name:     "id_changed",
		provider: providerDapi,
		send:     on(func(h http.Header) { h.Set("Svix-Id", h.Get("Svix-Id")+"x") }),
	},
	{name: "timestamp_missing", provider: providerDapi, send: on(func(h http.Header) { h.Del("Svix-Timestamp") })},
	{name: "timestamp_changed", provider: providerDapi, send: on(func(h http.Header) {
		at, _ := strconv.Atoi(h.Get("Svix-Timestamp"))
		h.Set("Svix-Timestamp", strconv.Itoa(at+1))
	})},
}

// flipped changes one bit in the middle.
func flipped(text []byte) []byte {
	out := slices.Clone(text)
	out[len(out)/2] ^= 1
	return out
}

func on(change func(http.Header)) func(http.Header, []byte) []byte {
	return func(h http.Header, body []byte) []byte {
		change(h)
		return body
	}
}

func onSignature(change func(http.Header, string)) func(http.Header, []byte) []byte {
	return on(func(h http.Header) {
		for _, name := range signatureHeader {
			if h.Get(name) != "" {
				change(h, name)
			}
		}
	})
}

// Forgeries are the names that [Bank.Forge] knows for a provider. Those of Dapi are of its present
// scheme.
func Forgeries(provider string) []string {
	var names []string
	for _, f := range forgeries {
		if f.provider == "" || f.provider == provider {
			names = append(names, f.name)
		}
	}
	return names
}

// Forge is a delivery as [Bank.Delivery] makes it, with one thing wrong. The error is a [*Refusal]
// for a name that is not among [Forgeries].
func (b *Bank) Forge(name, url string, w Webhook) (*http.Request, error) {
	i := slices.IndexFunc(
		forgeries,
		func(f forgery) bool { return f.name == name && (f.provider == "" || f.provider == w.Provider) },
	)
	if i < 0 {
		return nil, refuse(http.StatusBadRequest, "no forgery %q at %s", name, w.Provider)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	f := forgeries[i]
	body, key := b.sealed(w)
	s := b.stamp()
	if f.sign != nil {
		f.sign(&b.hooks, &s)
	}
	header := b.signed(w.Provider, key, body, s)
	if f.send != nil {
		body = f.send(header, body)
	}
	return request(url, header, body), nil
}
