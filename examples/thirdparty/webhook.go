package pelican

// This file reads webhook deliveries.

import (
	"context"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// signature describes how Pelican signs: "Pelican-Signature: t=1700000000,v1=ab12…", an HMAC of
// time and body.
func signature(secrets []bankmux.Secret) webhook.HMAC {
	return webhook.HMAC{
		Secrets: secrets, Signed: "{time}.{body}",
		Time: []string{"Pelican-Signature"}, TimePrefix: "t=",
		Signature: []string{"Pelican-Signature"}, SignaturePrefix: "v1=", Separator: ",",
		Encoding: webhook.Hex,
	}
}

// events are Pelican's words for events. Others are [bankmux.EventUnknown].
var events = map[string]bankmux.EventKind{
	"grant.changed": bankmux.EventConnectionStateChanged,
	"rows.added":    bankmux.EventTransactionsAvailable,
}

// ReadWebhook verifies a delivery and then reads it. A body of another form is an unknown event.
func (a *adapter) ReadWebhook(ctx context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	if a.webhooks == nil {
		return bankmux.WebhookResult{}, &bankmux.Error{
			Kind: bankmux.ErrUnsupported, Field: Name + ".Config.WebhookSecrets", Detail: "is empty", NotSent: true,
		}
	}
	proof, err := a.webhooks.Verify(ctx, req)
	if err != nil {
		return bankmux.WebhookResult{}, err
	}
	var body delivery
	if wire.Decode(req.Body(), &body) != nil || body.ID == "" {
		body = delivery{ID: proof.Key(req.Body())}
	}
	e := bankmux.Event{Kind: bankmux.EventUnknown, Name: normalize.CleanCode(body.Event), Key: body.ID, At: proof.Time}
	if kind, ok := events[body.Event]; ok {
		e.Kind = kind
	}
	return bankmux.WebhookResult{Key: body.ID, Events: []bankmux.Event{e.WithReference(body.Grant)}}, nil
}
