package moneykit

// This file builds and signs MoneyKit's webhooks.

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// DefaultIssuer is the issuer of webhook signatures unless the options set one.
const DefaultIssuer = "https://api.moneykit.com"

// The names of events.
const (
	eventStateChanged   = "link.state_changed"
	eventProductRefresh = "link.product_refresh"
	eventTransactions   = "transactions.updates_available"
)

// Events returns the names of webhook events. The second and the third are the same event:
// MoneyKit's API description has both names.
func Events() []string {
	return []string{eventStateChanged, eventProductRefresh, "product.state_changed", eventTransactions}
}

// signingKey is a published key of webhooks.
type signingKey struct {
	id  string
	key *ecdsa.PrivateKey
}

// signature holds what signs a delivery. Forgeries change it.
type signature struct {
	at       time.Time
	key      signingKey
	issuer   string
	noDigest bool
	alg      string // "" means ES256
}

// The forgeries that only MoneyKit has.
const (
	forgedNone     = "algorithm_none"
	forgedHS256    = "algorithm_hs256"
	forgedKid      = "unknown_kid"
	forgedIssuer   = "another_issuer"
	forgedNoDigest = "no_digest"
)

// forgeries returns the forgeries that only MoneyKit has.
func forgeries() []bank.Forgery {
	return []bank.Forgery{
		{Name: forgedNone}, {Name: forgedHS256}, {Name: forgedKid}, {Name: forgedIssuer}, {Name: forgedNoDigest},
	}
}

// Sign returns the headers of a delivery of body.
func (b *Provider) Sign(_ string, body []byte, s bank.Stamp) http.Header {
	own := signature{at: s.At, key: b.keys[0], issuer: b.opts.Issuer}
	if own.issuer == "" {
		own.issuer = DefaultIssuer
	}
	switch s.Flaw {
	case bank.ForgedKey:
		own.key.key = b.WebhookGen.SigningKey()
	case forgedNone:
		own.alg = "none"
	case forgedHS256:
		own.alg = "HS256"
	case forgedKid:
		own.key.id = b.WebhookGen.URLSafe(40)
	case forgedIssuer:
		own.issuer = "https://example.com"
	case forgedNoDigest:
		own.noDigest = true
	}
	header := http.Header{"Content-Type": {bank.JSONType}}
	header.Set("MoneyKit-Signature", own.sign(body))
	if s.Token == "" {
		s.Token = b.Token()
	}
	header.Set("MoneyKit-Delivery-Token", s.Token)
	header.Set("MoneyKit-Delivery-Attempt", strconv.Itoa(s.Attempt))
	return header
}

// Token returns a new delivery token.
func (b *Provider) Token() string { return b.WebhookGen.UUID() }

// Rotate signs with a new key and still publishes the old ones.
func (b *Provider) Rotate() {
	b.keys = slices.Insert(b.keys, 0, signingKey{b.WebhookGen.URLSafe(40), b.WebhookGen.SigningKey()})
}

// Retire drops all keys but the newest.
func (b *Provider) Retire() { b.keys = b.keys[:1] }

// Address returns the webhook address of a link.
func (b *Provider) Address(reference string) string {
	if l, ok := b.links[reference]; ok && l.webhook != nil {
		return *l.webhook
	}
	return ""
}

// Seal returns the body in the selected form.
func (b *Provider) Seal(body []byte) []byte {
	if b.forms.ZonelessTimes {
		return zoneless(body)
	}
	return body
}

// The retry schedule: pauses that double, for two hours.
const (
	firstPause = 10 * time.Second
	repeatsFor = 2 * time.Hour
)

// Pause returns the time between a failed attempt and the next one. MoneyKit's guide documents two
// hours with growing pauses; the first pause is the bank's choice.
func (*Provider) Pause(attempts int, elapsed time.Duration) (time.Duration, bool) {
	pause := firstPause << min(attempts-1, 16)
	return pause, elapsed+pause <= repeatsFor
}

// Payload returns the members of a webhook's body.
func (b *Provider) Payload(w bank.Webhook) map[string]any {
	members := map[string]any{
		"webhook_event":           w.Event,
		"webhook_major_version":   1,
		"webhook_minor_version":   0,
		"webhook_idempotency_key": w.Key,
		"webhook_timestamp":       timestamp(w.At),
		"link_id":                 w.Reference,
		"link_tags":               []string{},
	}
	l, known := b.links[w.Reference]
	if known {
		members["link_tags"] = append([]string{}, l.tags...)
	}
	switch w.Event {
	case eventStateChanged:
		members["state"] = bank.StateConnected
		if known {
			members["state"] = l.state
			if l.errorCode != "" {
				members["error"], members["error_message"] = l.errorCode, "The link does not work"
			}
		}
	case eventProductRefresh, "product.state_changed":
		members["product"], members["state"], members["state_changed_at"] = "transactions", "completed", timestamp(w.At)
	case eventTransactions:
		members["has_history"] = true
	}
	return members
}

// announce puts a webhook of a link into the outbox if the link has an address.
func (l *link) announce(at time.Time, event string, members map[string]any) {
	if l.webhook == nil || *l.webhook == "" {
		return
	}
	l.bank.Outbox.Announce(
		*l.webhook,
		bank.Webhook{Provider: Name, Event: event, Reference: l.id, Members: members, At: at},
	)
}

// changed announces the current state of the link.
func (l *link) changed(now time.Time) {
	members := map[string]any{"state": l.state}
	if l.errorCode != "" {
		members["error"] = l.errorCode
	}
	l.announce(now, eventStateChanged, members)
}

// sign returns the JWT of a delivery.
func (s signature) sign(body []byte) string {
	digest := sha256.Sum256(body)
	claims := map[string]any{"iss": s.issuer, "iat": s.at.Unix(), "request_body_sha256": hex.EncodeToString(digest[:])}
	if s.noDigest {
		delete(claims, "request_body_sha256")
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // the claims are texts and a number
	}
	key := jose.SigningKey{Algorithm: jose.ES256, Key: s.key.key}
	switch s.alg {
	case "none":
		text := base64.RawURLEncoding.EncodeToString
		return text([]byte(`{"alg":"none","kid":"`+s.key.id+`","typ":"JWT"}`)) + "." + text(payload) + "."
	case "HS256": // a verifier that trusts the header would use its public key
		point, err := s.key.key.PublicKey.Bytes()
		if err != nil {
			panic(err) // the key is valid
		}
		key = jose.SigningKey{Algorithm: jose.HS256, Key: point}
	}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", s.key.id))
	if err != nil {
		panic(err) // the key is valid
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err) // signing does not depend on the payload
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic(err) // there is one signature
	}
	return token
}
