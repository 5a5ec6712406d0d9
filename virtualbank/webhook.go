package virtualbank

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Webhook is something the bank announces.
type Webhook struct {
	Provider string `json:"provider"` // "moneykit" or "dapi"
	// the provider's word: "link.state_changed". Dapi publishes none; see [DapiEvents]
	Event string `json:"event"`
	// link id at MoneyKit, connection id at Dapi; need not be known to the bank
	Reference string         `json:"reference"`
	Members   map[string]any `json:"members,omitempty"`
	// Key is the idempotency key at MoneyKit, the id of the delivery at Dapi. "" draws one.
	Key string `json:"key,omitempty"`
}

// RotateWebhookKeys lets MoneyKit sign with a new key and publish the old one beside it, and Dapi
// sign with a new secret beside the old one.
func (b *Bank) RotateWebhookKeys() {
	b.core.Lock()
	defer b.core.Unlock()
	for _, p := range b.providers {
		p.Rotate()
	}
}

// RetireWebhookKeys forgets all but the newest key and secret.
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

// Sign returns headers and body of a genuine delivery, made now.
func (b *Bank) Sign(w Webhook) (http.Header, []byte) {
	b.core.Lock()
	defer b.core.Unlock()
	body, key := b.sealed(b.happened(w))
	return b.provider(w.Provider).Sign(key, body, b.stamp()), body
}

// Delivery is a genuine delivery as a request, ready for a handler or a client; it panics if url is
// none:
//
//	handler.ServeHTTP(recorder, bank.Delivery("/hooks/moneykit", virtualbank.Webhook{Provider: "moneykit", Event: "link.state_changed"}))
func (b *Bank) Delivery(url string, w Webhook) *http.Request {
	header, body := b.Sign(w)
	return request(url, header, body)
}

func request(url string, header http.Header, body []byte) *http.Request {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		panic("virtualbank: " + err.Error())
	}
	r.Header = header
	return r
}

// happened is a webhook of something that happens now.
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

// sealed is the body of a webhook as it is sent, and under which key.
func (b *Bank) sealed(w bank.Webhook) (body []byte, key string) {
	p := b.provider(w.Provider)
	if w.Key == "" {
		w.Key = b.core.HookGen.UUID()
	}
	members := p.Payload(w)
	maps.Copy(members, w.Members)
	body, err := json.Marshal(members)
	if err != nil {
		panic(err) // the members are JSON, or a test's own mistake
	}
	return p.Seal(body), w.Key
}
