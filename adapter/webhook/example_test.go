package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
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
		Window:   webhook.Window{Now: func() time.Time { return now }}, // five minutes either way
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

	now = now.Add(time.Hour) // somebody repeats what they saw
	_, err = verifier.Verify(context.Background(), bankmux.NewWebhookRequest(header, body))
	fmt.Println(bankmux.KindOf(err))
	// Output:
	// 2023-11-14 22:13:20 +0000 UTC <nil>
	// signature_invalid
}
