package moneykit

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// WebhookConfig says which webhooks are believed. The zero value is right for MoneyKit itself.
type WebhookConfig struct {
	Issuer string // who signs; "" means [DefaultBaseURL]
	// Age is how long after its signature a delivery is accepted; 0 means 3 h. MoneyKit repeats for
	// two hours and may not sign anew (its documentation leaves it open), so much less loses some.
	// Remember deliveries for longer.
	Age time.Duration
}

// The window of a delivery (MoneyKit's examples: five minutes of leeway; two hours of repeats).
const (
	webhookAge   = 3 * time.Hour
	webhookAhead = 5 * time.Minute
)

// signatureHeader holds a compact JWS (MoneyKit's webhook guide).
const signatureHeader = "MoneyKit-Signature"

// algorithms is what a signature may be made with, whatever its header says.
var algorithms = []jose.SignatureAlgorithm{jose.ES256}

// webhooks verifies deliveries.
type webhooks struct {
	issuer string
	age    time.Duration
	keys   *keys
	now    func() time.Time
}

func newWebhooks(cfg Config, api *api) webhooks {
	shared := cfg.Guard.Shared(keysOf{cfg.BaseURL}, func() any { return newKeys(api.jwks) })
	w := webhooks{issuer: cfg.Webhook.Issuer, age: cfg.Webhook.Age, keys: shared.(*keys), now: cfg.Now} //nolint:forcetypeassert // nobody else has the key
	if w.issuer == "" {
		w.issuer = DefaultBaseURL
	}
	if w.age == 0 {
		w.age = webhookAge
	}
	return w
}

// signed is what the signature claims.
type signed struct {
	Issuer   string   `json:"iss"`
	IssuedAt *float64 `json:"iat"` // seconds; a fraction is allowed
	Digest   string   `json:"request_body_sha256"`
}

// verify returns when the delivery was signed.
func (w webhooks) verify(ctx context.Context, header http.Header, body []byte) (time.Time, error) {
	raw, err := webhook.One(header, signatureHeader)
	if err != nil {
		return time.Time{}, err
	}
	token, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil || !strictly(raw) {
		return time.Time{}, webhook.Refuse("the signature is no ES256 token")
	}
	key, err := w.keys.find(ctx, token.Signatures[0].Header.KeyID)
	if err != nil {
		return time.Time{}, err
	}
	payload, err := token.Verify(key.Key)
	if err != nil {
		return time.Time{}, webhook.Refuse("the signature does not hold")
	}
	var claims signed
	if err := wire.DecodeStrict(payload, &claims); err != nil {
		return time.Time{}, webhook.Refuse("the signature claims nothing that can be read")
	}
	digest := sha256.Sum256(body)
	switch {
	case claims.Issuer != w.issuer:
		return time.Time{}, webhook.Refuse("is signed for another issuer")
	case claims.IssuedAt == nil:
		return time.Time{}, webhook.Refuse("does not say when it was signed")
	case subtle.ConstantTimeCompare([]byte(claims.Digest), []byte(hex.EncodeToString(digest[:]))) != 1:
		return time.Time{}, webhook.Refuse("is signed for another body")
	}
	at := time.Unix(int64(*claims.IssuedAt), 0)
	return at, webhook.Fresh(at, w.now(), w.age, webhookAhead)
}

// strictly reports whether the parts of a token are written in the one way there is. go-jose passes
// over bits that say nothing, so that a token could be changed and still hold.
func strictly(token string) bool {
	for part := range strings.SplitSeq(token, ".") {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return false
		}
	}
	return true
}

// ReadWebhook verifies a delivery and reads it.
func (a *adapter) ReadWebhook(ctx context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	at, err := a.webhooks.verify(ctx, req.Header(), req.Body())
	if err != nil {
		return bankmux.WebhookResult{}, err
	}
	body := readWebhook(req.Body())
	return bankmux.WebhookResult{Key: body.Key, Events: []bankmux.Event{body.event(at)}}, nil
}

// readWebhook takes what it knows of a body. One that is something else, or has no key, is known by
// its digest alone.
func readWebhook(body []byte) (b webhookBody) {
	if wire.Decode(body, &b) != nil || b.Key == "" {
		return webhookBody{Key: webhook.KeyOf(body)}
	}
	return b
}

// event says in our words what the body announces. Of another major version only the members common
// to all are read.
func (b *webhookBody) event(signedAt time.Time) bankmux.Event {
	e := bankmux.Event{Kind: bankmux.EventUnknown, Name: normalize.CleanCode(b.Event), At: signedAt.UTC()}.WithReference(b.LinkID)
	if at, ok := normalize.Timestamp(b.Timestamp); ok {
		e.At = at
	}
	for _, tag := range b.LinkTags {
		if id, ok := strings.CutPrefix(tag, tagPrefix); ok {
			e.Session = id
		}
	}
	if b.Major != nil && *b.Major != webhookMajor {
		return e
	}
	e.Kind = model.Event(b.Event, b.State)
	switch e.Kind {
	case bankmux.EventConnectionStateChanged, bankmux.EventConnectionDeleted:
		e.Status = model.Status(b.State, normalize.CleanCode(b.Error))
		e.Status.At = e.At
	case bankmux.EventProductRefreshed:
		e.Product, e.Refresh = model.ProductOf(b.Product), bankmux.RefreshState(b.State)
	}
	return e
}

// webhookMajor is the version whose members are known; another "means breaking" (MoneyKit's webhook
// guide).
const webhookMajor = 1
