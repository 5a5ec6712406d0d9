package virtualbank

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"time"
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

	at time.Time // when it happened; zero is now
}

// DapiEvents are the bank's own names for what Dapi announces; Dapi publishes neither names nor the
// form of a body.
func DapiEvents() []string { return []string{dpStateChanged, dpDeleted, dpTransactions} }

// MoneyKitEvents are the names of MoneyKit's webhooks. The second and third are the same event (its
// API description has both).
func MoneyKitEvents() []string {
	return []string{mkStateChanged, mkProductRefresh, "product.state_changed", mkTransactions}
}

const (
	mkStateChanged   = "link.state_changed"
	mkProductRefresh = "link.product_refresh"
	mkTransactions   = "transactions.updates_available"

	dpStateChanged = "connection.state_changed"
	dpDeleted      = "connection.deleted"
	dpTransactions = "transactions.available"
)

// DapiWebhooks are what an application sets on Dapi's dashboard. Without URL nothing is announced.
type DapiWebhooks struct {
	URL     string
	Encrypt bool // the body is {"data": base64 of IV and AES-CFB text}; where Dapi puts it is not known
	Legacy  bool // signed with dapi-ts and dapi-signature
}

// AnnounceDapi says where and how Dapi's webhooks go from now on.
func (b *Bank) AnnounceDapi(o DapiWebhooks) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dapiHooks = o
}

// Sign returns headers and body of a genuine delivery, made now.
func (b *Bank) Sign(w Webhook) (http.Header, []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, key := b.sealed(w)
	return b.signed(w.Provider, key, body, b.stamp()), body
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

// body is what a webhook says, and under which key.
func (b *Bank) body(w Webhook) (body []byte, key string) {
	if w.Key == "" {
		w.Key = b.hooks.gen.uuid()
	}
	if w.at.IsZero() {
		w.at = b.Now()
	}
	var members map[string]any
	if w.Provider == providerMoneyKit {
		members = b.mkBody(w)
	} else {
		members = b.dpBody(w)
	}
	maps.Copy(members, w.Members)
	body, err := json.Marshal(members)
	if err != nil {
		panic(err) // the members are JSON, or a test's own mistake
	}
	if w.Provider == providerMoneyKit && b.forms.ZonelessTimes {
		body = zoneless(body)
	}
	return body, w.Key
}

// sealed is the body as it is sent.
func (b *Bank) sealed(w Webhook) (body []byte, key string) {
	body, key = b.body(w)
	if w.Provider == providerDapi && b.dapiHooks.Encrypt {
		body = b.hooks.encrypt(body)
	}
	return body, key
}

func (b *Bank) mkBody(w Webhook) map[string]any {
	members := map[string]any{
		"webhook_event":           w.Event,
		"webhook_major_version":   1,
		"webhook_minor_version":   0,
		"webhook_idempotency_key": w.Key,
		"webhook_timestamp":       mkTime(w.at),
		"link_id":                 w.Reference,
		"link_tags":               []string{},
	}
	l, known := b.mk.links[w.Reference]
	if known {
		members["link_tags"] = append([]string{}, l.tags...)
	}
	switch w.Event {
	case mkStateChanged:
		members["state"] = stateConnected
		if known {
			members["state"] = l.state
			if l.errorCode != "" {
				members["error"], members["error_message"] = l.errorCode, "The link does not work"
			}
		}
	case mkProductRefresh, "product.state_changed":
		members["product"], members["state"], members["state_changed_at"] = "transactions", "completed", mkTime(w.at)
	case mkTransactions:
		members["has_history"] = true
	}
	return members
}

func (b *Bank) dpBody(w Webhook) map[string]any {
	members := map[string]any{
		"event":        w.Event,
		"connectionID": w.Reference,
		"occurredAt":   w.at.UTC().Format(time.RFC3339Nano),
	}
	c, known := b.dp.connections[w.Reference]
	if known {
		members["userID"] = c.userID
	}
	if w.Event == dpStateChanged {
		members["state"] = "connected"
		if known && c.lapsed {
			members["state"], members["errorType"] = "error", "INVALID_CREDENTIALS"
		}
	}
	return members
}

// announce puts a webhook of a link into the outbox, if the link has an address for it.
func (l *link) announce(at time.Time, event string, members map[string]any) {
	if l.webhook == nil || *l.webhook == "" {
		return
	}
	l.book.bank.announce(
		*l.webhook,
		Webhook{Provider: providerMoneyKit, Event: event, Reference: l.id, Members: members, at: at},
	)
}

// changed announces the state a link is in now.
func (l *link) changed(now time.Time) {
	members := map[string]any{"state": l.state}
	if l.errorCode != "" {
		members["error"] = l.errorCode
	}
	l.announce(now, mkStateChanged, members)
}

// announceDapi puts a webhook of a connection into the outbox, if the dashboard has an address for
// it.
func (b *Bank) announceDapi(c *connection, event string, members map[string]any) {
	if b.dapiHooks.URL == "" || c.exchanged == 0 {
		return
	}
	b.announce(
		b.dapiHooks.URL,
		Webhook{Provider: providerDapi, Event: event, Reference: c.id, Members: members, at: b.Now()},
	)
}

// moved announces that there are transactions to read. MoneyKit says so itself when it has fetched
// them.
func (ref reference) moved(b *Bank) {
	if ref.conn != nil {
		b.announceDapi(ref.conn, dpTransactions, nil)
	}
}
