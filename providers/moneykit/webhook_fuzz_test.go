package moneykit_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/bankmux/bankmux"
)

// FuzzWebhookSignature sends any signature. No delivery is accepted, and the error names the
// signature.
func FuzzWebhookSignature(f *testing.F) {
	s := &issuer{}
	setUp := func(t *testing.T) { s.t = t }
	for _, text := range []string{
		"", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0..", "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.e30.AAAA",
		"eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.bnVsbA.",
		"eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIiwiY3JpdCI6WyJiNjQiXSwiYjY0IjpmYWxzZX0.e30.AAAA",
		"eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.e30.AAAA", `{"payload":"","signatures":[]}`,
	} {
		f.Add(text, []byte(stateChanged))
	}
	f.Fuzz(func(t *testing.T, signature string, body []byte) {
		setUp(t)
		if len(s.keys) == 0 {
			s.add("k1")
		}
		client := s.client(nil)
		_, err := client.ReadWebhook(
			t.Context(),
			bankmux.NewWebhookRequest(http.Header{"Moneykit-Signature": {signature}}, body),
		)
		if !errors.Is(err, bankmux.ErrSignature) {
			t.Fatalf("%q: %v", signature, err)
		}
	})
}

// FuzzWebhookBody signs any body. It becomes one event with a key, and is never an error.
func FuzzWebhookBody(f *testing.F) {
	for _, body := range []string{
		stateChanged, "", "null", "{}", "[]", "\xff", `{"webhook_idempotency_key":"k","webhook_event":7}`,
		`{"webhook_idempotency_key":"k","webhook_major_version":1e99}`,
		`{"webhook_idempotency_key":"k","webhook_event":"link.product_refresh","product":"transactions",` +
			`"state":"completed","webhook_timestamp":"x"}`,
	} {
		f.Add([]byte(body))
	}
	s := &issuer{}
	f.Fuzz(func(t *testing.T, body []byte) {
		s.t = t
		if len(s.keys) == 0 {
			s.add("k1")
		}
		res, err := s.client(nil).ReadWebhook(t.Context(), s.delivery(string(body), nil))
		if err != nil || len(res.Events) != 1 || res.Key == "" || res.Events[0].Key != res.Key ||
			res.Events[0].Kind == "" ||
			res.Events[0].At.IsZero() {
			t.Fatalf("%q: %v, %v", body, res, err)
		}
		again, err := s.client(nil).ReadWebhook(t.Context(), s.delivery(string(body), nil))
		if err != nil || again.Key != res.Key {
			t.Fatalf("%q: a repeat has another key", body)
		}
	})
}
