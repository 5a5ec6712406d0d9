package dapi_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
)

// FuzzWebhookSignature sends any id, time and signature in both schemes. No delivery is accepted.
func FuzzWebhookSignature(f *testing.F) {
	for _, c := range [][3]string{
		{"msg_1", hookStamp, "v1,AAAA"},
		{"", "", ""},
		{"a.b", "-1", "v1,"},
		{"a", "9223372036854775807", "v1, v1 v2,x"},
		{"1", "1763647407123", "===="},
	} {
		f.Add(c[0], c[1], c[2], []byte(hookBody))
	}
	f.Fuzz(func(t *testing.T, id, stamp, signature string, body []byte) {
		for _, hooks := range []dapi.WebhookConfig{
			{Secrets: []bankmux.Secret{whsec(hookSecret), whsec(nextSecret)}},
			{Scheme: dapi.SchemeLegacy, Secrets: []bankmux.Secret{bankmux.NewSecret("a secret in plain text")}},
		} {
			_, err := hookClient(t, hooks).ReadWebhook(t.Context(), bankmux.NewWebhookRequest(http.Header{
				"Svix-Id": {
					id,
				},
				"Svix-Timestamp": {stamp},
				"Svix-Signature": {signature},
				"Dapi-Ts":        {stamp},
				"Dapi-Signature": {signature},
			}, body))
			if !errors.Is(err, bankmux.ErrSignature) {
				t.Fatalf("%q %q %q: %v", id, stamp, signature, err)
			}
		}
	})
}

// FuzzWebhookBody signs any body, with and without encryption. It becomes one event, or cannot be
// decrypted.
func FuzzWebhookBody(f *testing.F) {
	key := bytes.Repeat([]byte("k"), 32)
	for _, body := range []string{
		hookBody, "", "null", "{}", "[]", "\xff", `"AAAA"`, `{"data":"AAAA"}`,
		`{"data":7,"payload":"AAAAAAAAAAAAAAAAAAAAAAAA"}`, `{"event":7}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, aesKey := range []bankmux.Secret{{}, bankmux.NewSecret(base64.StdEncoding.EncodeToString(key))} {
			client := hookClient(t, dapi.WebhookConfig{Secrets: []bankmux.Secret{whsec(hookSecret)}, Key: aesKey})
			res, err := client.ReadWebhook(t.Context(), genuine(string(body)))
			switch {
			case errors.Is(err, bankmux.ErrMalformed) && !aesKey.IsZero():
			case err != nil || len(res.Events) != 1 || res.Key != "msg_1" || res.Events[0].Kind == "" ||
				res.Events[0].At.IsZero():
				t.Fatalf("%q: %v, %v", body, res, err)
			}
		}
	})
}
