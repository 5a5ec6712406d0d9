package inbox_test

// This file has the examples of the package.

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/inbox"
)

// hookProvider is a provider whose webhooks carry a shared secret.
type hookProvider struct {
	bankmux.Provider
	verifier webhook.Verifier
}

func (p hookProvider) ReadWebhook(ctx context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	proof, err := p.verifier.Verify(ctx, req)
	if err != nil {
		return bankmux.WebhookResult{}, err
	}
	event := bankmux.Event{Kind: bankmux.EventTransactionsAvailable, Name: "transactions.updated"}
	return bankmux.WebhookResult{Key: proof.Key(req.Body()), Events: []bankmux.Event{event}}, nil
}

// hookRegistry returns a registry with one client, whose adapter is made for this example.
func hookRegistry() *bankmux.Registry {
	verifier, err := webhook.NewSharedSecret(webhook.SharedSecret{
		Header:  []string{"Acme-Secret"},
		Secrets: []bankmux.Secret{bankmux.NewSecret("a secret of at least sixteen bytes")},
	})
	if err != nil {
		panic(err)
	}
	client := bankmux.NewClient("acme", hookProvider{verifier: verifier})
	registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, []bankmux.Route{{Client: "acme"}})
	if err != nil {
		panic(err)
	}
	return registry
}

// deliver posts a delivery to the handler, as a provider does, and returns the status.
func deliver(h http.Handler, secret, body string) int {
	r := httptest.NewRequest(http.MethodPost, "/hooks/acme", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Acme-Secret", secret)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// The handler gets each genuine delivery once. Duplicates get 200 without another call, and
// forgeries get 401.
func ExampleNew() {
	handler := inbox.New(hookRegistry(), func(_ context.Context, event bankmux.Event) error {
		fmt.Println("event:", event.Client, event.Kind)
		return nil // an application puts the event into a durable queue first
	})
	mux := http.NewServeMux()
	mux.Handle("/hooks/", handler) // the last segment of the path names the client

	fmt.Println(deliver(mux, "a secret of at least sixteen bytes", `{"id":1}`))
	fmt.Println(deliver(mux, "a secret of at least sixteen bytes", `{"id":1}`)) // a duplicate
	fmt.Println(deliver(mux, "another secret", `{"id":2}`))
	// Output:
	// event: acme transactions_available
	// 200
	// 200
	// 401
}

// If the handler fails, the provider gets 500 and delivers again.
func ExampleNew_retry() {
	attempts := 0
	handler := inbox.New(hookRegistry(), func(context.Context, bankmux.Event) error {
		if attempts++; attempts == 1 {
			return errors.New("the queue is not available")
		}
		return nil
	})
	fmt.Println(deliver(handler, "a secret of at least sixteen bytes", `{"id":1}`))
	fmt.Println(deliver(handler, "a secret of at least sixteen bytes", `{"id":1}`))
	fmt.Println(attempts)
	// Output:
	// 500
	// 200
	// 2
}

// A Memory remembers the deliveries of one process. Processes that share a database implement Seen
// with a table.
func ExampleMemory() {
	memory := inbox.NewMemory(0, 0) // 100,000 deliveries for a day
	ctx := context.Background()
	before, _ := memory.Seen(ctx, "delivery-1")
	_ = memory.Mark(ctx, "delivery-1")
	after, _ := memory.Seen(ctx, "delivery-1")
	fmt.Println(before, after)
	// Output:
	// false true
}

// The log has the reason of each refused delivery.
func ExampleWithLogger() {
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	handler := inbox.New(hookRegistry(), func(context.Context, bankmux.Event) error { return nil },
		inbox.WithLogger(logger))
	fmt.Println(deliver(handler, "another secret", `{"id":1}`))
	fmt.Println(strings.ReplaceAll(log.String(), " why=", "\nwhy=")) // two lines, for this page
	// Output:
	// 401
	// level=WARN msg="inbox: a delivery was refused" client=acme status=401 kind=signature_invalid
	// why="acme: ReadWebhook: signature_invalid: the shared secret is wrong; refuse the delivery" not_logged=0
}

// Some providers sign the URL. Behind a proxy, only the application knows the public one.
func ExampleWithURL() {
	verifier, err := webhook.NewHMAC(webhook.HMAC{
		Secrets:   []bankmux.Secret{bankmux.NewSecret("a secret of at least sixteen bytes")},
		Signed:    "{url}{body}",
		Signature: []string{"Acme-Signature"},
		Encoding:  webhook.Hex,
	})
	if err != nil {
		panic(err)
	}
	client := bankmux.NewClient("acme", hookProvider{verifier: verifier})
	registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, []bankmux.Route{{Client: "acme"}})
	if err != nil {
		panic(err)
	}
	received := func(_ context.Context, event bankmux.Event) error {
		fmt.Println("event:", event.Kind)
		return nil
	}
	handler := inbox.New(registry, received, inbox.WithURL("https://app.example.com/hooks/{client}"))

	// The proxy passes the delivery on to another host and path.
	const body = `{"id":1}`
	mac := hmac.New(sha256.New, []byte("a secret of at least sixteen bytes"))
	mac.Write([]byte("https://app.example.com/hooks/acme" + body))
	r := httptest.NewRequest(http.MethodPost, "http://10.0.0.7:8080/internal/acme", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Acme-Signature", hex.EncodeToString(mac.Sum(nil)))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// event: transactions_available
	// 200
}
