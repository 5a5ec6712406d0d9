package plaid

// This file signs webhooks and builds invalid ones.

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// header holds the proof of a delivery.
const header = "Plaid-Verification"

// Events are what the bank can announce: the type and the code of each webhook.
func Events() []string {
	return []string{
		"TRANSACTIONS:SYNC_UPDATES_AVAILABLE", "TRANSACTIONS:INITIAL_UPDATE", "TRANSACTIONS:HISTORICAL_UPDATE",
		"TRANSACTIONS:DEFAULT_UPDATE", "TRANSACTIONS:TRANSACTIONS_REMOVED",
		"TRANSACTIONS:RECURRING_TRANSACTIONS_UPDATE", "ITEM:ERROR", "ITEM:LOGIN_REPAIRED", "ITEM:PENDING_EXPIRATION",
		"ITEM:PENDING_DISCONNECT", "ITEM:USER_PERMISSION_REVOKED", "ITEM:USER_ACCOUNT_REVOKED",
		"ITEM:NEW_ACCOUNTS_AVAILABLE", "ITEM:WEBHOOK_UPDATE_ACKNOWLEDGED", "HOLDINGS:DEFAULT_UPDATE",
		"INVESTMENTS_TRANSACTIONS:DEFAULT_UPDATE", "INVESTMENTS_TRANSACTIONS:HISTORICAL_UPDATE",
		"LIABILITIES:DEFAULT_UPDATE", "AUTH:DEFAULT_UPDATE", "IDENTITY:DEFAULT_UPDATE",
		"AUTH:PRODUCT_PERMISSIONS_REQUIRED", "IDENTITY:PRODUCT_PERMISSIONS_REQUIRED", "LINK:SESSION_FINISHED",
		"LINK:ITEM_ADD_RESULT", "LINK:EVENTS",
	}
}

// signingKey is a key of webhooks.
type signingKey struct {
	id               string
	key              *ecdsa.PrivateKey
	created, expired time.Time
}

func (b *Provider) newKey(draw drawer) *signingKey {
	return &signingKey{id: draw.UUID(), key: draw.SigningKey(), created: b.Now()}
}

// The forgeries that only Plaid has.
const (
	forgedNone     = "algorithm_none"
	forgedHS256    = "algorithm_hs256"
	forgedKid      = "unknown_kid"
	forgedExpired  = "expired_key"
	forgedNoDigest = "no_digest"
	forgedNoTime   = "no_iat"
)

func forgeries() []bank.Forgery {
	return []bank.Forgery{
		{Name: forgedNone},
		{Name: forgedHS256},
		{Name: forgedKid},
		{Name: forgedExpired},
		{Name: forgedNoDigest},
		{Name: forgedNoTime},
	}
}

// Sign returns the headers of a delivery of body. Each attempt has its own iat. Whether the real
// one has is not published, but receivers would refuse a retry with an old one.
func (b *Provider) Sign(_ string, body []byte, s bank.Stamp) http.Header {
	key := *b.keys[0]
	digest := sha256.Sum256(body)
	claims := map[string]any{"iat": s.At.Unix(), "request_body_sha256": hex.EncodeToString(digest[:])}
	algorithm := "ES256"
	switch s.Flaw {
	case bank.ForgedKey:
		key.key = b.WebhookGen.SigningKey()
	case forgedNone:
		algorithm = "none"
	case forgedHS256:
		algorithm = "HS256"
	case forgedKid:
		key.id = b.WebhookGen.UUID()
	case forgedExpired:
		old := b.newKey(b.WebhookGen)
		old.expired = b.Now().Add(-time.Hour)
		b.keys = append(b.keys, old)
		key = *old
	case forgedNoDigest:
		delete(claims, "request_body_sha256")
	case forgedNoTime:
		delete(claims, "iat")
	}
	return http.Header{"Content-Type": {bank.JSONType}, header: {token(key, algorithm, claims)}}
}

// token signs claims as a JWT.
func token(k signingKey, algorithm string, claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // text and a number
	}
	key := jose.SigningKey{Algorithm: jose.ES256, Key: k.key}
	switch algorithm {
	case "none":
		text := base64.RawURLEncoding.EncodeToString
		return text([]byte(`{"alg":"none","kid":"`+k.id+`","typ":"JWT"}`)) + "." + text(payload) + "."
	case "HS256": // what a verifier that lets the header choose would check with the key it has
		key = jose.SigningKey{Algorithm: jose.HS256, Key: k.point()}
	}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", k.id))
	if err != nil {
		panic(err) // the key was made here
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err) // nothing of it depends on the payload
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		panic(err) // there is one signature
	}
	return compact
}

// point is the public key: 0x04, X and Y, 32 bytes each.
func (k signingKey) point() []byte {
	point, err := k.key.PublicKey.Bytes()
	if err != nil {
		panic(err) // the key was made by the bank
	}
	return point
}

// Token returns "": Plaid's deliveries have none.
func (*Provider) Token() string { return "" }

// Rotate starts to sign with a new key. The old ones stay published and valid.
func (b *Provider) Rotate() { b.keys = slices.Insert(b.keys, 0, b.newKey(b.WebhookGen)) }

// Retire ends all keys but the newest: they stay published, with the time of their end.
func (b *Provider) Retire() {
	for _, k := range b.keys[1:] {
		if k.expired.IsZero() {
			k.expired = b.Now()
		}
	}
}

func (b *Provider) serveKey(r request) bank.Reply {
	id := r.text("key_id", true, false)
	if p, bad := r.refusal(); bad {
		return p
	}
	i := slices.IndexFunc(b.keys, func(k *signingKey) bool { return k.id == id })
	if i < 0 {
		return refuse(badKeyID, "webhook verification key not found for the given key_id")
	}
	k := b.keys[i]
	text := base64.RawURLEncoding.EncodeToString
	var expired any
	if !k.expired.IsZero() {
		expired = k.expired.Unix()
	}
	return ok(map[string]any{"key": map[string]any{
		"alg": "ES256", "crv": "P-256", "kid": k.id, "kty": "EC", "use": "sig", "x": text(k.point()[1:33]),
		"y": text(k.point()[33:]), "created_at": k.created.Unix(), "expired_at": expired,
	}})
}

// Address returns the address of an Item's webhooks, or of a link token's.
func (b *Provider) Address(reference string) string {
	if it, ok := b.items[reference]; ok {
		return it.webhook
	}
	if t, ok := b.linkTokens[reference]; ok {
		return t.webhook
	}
	return ""
}

// Seal returns a body as it is sent: indented by two spaces.
func (b *Provider) Seal(body []byte) []byte {
	var out bytes.Buffer
	if json.Indent(&out, body, "", "  ") != nil {
		return body
	}
	return out.Bytes()
}

// How webhooks are repeated.
const (
	firstPause = 30 * time.Second
	repeatsFor = 24 * time.Hour
)

// Pause returns how long after a failed attempt the next one follows: each time four times longer.
func (*Provider) Pause(attempts int, elapsed time.Duration) (time.Duration, bool) {
	pause := firstPause << (2 * min(attempts-1, 8))
	return pause, elapsed+pause <= repeatsFor
}

// Payload returns the members of a webhook's body. Members that the type requires and that w does
// not give have a plausible value.
func (b *Provider) Payload(w bank.Webhook) map[string]any {
	kind, name, _ := strings.Cut(w.Event, ":")
	body := map[string]any{"webhook_type": kind, "webhook_code": name, "environment": "sandbox"}
	if kind == "LINK" {
		body["link_token"], body["link_session_id"] = w.Reference, "00000000-0000-4000-8000-000000000000"
	} else {
		body["item_id"] = w.Reference
	}
	it := b.items[w.Reference]
	switch kind + ":" + name {
	case "ITEM:ERROR":
		body["error"] = loginRequired.inWebhook(loginMessage)
		if it != nil && it.err.name != "" {
			body["error"] = it.errorInWebhook()
		}
	case "ITEM:PENDING_EXPIRATION":
		body["consent_expiration_time"] = instant(endOf(it, w.At))
	case "ITEM:PENDING_DISCONNECT":
		body["reason"], body["disconnect_time"] = "INSTITUTION_TOKEN_EXPIRATION", instant(endOf(it, w.At))
	case "ITEM:USER_ACCOUNT_REVOKED":
		body["account_id"] = ""
		if it != nil {
			body["account_id"] = it.AccountID(it.book.Accounts[0])
		}
	case "ITEM:WEBHOOK_UPDATE_ACKNOWLEDGED":
		body["new_webhook_url"], body["error"] = b.Address(w.Reference), nil
	case "ITEM:USER_PERMISSION_REVOKED", "ITEM:NEW_ACCOUNTS_AVAILABLE":
		body["error"] = nil
	case "TRANSACTIONS:SYNC_UPDATES_AVAILABLE":
		body["initial_update_complete"], body["historical_update_complete"] = true, true
	case "TRANSACTIONS:INITIAL_UPDATE", "TRANSACTIONS:HISTORICAL_UPDATE", "TRANSACTIONS:DEFAULT_UPDATE":
		body["new_transactions"] = 0
		if name != "INITIAL_UPDATE" {
			body["error"] = nil
		}
	case "TRANSACTIONS:TRANSACTIONS_REMOVED":
		body["removed_transactions"], body["error"] = []string{}, nil
	case "TRANSACTIONS:RECURRING_TRANSACTIONS_UPDATE":
		body["account_ids"] = []string{}
	default:
		dataPayload(kind, name, body)
	}
	return body
}

// dataPayload adds the members of webhooks about other products, and of Link's.
func dataPayload(kind, name string, body map[string]any) {
	switch {
	case kind == "HOLDINGS":
		body["new_holdings"], body["updated_holdings"], body["error"] = 0, 0, nil
	case kind == "INVESTMENTS_TRANSACTIONS":
		body["new_investments_transactions"], body["cancelled_investments_transactions"] = 0, 0
		body["error"] = nil
	case kind == "LIABILITIES":
		body["account_ids_with_new_liabilities"] = []string{}
		body["account_ids_with_updated_liabilities"], body["error"] = map[string]any{}, nil
	case kind == "AUTH" && name == "DEFAULT_UPDATE":
		body["account_ids_with_new_auth"] = []string{}
		body["account_ids_with_updated_auth"], body["error"] = map[string]any{}, nil
	case kind == "IDENTITY" && name == "DEFAULT_UPDATE":
		body["account_ids_with_updated_identity"], body["error"] = map[string]any{}, nil
	case name == "SESSION_FINISHED":
		body["status"] = "EXITED"
	case name == "EVENTS":
		body["events"] = []any{}
	}
}

// endOf is when the consent of an Item ends; a week after at where there is no such end.
func endOf(it *item, at time.Time) time.Time {
	if it == nil || it.consentEnds.IsZero() {
		return at.Add(warnedAhead)
	}
	return it.consentEnds
}

// announce puts a webhook of an Item into the outbox, if the Item has an address.
func (it *item) announce(at time.Time, kind, name string, members map[string]any) {
	if it.webhook == "" || it.state == bank.StateDeleted {
		return
	}
	it.lastWebhook, it.lastSentAt = name, at
	it.bank.Outbox.Announce(it.webhook, bank.Webhook{
		Provider: Name, Event: kind + ":" + name, Reference: it.id, Members: members, At: at,
	})
}

// announceLink puts a webhook of Link into the outbox, if the link token has an address.
func (b *Provider) announceLink(t *linkToken, name string, members map[string]any) {
	if t.webhook == "" {
		return
	}
	b.Outbox.Announce(t.webhook, bank.Webhook{
		Provider: Name, Event: "LINK:" + name, Reference: t.token, Members: members, At: b.Now(),
	})
}
