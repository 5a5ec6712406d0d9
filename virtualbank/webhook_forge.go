package virtualbank

// This file builds invalid deliveries.

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// forgery makes a delivery invalid: by its signature or by what is sent.
type forgery struct {
	name string
	sign func(*bank.Stamp)
	send func(h http.Header, signature string, body []byte) []byte
}

// forgeries returns the forgeries that every provider has.
func forgeries() []forgery {
	return []forgery{
		{name: "body_flipped", send: func(_ http.Header, _ string, body []byte) []byte { return flipped(body) }},
		{name: "body_reencoded", send: func(_ http.Header, _ string, body []byte) []byte {
			var out bytes.Buffer
			_ = json.Indent(&out, body, "", " ") // the body is valid JSON
			return out.Bytes()
		}},
		{name: "body_replaced", send: func(http.Header, string, []byte) []byte { return []byte(`{}`) }},
		{
			name: "signature_flipped",
			send: onSignature(func(h http.Header, name string) { h[name][0] = string(flipped([]byte(h[name][0]))) }),
		},
		{name: "signature_missing", send: onSignature(func(h http.Header, name string) { h.Del(name) })},
		{name: "signature_empty", send: onSignature(func(h http.Header, name string) { h.Set(name, "") })},
		{name: "signature_twice", send: onSignature(func(h http.Header, name string) { h.Add(name, h.Get(name)) })},
		{name: "stale", sign: func(s *bank.Stamp) { s.At = s.At.Add(-4 * time.Hour) }},
		{name: "future", sign: func(s *bank.Stamp) { s.At = s.At.Add(6 * time.Minute) }},
		{name: bank.ForgedKey, sign: func(s *bank.Stamp) { s.Flaw = bank.ForgedKey }},
	}
}

// forgeriesOf returns the forgeries of one provider.
func forgeriesOf(provider string) []forgery {
	all := forgeries()
	for _, spec := range specs() {
		if spec.Name != provider {
			continue
		}
		for _, f := range spec.Forgeries {
			own := forgery{name: f.Name, sign: func(s *bank.Stamp) { s.Flaw = f.Name }}
			if f.Send != nil {
				own.send = func(h http.Header, _ string, body []byte) []byte {
					f.Send(h)
					return body
				}
			}
			all = append(all, own)
		}
	}
	return all
}

// flipped returns a copy with one bit changed in the middle.
func flipped(text []byte) []byte {
	out := slices.Clone(text)
	out[len(out)/2] ^= 1
	return out
}

// onSignature returns a change of the header that holds the signature, if the delivery has it.
func onSignature(change func(http.Header, string)) func(http.Header, string, []byte) []byte {
	return func(h http.Header, signature string, body []byte) []byte {
		if h.Get(signature) != "" {
			change(h, signature)
		}
		return body
	}
}

// Forgeries returns the names of the forgeries that [Bank.Forge] knows for a provider. Those for
// Dapi apply to its current signature scheme, not to the legacy one.
func Forgeries(provider string) []string {
	var names []string
	for _, f := range forgeriesOf(provider) {
		names = append(names, f.name)
	}
	return names
}

// Forge returns a delivery like [Bank.Delivery], but with one thing wrong. The error is a
// [*Refusal] if name is not one of [Forgeries].
func (b *Bank) Forge(name, url string, w Webhook) (*http.Request, error) {
	all := forgeriesOf(w.Provider)
	i := slices.IndexFunc(all, func(f forgery) bool { return f.name == name })
	if i < 0 {
		return nil, bank.Refuse(http.StatusBadRequest, "%s has no forgery %q", w.Provider, name)
	}
	b.core.Lock()
	defer b.core.Unlock()
	f, p := all[i], b.provider(w.Provider)
	body, key := b.sealed(b.happened(w))
	s := b.stamp()
	if f.sign != nil {
		f.sign(&s)
	}
	header := p.Sign(key, body, s)
	if f.send != nil {
		body = f.send(header, p.Spec().SignatureHeader, body)
	}
	return request(url, header, body), nil
}
