package moneykit

// This file verifies and reads webhook deliveries.

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// WebhookConfig says how deliveries are verified. The zero value verifies MoneyKit's own
// deliveries.
type WebhookConfig struct {
	Issuer string // who signs deliveries; "" means [DefaultBaseURL]
	// Age is how long after its signature a delivery is accepted; 0 means 3 h. MoneyKit repeats a
	// delivery for two hours. Its documentation does not say whether it signs again, so a much
	// shorter Age loses deliveries. Remember deliveries for longer than Age.
	Age time.Duration
}

// The window of a delivery. MoneyKit's examples allow five minutes of clock difference, and
// deliveries are repeated for two hours.
const (
	webhookAge   = 3 * time.Hour
	webhookAhead = 5 * time.Minute
)

// keysOf identifies the keys that clients of one guard share: those published at an address.
type keysOf struct{ baseURL string }

// newWebhooks verifies the compact JWS of MoneyKit's webhook guide.
func newWebhooks(cfg Config, api *api) (webhook.Verifier, error) {
	keys := cfg.Guard.Shared(keysOf{cfg.BaseURL}, func() any { return webhook.NewKeySet(api.webhookKeys) })
	return webhook.NewJWT(webhook.JWT{
		Header: []string{"MoneyKit-Signature"},
		Keys:   keys.(*webhook.Keys), // only this function uses the key
		Issuer: cmp.Or(cfg.Webhook.Issuer, DefaultBaseURL),
		Digest: "request_body_sha256",
		Window: webhook.Window{Age: cmp.Or(cfg.Webhook.Age, webhookAge), Ahead: webhookAhead, Now: cfg.Now},
	})
}

// ReadWebhook verifies a delivery and reads it.
func (a *adapter) ReadWebhook(ctx context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	proof, err := a.webhooks.Verify(ctx, req)
	if err != nil {
		return bankmux.WebhookResult{}, err
	}
	body := rest.Delivery[webhookBody](ctx, a.api.rest, req.Body())
	if body.Key == "" { // without a key, only the digest identifies the body, which the client fills in
		body = webhookBody{}
	}
	return bankmux.WebhookResult{Key: body.Key, Events: []bankmux.Event{body.event(proof.Time)}}, nil
}

// event returns the event that the body announces. For another major version, it reads only the
// members common to all versions.
func (b *webhookBody) event(signedAt time.Time) bankmux.Event {
	e := bankmux.Event{Kind: bankmux.EventUnknown, Name: normalize.CleanCode(b.Event), At: signedAt.UTC()}
	e = e.WithReference(b.LinkID)
	if at, ok := normalize.Timestamp(b.Timestamp); ok {
		e.At = at
	}
	for _, tag := range b.LinkTags {
		if id, ok := strings.CutPrefix(tag, tagPrefix); ok {
			e.Session = id
		}
	}
	if b.Major != nil && *b.Major != webhookMajor {
		return e
	}
	e.Kind = model.Event(b.Event, b.State)
	switch e.Kind {
	case bankmux.EventConnectionStateChanged, bankmux.EventConnectionDeleted:
		e.Status = model.Status(b.State, normalize.CleanCode(b.Error))
		e.Status.At = e.At
	case bankmux.EventProductRefreshed:
		e.Product, e.Refresh = model.ProductOf(b.Product), bankmux.RefreshState(b.State)
	}
	return e
}

// webhookMajor is the version whose members are known. Another major version "means breaking"
// (MoneyKit's webhook guide).
const webhookMajor = 1
