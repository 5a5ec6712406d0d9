package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/webhook"
)

// A provider that sends "Acme-Signature: t=1700000000,v1=ab12…" signs time and body.
func ExampleNewHMAC() {
	now := time.Unix(1_700_000_000, 0)
	const secret = "a secret of at least sixteen bytes"
	verifier, err := webhook.NewHMAC(webhook.HMAC{
		Secrets: []bankmux.Secret{bankmux.NewSecret(secret)},
		Signed:  "{time}.{body}",
		Time:    []string{"Acme-Signature"}, TimePrefix: "t=",
		Signature: []string{"Acme-Signature"}, SignaturePrefix: "v1=", Separator: ",",
		Encoding: webhook.Hex,
		Window:   webhook.Window{Now: func() time.Time { return now }}, // five minutes in both directions
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	body := []byte(`{"event":"account.updated"}`)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", now.Unix(), body)
	header := http.Header{"Acme-Signature": {fmt.Sprintf("t=%d,v1=%s", now.Unix(), hex.EncodeToString(mac.Sum(nil)))}}

	proof, err := verifier.Verify(context.Background(), bankmux.NewWebhookRequest(header, body))
	fmt.Println(proof.Time.UTC(), err)

	now = now.Add(time.Hour) // a recorded delivery is repeated
	_, err = verifier.Verify(context.Background(), bankmux.NewWebhookRequest(header, body))
	fmt.Println(bankmux.KindOf(err))
	// Output:
	// 2023-11-14 22:13:20 +0000 UTC <nil>
	// signature_invalid
}

// A shared secret proves only that the sender knows it. Give both secrets while you replace one.
func ExampleNewSharedSecret() {
	verifier, err := webhook.NewSharedSecret(webhook.SharedSecret{
		Header: []string{"Authorization"}, Prefix: "Bearer ",
		Secrets: []bankmux.Secret{
			bankmux.NewSecret("the old secret of the provider"),
			bankmux.NewSecret("the new secret of the provider"),
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, secret := range []string{"the new secret of the provider", "a wrong secret"} {
		header := http.Header{"Authorization": {"Bearer " + secret}}
		_, err := verifier.Verify(context.Background(), bankmux.NewWebhookRequest(header, []byte("{}")))
		fmt.Printf("%q\n", bankmux.KindOf(err))
	}
	// Output:
	// ""
	// "signature_invalid"
}

// Check is for a scheme that this package does not have.
func ExampleWindow_Check() {
	now := time.Unix(1_700_000_000, 0)
	window := webhook.Window{Age: time.Minute, Now: func() time.Time { return now }}
	fmt.Println(window.Check(now.Add(-30 * time.Second)))
	fmt.Println(bankmux.KindOf(window.Check(now.Add(-2 * time.Minute))))
	// Output:
	// <nil>
	// signature_invalid
}

// NewKeySet fetches the provider's keys when a delivery needs them. NewJWT verifies tokens with
// them.
func ExampleNewJWT() {
	keys := webhook.NewKeySet(func(context.Context) ([]json.RawMessage, error) {
		return nil, nil // an adapter fetches the "keys" of the provider's JWKS here
	})
	verifier, err := webhook.NewJWT(webhook.JWT{
		Header: []string{"Acme-Verification"},
		Keys:   keys,
		Digest: "request_body_sha256",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	header := http.Header{"Acme-Verification": {"not a token"}}
	_, err = verifier.Verify(context.Background(), bankmux.NewWebhookRequest(header, []byte("{}")))
	fmt.Println(bankmux.KindOf(err))
	// Output:
	// signature_invalid
}
