package plaid

// This file verifies and reads webhook deliveries.

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/plaid"
)

// WebhookConfig says how deliveries are verified. The zero value is right for Plaid itself.
type WebhookConfig struct {
	// Age is how long after its signature a delivery is accepted; 0 means the five minutes of
	// Plaid's documentation. Plaid repeats a delivery for a day. Its documentation does not say
	// whether a repeat has a new signature. With an old one, it is refused after Age.
	Age time.Duration
}

// keysOf identifies the keys that clients of one guard share: those of an environment.
type keysOf struct{ baseURL string }

// verifyWebhooks makes the adapter verify the JWT of Plaid's webhook guide. Keys are fetched by id.
func (a *adapter) verifyWebhooks() (err error) {
	keys := a.cfg.Guard.Shared(keysOf{a.cfg.BaseURL}, func() any { return webhook.NewKeyByID(a.api.verificationKey) })
	a.webhooks, err = webhook.NewJWT(webhook.JWT{
		Header: []string{"Plaid-Verification"},
		Keys:   keys.(*webhook.Keys), // only this function uses the key
		Digest: "request_body_sha256",
		Window: webhook.Window{Age: a.cfg.Webhook.Age, Now: a.cfg.Now},
	})
	return err
}

// verificationKey fetches the key of an id. The zero Key means that Plaid does not have it.
func (a *api) verificationKey(ctx context.Context, id string) (webhook.Key, error) {
	out, err := webhookKeyGet.fetch(ctx, a, map[string]string{"key_id": id})
	if err != nil {
		return webhook.Key{}, normalize.Except(err, "INVALID_WEBHOOK_VERIFICATION_KEY_ID")
	}
	key := webhook.Key{JWK: out.Key}
	var meta struct {
		ExpiredAt wire.Nullable[int64] `json:"expired_at"`
	}
	if err := wire.Decode(out.Key, &meta); err != nil {
		const what = "the key of a signature does not say when it ended"
		return webhook.Key{}, &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: what}
	}
	if end := meta.ExpiredAt.Value; end != nil {
		key.Until = time.Unix(*end, 0)
	}
	return key, nil
}

// webhookBody has the members that are common to all deliveries, and some of particular ones.
type webhookBody struct {
	Type   string                `json:"webhook_type"`
	Code   string                `json:"webhook_code"`
	ItemID string                `json:"item_id"`
	Error  wire.Object[envelope] `json:"error"`

	LinkToken    string   `json:"link_token"`
	Status       string   `json:"status"`
	PublicTokens []string `json:"public_tokens"`
	PublicToken  string   `json:"public_token"`
}

// ReadWebhook verifies a delivery and reads it. Plaid's deliveries have no id and no time. Two
// equal bodies may be two events, so the key covers the time of the signature as well.
func (a *adapter) ReadWebhook(ctx context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	proof, err := a.webhooks.Verify(ctx, req)
	if err != nil {
		return bankmux.WebhookResult{}, err
	}
	body := rest.Delivery[webhookBody](ctx, a.api.rest, req.Body())
	if body.Type == "" {
		body = webhookBody{}
	}
	return bankmux.WebhookResult{
		Key: proof.Key(req.Body()), Events: []bankmux.Event{body.event(proof.Time.UTC())},
	}, nil
}

// event returns the event that the body announces.
func (b webhookBody) event(signedAt time.Time) bankmux.Event {
	e := bankmux.Event{Kind: model.Event(b.Type, b.Code), At: signedAt}
	if b.Type != "" {
		e.Name = normalize.CleanCode(b.Type + ":" + b.Code)
	}
	e = e.WithReference(b.ItemID)
	switch e.Kind {
	case bankmux.EventConnectionStateChanged:
		e.Status = model.Status("", "") // a repaired Item has no error
		if b.Error.Present || b.Code != "LOGIN_REPAIRED" {
			e.Status = b.Error.Value.status()
		}
		e.Status.At = signedAt
		if e.Status.State == bankmux.StateGone {
			e.Kind = bankmux.EventConnectionDeleted
		}
	case bankmux.EventConnectionDeleted:
		e.Status = bankmux.Status{State: bankmux.StateGone, At: signedAt}
		e.Status.Code = normalize.CleanCode(cmp.Or(b.Error.Value.Code, b.Code))
	case bankmux.EventProductRefreshed:
		e.Product, e.Refresh = model.EventProduct(b.Type), bankmux.RefreshCompleted
	case bankmux.EventLinkFinished:
		return b.finished(e)
	}
	return e
}

// finished is the event of a session that ended. If the user left and linked no bank before, there
// is nothing to exchange, and the event is unknown.
func (b webhookBody) finished(e bankmux.Event) bankmux.Event {
	token := cmp.Or(append(b.PublicTokens, b.PublicToken)...)
	if b.LinkToken == "" || b.Status != "SUCCESS" && token == "" {
		e.Kind = bankmux.EventUnknown
	}
	if b.LinkToken != "" {
		e.Session = sessionID(b.LinkToken)
	}
	payload, err := json.Marshal(tokenRequest{PublicToken: token}) // may be empty, since Plaid has the results
	if err == nil && e.Kind == bankmux.EventLinkFinished {
		e = e.WithExchangePayload(bankmux.NewSecret(payload))
	}
	return e
}
