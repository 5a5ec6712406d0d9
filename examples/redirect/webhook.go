package redirect

// This file reads webhook deliveries.

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

type delivery struct {
	ID     string          `json:"id"`
	Event  string          `json:"event"`
	Grant  string          `json:"grant"`
	Status string          `json:"status"` // of the grant
	Tag    string          `json:"tag"`    // the session
	Query  json.RawMessage `json:"query"`  // what the browser returns with, as an object
}

// events are Osprey's words for events.
var events = map[string]bankmux.EventKind{
	"consent.authorised":   bankmux.EventLinkFinished,
	"consent.expiring":     bankmux.EventConsentExpiring,
	"grant.changed":        bankmux.EventConnectionStateChanged,
	"grant.ended":          bankmux.EventConnectionDeleted,
	"transactions.changed": bankmux.EventTransactionsAvailable,
}

// ReadWebhook verifies a delivery and reads it. It sends nothing.
func (a *adapter) ReadWebhook(ctx context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	proof, err := a.deliveries.Verify(ctx, req)
	if err != nil {
		return bankmux.WebhookResult{}, err
	}
	var d delivery
	if wire.Decode(req.Body(), &d) != nil || d.ID == "" {
		d = delivery{ID: proof.Key(req.Body())} // genuine, and of an unknown form
	}
	e := bankmux.Event{
		Kind: cmp.Or(events[d.Event], bankmux.EventUnknown), Name: normalize.CleanCode(d.Event),
		Key: d.ID, At: proof.Time.UTC(), Session: d.Tag,
	}
	switch e.Kind {
	case bankmux.EventConnectionStateChanged, bankmux.EventConnectionDeleted:
		e.Status = statusOf(d.Status, e.At)
	case bankmux.EventLinkFinished:
		e = e.WithExchangePayload(bankmux.NewSecret(d.Query))
	}
	return bankmux.WebhookResult{Key: d.ID, Events: []bankmux.Event{e.WithReference(d.Grant)}}, nil
}
