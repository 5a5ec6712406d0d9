package redirect

import (
	"context"
	"encoding/json"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// newVerifier knows how Osprey signs: method, address, time and body.
func newVerifier(secrets []bankmux.Secret) (webhook.Verifier, error) {
	return webhook.NewHMAC(webhook.HMAC{
		Secrets: secrets, Signed: "{method} {url} {time} {body}",
		Time: []string{"Osprey-Time"}, Signature: []string{"Osprey-Signature"}, Encoding: webhook.Hex,
	})
}

// delivery is the body of a webhook.
type delivery struct {
	ID     string `json:"id"`
	Event  string `json:"event"`
	Grant  string `json:"grant"`
	Tag    string `json:"tag"`    // the session
	State  string `json:"state"`  // with consent.authorised
	Status string `json:"status"` // with grant.changed
}

// events are the words for what is announced.
var events = map[string]bankmux.EventKind{
	"consent.authorised":   bankmux.EventLinkFinished,
	"consent.expiring":     bankmux.EventConsentExpiring,
	"grant.changed":        bankmux.EventConnectionStateChanged,
	"grant.ended":          bankmux.EventConnectionDeleted,
	"transactions.changed": bankmux.EventTransactionsAvailable,
}

// ReadWebhook verifies a delivery and reads it. It sends nothing.
func (a *adapter) ReadWebhook(ctx context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	if a.deliveries == nil {
		return bankmux.WebhookResult{}, &bankmux.Error{Kind: bankmux.ErrUnsupported, Detail: "Config.WebhookSecrets is empty", NotSent: true}
	}
	proof, err := a.deliveries.Verify(ctx, req)
	if err != nil {
		return bankmux.WebhookResult{}, err
	}
	var d delivery
	if wire.Decode(req.Body(), &d) != nil || d.ID == "" {
		d = delivery{ID: proof.Key(req.Body())} // genuine, and of a form that is not known
	}
	e := bankmux.Event{Kind: bankmux.EventUnknown, Name: normalize.CleanCode(d.Event), Key: d.ID, At: proof.Time.UTC(), Session: d.Tag}.WithReference(d.Grant)
	if kind, known := events[d.Event]; known {
		e.Kind = kind
	}
	switch e.Kind {
	case bankmux.EventConnectionStateChanged:
		e.Status = bankmux.Status{State: stateOf(d.Status), Code: normalize.CleanCode(d.Status), At: e.At}
	case bankmux.EventConnectionDeleted:
		e.Status = bankmux.Status{State: bankmux.StateGone, At: e.At}
	case bankmux.EventLinkFinished: // what the browser would have brought
		payload, err := json.Marshal(map[string]string{"state": d.State})
		if err != nil {
			return bankmux.WebhookResult{}, err
		}
		e = e.WithExchangePayload(bankmux.NewSecret(payload))
	}
	return bankmux.WebhookResult{Key: d.ID, Events: []bankmux.Event{e}}, nil
}
