package dapi

// This file builds and signs Dapi's webhooks.

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// The names of events, which are the bank's own.
const (
	eventStateChanged = "connection.state_changed"
	eventDeleted      = "connection.deleted"
	eventTransactions = "transactions.available"
)

// Events returns the names of webhook events. Dapi publishes neither names nor bodies: both are the
// bank's own.
func Events() []string { return []string{eventStateChanged, eventDeleted, eventTransactions} }

// Webhooks holds the webhook settings of the dashboard. It is virtualbank.DapiWebhooks.
type Webhooks struct {
	URL     string
	Encrypt bool
	Legacy  bool
}

// SetWebhooks sets where and in which form later webhooks are sent.
func (b *Provider) SetWebhooks(o Webhooks) {
	b.Lock()
	defer b.Unlock()
	b.hooks = o
}

// WebhookSecrets returns the webhook secrets of the dashboard. Callers hold the mutex.
func (b *Provider) WebhookSecrets() (svix []string, legacy, key string) {
	for _, s := range b.secrets {
		svix = append(svix, "whsec_"+base64.StdEncoding.EncodeToString(s))
	}
	return svix, b.legacy, base64.StdEncoding.EncodeToString(b.aesKey)
}

// forgedEmpty signs with an empty secret.
const forgedEmpty = "empty_secret"

// forgeries returns the forgeries that only Dapi has. They apply to its current scheme.
func forgeries() []bank.Forgery {
	return []bank.Forgery{
		{Name: forgedEmpty},
		{Name: "id_missing", Send: func(h http.Header) { h.Del("Svix-Id") }},
		{Name: "id_twice", Send: func(h http.Header) { h.Add("Svix-Id", h.Get("Svix-Id")) }},
		{Name: "id_changed", Send: func(h http.Header) { h.Set("Svix-Id", h.Get("Svix-Id")+"x") }},
		{Name: "timestamp_missing", Send: func(h http.Header) { h.Del("Svix-Timestamp") }},
		{Name: "timestamp_changed", Send: func(h http.Header) {
			at, _ := strconv.Atoi(h.Get("Svix-Timestamp"))
			h.Set("Svix-Timestamp", strconv.Itoa(at+1))
		}},
	}
}

// Sign returns the headers of a delivery of body.
func (b *Provider) Sign(key string, body []byte, s bank.Stamp) http.Header {
	secrets, legacy := b.secrets, b.legacy
	switch s.Flaw {
	case bank.ForgedKey:
		secrets, legacy = [][]byte{b.WebhookGen.Bytes(24)}, b.WebhookGen.Alphanumeric(40)
	case forgedEmpty:
		secrets = [][]byte{{}}
	}
	header := http.Header{"Content-Type": {bank.JSONType}}
	unix := strconv.FormatInt(s.At.Unix(), 10)
	if b.hooks.Legacy {
		header.Set("Dapi-Ts", unix)
		header.Set("Dapi-Signature", hmacOf([]byte(legacy), unix, string(body)))
		return header
	}
	var all []string
	for _, secret := range secrets {
		all = append(all, "v1,"+hmacOf(secret, key, ".", unix, ".", string(body)))
	}
	header.Set("Svix-Id", key)
	header.Set("Svix-Timestamp", unix)
	header.Set("Svix-Signature", strings.Join(all, " "))
	return header
}

// Token returns "", because Dapi's deliveries have no token.
func (*Provider) Token() string { return "" }

// Rotate signs with a new secret and with the old ones.
func (b *Provider) Rotate() { b.secrets = slices.Insert(b.secrets, 0, b.WebhookGen.Bytes(24)) }

// Retire drops all secrets but the newest.
func (b *Provider) Retire() { b.secrets = b.secrets[:1] }

// Address returns the webhook address of the dashboard.
func (b *Provider) Address(string) string { return b.hooks.URL }

// Seal returns the body, encrypted if the settings say so.
func (b *Provider) Seal(body []byte) []byte {
	if b.hooks.Encrypt {
		return b.encrypt(body)
	}
	return body
}

var pauses = []time.Duration{
	5 * time.Second,
	5 * time.Minute,
	30 * time.Minute,
	2 * time.Hour,
	5 * time.Hour,
	10 * time.Hour,
	10 * time.Hour,
}

// Pause returns the time between a failed attempt and the next one. Dapi documents no schedule;
// this one is the bank's choice.
func (*Provider) Pause(attempts int, _ time.Duration) (time.Duration, bool) {
	if attempts > len(pauses) {
		return 0, false
	}
	return pauses[attempts-1], true
}

// Payload returns the members of a webhook's body.
func (b *Provider) Payload(w bank.Webhook) map[string]any {
	members := map[string]any{
		"event":        w.Event,
		"connectionID": w.Reference,
		"occurredAt":   w.At.UTC().Format(time.RFC3339Nano),
	}
	c, known := b.connections[w.Reference]
	if known {
		members["userID"] = c.userID
	}
	if w.Event == eventStateChanged {
		members["state"] = "connected"
		if known && c.lapsed {
			members["state"], members["errorType"] = "error", "INVALID_CREDENTIALS"
		}
	}
	return members
}

// announce puts a webhook of a connection into the outbox if the dashboard has an address.
func (b *Provider) announce(c *connection, event string) {
	if b.hooks.URL == "" || c.Exchanged == 0 {
		return
	}
	b.Outbox.Announce(
		b.hooks.URL,
		bank.Webhook{Provider: Name, Event: event, Reference: c.id, At: b.Now()},
	)
}

// hmacOf returns the HMAC-SHA256 of parts in base64.
func hmacOf(key []byte, parts ...string) string {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// encrypt returns the form that Dapi's SDK decrypts: base64 of an IV and the text under AES-CFB.
func (b *Provider) encrypt(plain []byte) []byte {
	block, err := aes.NewCipher(b.aesKey)
	if err != nil {
		panic(err) // the key is valid
	}
	out := append(b.WebhookGen.Bytes(aes.BlockSize), plain...)
	stream := cipher.NewCFBEncrypter(block, out[:aes.BlockSize]) //nolint:staticcheck // Dapi uses CFB
	stream.XORKeyStream(out[aes.BlockSize:], plain)
	body, err := json.Marshal(map[string]string{"data": base64.StdEncoding.EncodeToString(out)})
	if err != nil {
		panic(err) // a text can be encoded
	}
	return body
}
