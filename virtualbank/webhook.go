package virtualbank

// This file builds and signs webhooks.

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Webhook is an event to announce.
type Webhook struct {
	Provider string `json:"provider"` // "moneykit", "dapi" or "plaid"

	// Event is the name of the event: see [MoneyKitEvents], [DapiEvents] and [PlaidEvents].
	Event string `json:"event"`

	// Reference is the link id on MoneyKit, the connection id on Dapi, and the Item id on Plaid. An
	// id that the bank does not know is allowed.
	Reference string `json:"reference"`

	// Members are added to the members of the body, and replace those with the same names.
	Members map[string]any `json:"members,omitempty"`

	// Key is MoneyKit's webhook_idempotency_key and Dapi's Svix-Id. "" means a new one.
	Key string `json:"key,omitempty"`
}

// RotateWebhookKeys makes new keys. MoneyKit and Plaid sign with a new key and still publish the
// old ones. Dapi signs with a new secret and with the old ones.
func (b *Bank) RotateWebhookKeys() {
	b.core.Lock()
	defer b.core.Unlock()
	for _, p := range b.providers {
		p.Rotate()
	}
}

// RetireWebhookKeys ends all keys and secrets except the newest. Plaid still publishes an ended
// key, with the time of its end.
func (b *Bank) RetireWebhookKeys() {
	b.core.Lock()
	defer b.core.Unlock()
	for _, p := range b.providers {
		p.Retire()
	}
}

func (b *Bank) stamp() bank.Stamp {
	at := b.Now()
	if b.machineTime {
		at = time.Now()
	}
	return bank.Stamp{At: at, Attempt: 1}
}

// Sign returns the headers and the body of a valid delivery.
func (b *Bank) Sign(w Webhook) (http.Header, []byte) {
	b.core.Lock()
	defer b.core.Unlock()
	body, key := b.sealed(b.happened(w))
	return b.provider(w.Provider).Sign(key, body, b.stamp()), body
}

// Delivery returns a valid delivery as a request, ready for a handler or a client. It panics if url
// is invalid.
//
//	webhook := virtualbank.Webhook{Provider: "moneykit", Event: "link.state_changed"}
//	handler.ServeHTTP(recorder, bank.Delivery("/hooks/moneykit", webhook))
func (b *Bank) Delivery(url string, w Webhook) *http.Request {
	header, body := b.Sign(w)
	return request(url, header, body)
}

func request(url string, header http.Header, body []byte) *http.Request {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body)) //nolint:noctx // the caller sends it
	if err != nil {
		panic("virtualbank: " + err.Error())
	}
	r.Header = header
	return r
}

// happened returns a webhook whose event happens now.
func (b *Bank) happened(w Webhook) bank.Webhook {
	return bank.Webhook{
		Provider:  w.Provider,
		Event:     w.Event,
		Reference: w.Reference,
		Members:   w.Members,
		Key:       w.Key,
		At:        b.Now(),
	}
}

// sealed returns the body of a webhook as it is sent, and its key.
func (b *Bank) sealed(w bank.Webhook) (body []byte, key string) {
	p := b.provider(w.Provider)
	if w.Key == "" {
		w.Key = b.core.WebhookGen.UUID()
	}
	members := p.Payload(w)
	maps.Copy(members, w.Members)
	body, err := json.Marshal(members)
	if err != nil {
		panic(err) // the members can be encoded unless the test's own cannot
	}
	return p.Seal(body), w.Key
}
