package virtualbank

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
)

// mkIssuer signs webhooks unless the options say otherwise.
const mkIssuer = "https://api.moneykit.com"

const (
	mkStateChanged   = "link.state_changed"
	mkProductRefresh = "link.product_refresh"
	mkTransactions   = "transactions.updates_available"
)

// mkEvents are the names of MoneyKit's webhooks. The second and third are the same event (its
// API description has both).
func mkEvents() []string {
	return []string{mkStateChanged, mkProductRefresh, "product.state_changed", mkTransactions}
}

type signingKey struct {
	id  string
	key *ecdsa.PrivateKey
}

// mkStamp is how a MoneyKit delivery is signed; forgeries change it.
type mkStamp struct {
	at       time.Time
	key      signingKey
	issuer   string
	noDigest bool
	alg      string // "" is ES256
}

// The forgeries that only MoneyKit has.
const (
	forgedNone     = "algorithm_none"
	forgedHS256    = "algorithm_hs256"
	forgedKid      = "unknown_kid"
	forgedIssuer   = "another_issuer"
	forgedNoDigest = "no_digest"
)

func mkForgeries() []coreForgery {
	return []coreForgery{
		{Name: forgedNone}, {Name: forgedHS256}, {Name: forgedKid}, {Name: forgedIssuer}, {Name: forgedNoDigest},
	}
}

// Sign returns the headers of a delivery of body.
func (b *mkProvider) Sign(_ string, body []byte, s stamp) http.Header {
	own := mkStamp{at: s.at, key: b.keys[0], issuer: b.opts.Issuer}
	if own.issuer == "" {
		own.issuer = mkIssuer
	}
	switch s.flaw {
	case forgedKey:
		own.key.key = b.hookGen.signingKey()
	case forgedNone:
		own.alg = "none"
	case forgedHS256:
		own.alg = "HS256"
	case forgedKid:
		own.key.id = b.hookGen.urlSafe(40)
	case forgedIssuer:
		own.issuer = "https://example.com"
	case forgedNoDigest:
		own.noDigest = true
	}
	header := http.Header{"Content-Type": {jsonType}}
	header.Set("MoneyKit-Signature", own.sign(body))
	if s.token == "" {
		s.token = b.Token()
	}
	header.Set("MoneyKit-Delivery-Token", s.token)
	header.Set("MoneyKit-Delivery-Attempt", strconv.Itoa(s.attempt))
	return header
}

// Token draws a delivery token.
func (b *mkProvider) Token() string { return b.hookGen.uuid() }

// Rotate lets MoneyKit sign with a new key and publish the old one beside it.
func (b *mkProvider) Rotate() {
	b.keys = slices.Insert(b.keys, 0, signingKey{b.hookGen.urlSafe(40), b.hookGen.signingKey()})
}

// Retire forgets all but the newest key.
func (b *mkProvider) Retire() { b.keys = b.keys[:1] }

// Address returns the address of a link's webhooks.
func (b *mkProvider) Address(reference string) string {
	if l, ok := b.links[reference]; ok && l.webhook != nil {
		return *l.webhook
	}
	return ""
}

// Seal returns a body as it is sent.
func (b *mkProvider) Seal(body []byte) []byte {
	if b.forms.ZonelessTimes {
		return zoneless(body)
	}
	return body
}

// How webhooks are repeated.
const (
	mkFirstPause = 10 * time.Second
	mkRepeatsFor = 2 * time.Hour
)

// Pause returns how long after a failed attempt the next one follows.
func (*mkProvider) Pause(attempts int, elapsed time.Duration) (time.Duration, bool) {
	pause := mkFirstPause << min(attempts-1, 16)
	return pause, elapsed+pause <= mkRepeatsFor
}

// Payload returns the members of a webhook's body.
func (b *mkProvider) Payload(w coreWebhook) map[string]any {
	members := map[string]any{
		"webhook_event":           w.Event,
		"webhook_major_version":   1,
		"webhook_minor_version":   0,
		"webhook_idempotency_key": w.Key,
		"webhook_timestamp":       mkTime(w.At),
		"link_id":                 w.Reference,
		"link_tags":               []string{},
	}
	l, known := b.links[w.Reference]
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
		members["product"], members["state"], members["state_changed_at"] = "transactions", "completed", mkTime(w.At)
	case mkTransactions:
		members["has_history"] = true
	}
	return members
}

// announce puts a webhook of a link into the outbox, if the link has an address for it.
func (l *link) announce(at time.Time, event string, members map[string]any) {
	if l.webhook == nil || *l.webhook == "" {
		return
	}
	l.bank.outbox.Announce(
		*l.webhook,
		coreWebhook{Provider: mkName, Event: event, Reference: l.id, Members: members, At: at},
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

// sign returns the JWT of a MoneyKit delivery.
func (s mkStamp) sign(body []byte) string {
	digest := sha256.Sum256(body)
	claims := map[string]any{"iss": s.issuer, "iat": s.at.Unix(), "request_body_sha256": hex.EncodeToString(digest[:])}
	if s.noDigest {
		delete(claims, "request_body_sha256")
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // text and a number
	}
	key := jose.SigningKey{Algorithm: jose.ES256, Key: s.key.key}
	switch s.alg {
	case "none":
		text := base64.RawURLEncoding.EncodeToString
		return text([]byte(`{"alg":"none","kid":"`+s.key.id+`","typ":"JWT"}`)) + "." + text(payload) + "."
	case "HS256": // what a verifier that lets the header choose would check with the key it has
		point, err := s.key.key.PublicKey.Bytes()
		if err != nil {
			panic(err) // the key was made here
		}
		key = jose.SigningKey{Algorithm: jose.HS256, Key: point}
	}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", s.key.id))
	if err != nil {
		panic(err) // the key was made here
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err) // nothing of it depends on the payload
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic(err) // there is one signature
	}
	return token
}
