package dapi

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/internal/strictjson"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// WebhookConfig says which webhooks are believed. Without Secrets none are: they are
// [bankmux.ErrUnsupported].
type WebhookConfig struct {
	// Secrets are what deliveries are signed with, as the dashboard shows them ("whsec_…"). While a
	// secret is being replaced give both; either is enough. An empty one, or one of less than 16
	// bytes, is refused by [New].
	Secrets []bankmux.Secret
	// Scheme is how they are signed; a delivery of the other scheme is never accepted.
	Scheme WebhookScheme
	// Key decrypts payloads: base64 of an AES key of 16, 24 or 32 bytes, as the dashboard shows it.
	// Empty where they come in clear.
	Key bankmux.Secret
	// Tolerance is how far the time of a signature may be off, either way; 0 means 5 min, as Svix's
	// libraries have it. Each repeat is signed anew.
	Tolerance time.Duration
}

// WebhookScheme is a way to sign deliveries.
type WebhookScheme string

// The schemes.
const (
	// SchemeSvix signs "<id>.<time>.<body>" with headers svix-* or webhook-* (Dapi's Go SDK).
	SchemeSvix WebhookScheme = ""
	// SchemeLegacy signs "<time><body>" with headers dapi-ts and dapi-signature, secrets as plain
	// text (Dapi's older Node SDK). Its deliveries have no id, so a repeat that is signed anew is
	// another event.
	SchemeLegacy WebhookScheme = "legacy"
)

const (
	webhookTolerance = 5 * time.Minute
	shortestSecret   = 16 // bytes: 128 bits
	mostSignatures   = 16 // of one delivery; Svix sends one for each secret
)

// webhooks verifies deliveries.
type webhooks struct {
	macs      []func(signed ...[]byte) []byte // one a secret, which they keep out of sight of fmt
	legacy    bool
	block     cipher.Block // nil for payloads in clear
	tolerance time.Duration
	now       func() time.Time
}

// newWebhooks returns what is wrong with the configuration as a field and a text.
func newWebhooks(cfg WebhookConfig, now func() time.Time) (w webhooks, field, fault string) {
	w = webhooks{legacy: cfg.Scheme == SchemeLegacy, tolerance: cfg.Tolerance, now: now}
	if w.tolerance == 0 {
		w.tolerance = webhookTolerance
	}
	switch {
	case cfg.Scheme != SchemeSvix && cfg.Scheme != SchemeLegacy:
		return w, "Scheme", "is neither SchemeSvix nor SchemeLegacy"
	case cfg.Tolerance < 0:
		return w, "Tolerance", "is negative"
	}
	for _, s := range cfg.Secrets {
		key := []byte(s.Reveal())
		if !w.legacy {
			var err error
			if key, err = unbase64(strings.TrimPrefix(s.Reveal(), "whsec_")); err != nil {
				return w, "Secrets", "has one that is not base64, with or without whsec_ before it"
			}
		}
		if len(key) < shortestSecret {
			return w, "Secrets", "has one that is empty or shorter than 16 bytes"
		}
		w.macs = append(w.macs, func(signed ...[]byte) []byte {
			h := hmac.New(sha256.New, key)
			for _, b := range signed {
				h.Write(b)
			}
			return h.Sum(nil)
		})
	}
	if !cfg.Key.IsZero() {
		key, err := unbase64(cfg.Key.Reveal())
		if err == nil {
			w.block, err = aes.NewCipher(key)
		}
		if err != nil {
			return w, "Key", "is not base64 of 16, 24 or 32 bytes"
		}
	}
	return w, "", ""
}

// unbase64 reads base64 with or without padding.
func unbase64(s string) ([]byte, error) {
	return base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(s, "="))
}

// verify returns the name of the delivery and when it was signed.
func (w webhooks) verify(header http.Header, body []byte) (key string, at time.Time, err error) {
	switch {
	case len(w.macs) == 0:
		return "", at, &bankmux.Error{Kind: bankmux.ErrUnsupported, Field: Name + ".Config.Webhook.Secrets", Detail: "is empty, so no webhook can be believed", NotSent: true}
	case w.legacy:
		return w.verifyLegacy(header, body)
	}
	return w.verifySvix(header, body)
}

func (w webhooks) verifySvix(header http.Header, body []byte) (key string, at time.Time, err error) {
	id, err := webhook.One(header, "Svix-Id", "Webhook-Id")
	if err != nil {
		return "", at, err
	}
	stamp, err := webhook.One(header, "Svix-Timestamp", "Webhook-Timestamp")
	if err != nil {
		return "", at, err
	}
	signatures, err := webhook.One(header, "Svix-Signature", "Webhook-Signature")
	if err != nil {
		return "", at, err
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || strings.Contains(id, ".") { // a dot would let a part of the id pass for the time
		return "", at, webhook.Refuse("the id or the time is not of the form that is signed")
	}
	at = time.Unix(seconds, 0)
	if err := webhook.Fresh(at, w.now(), w.tolerance, w.tolerance); err != nil {
		return "", at, err
	}
	if !w.signed(ofVersion1(signatures), []byte(id+"."+stamp+"."), body) {
		return "", at, webhook.Refuse("no signature holds")
	}
	return id, at, nil
}

// signed reports whether one of the signatures, in base64, is by one of the secrets. Unreadable
// ones are passed over.
func (w webhooks) signed(signatures []string, parts ...[]byte) bool {
	held := false
	for _, mac := range w.macs {
		expected := mac(parts...)
		for _, coded := range signatures {
			var given [sha256.Size + 1]byte // 44 characters make at most 33 bytes
			if len(coded) != base64.StdEncoding.EncodedLen(sha256.Size) {
				continue
			}
			n, err := base64.StdEncoding.Strict().Decode(given[:], []byte(coded))
			held = err == nil && hmac.Equal(expected, given[:n]) || held
		}
	}
	return held
}

// ofVersion1 returns the signatures that are made as this package knows.
func ofVersion1(header string) []string {
	var codes []string
	for text := range strings.SplitSeq(header, " ") {
		if coded, ok := strings.CutPrefix(text, "v1,"); ok && len(codes) < mostSignatures {
			codes = append(codes, coded)
		}
	}
	return codes
}

func (w webhooks) verifyLegacy(header http.Header, body []byte) (key string, at time.Time, err error) {
	stamp, err := webhook.One(header, "Dapi-Ts")
	if err != nil {
		return "", at, err
	}
	signature, err := webhook.One(header, "Dapi-Signature")
	if err != nil {
		return "", at, err
	}
	// Nothing stands between time and body, so their lengths must leave no doubt where one ends:
	// seconds have ten digits, milliseconds thirteen, and no body begins with a digit.
	n, err := strconv.ParseUint(stamp, 10, 64)
	switch {
	case err != nil || (len(stamp) != 10 && len(stamp) != 13) || len(body) == 0 || (body[0] >= '0' && body[0] <= '9'):
		return "", at, webhook.Refuse("the time or the body is not of the form that is signed")
	case len(stamp) == 13:
		at = time.UnixMilli(int64(n))
	default:
		at = time.Unix(int64(n), 0)
	}
	if err := webhook.Fresh(at, w.now(), w.tolerance, w.tolerance); err != nil {
		return "", at, err
	}
	if !w.signed([]string{signature}, []byte(stamp), body) {
		return "", at, webhook.Refuse("the signature does not hold")
	}
	return webhook.KeyOf([]byte(stamp), body), at, nil
}

// ReadWebhook verifies a delivery, and only then decrypts and reads it.
func (a *adapter) ReadWebhook(_ context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	key, at, err := a.webhooks.verify(req.Header(), req.Body())
	if err != nil {
		return bankmux.WebhookResult{}, err
	}
	e := bankmux.Event{Kind: bankmux.EventUnknown, At: at.UTC()}
	body := readWebhook(req.Body())
	if text, ok := a.webhooks.encrypted(req.Body()); ok {
		clear, err := a.webhooks.decrypt(text)
		switch {
		case err == nil:
			e = e.WithPayload(clear)
			if inner := readWebhook(clear); inner.Event != "" {
				body = inner
			}
		case model.Event(body.Event) == bankmux.EventUnknown: // else it came in clear
			return bankmux.WebhookResult{}, err
		}
	}
	body.fill(&e)
	return bankmux.WebhookResult{Key: key, Events: []bankmux.Event{e}}, nil
}

// readWebhook takes what it knows of a body; one that is something else has nothing of it.
func readWebhook(body []byte) (b webhookBody) {
	if wire.Decode(body, &b) != nil {
		return webhookBody{}
	}
	return b
}

// fill says in our words what the body announces.
func (b *webhookBody) fill(e *bankmux.Event) {
	*e = e.WithReference(b.ConnectionID)
	e.Kind, e.Name = model.Event(b.Event), normalize.CleanCode(b.Event)
	if at, ok := normalize.Timestamp(b.OccurredAt); ok {
		e.At = at
	}
	switch e.Kind {
	case bankmux.EventConnectionStateChanged:
		e.Status = model.Status(b.State, normalize.CleanCode(b.ErrorType))
	case bankmux.EventConnectionDeleted:
		e.Status = bankmux.Status{State: bankmux.StateGone}
	default:
		return
	}
	e.Status.At = e.At
}

// encrypted finds the encrypted text of a body. Dapi does not say where it stands; it is looked for
// as the body itself, plain or as a JSON string, and as the member "data" or "payload".
func (w webhooks) encrypted(body []byte) (string, bool) {
	if w.block == nil {
		return "", false
	}
	body = bytes.TrimSpace(strictjson.WithoutMark(body))
	if len(body) == 0 || body[0] != '{' {
		var text string
		if json.Unmarshal(body, &text) == nil {
			return text, true
		}
		return string(body), true
	}
	var in struct {
		Data    any `json:"data"`
		Payload any `json:"payload"`
	}
	if wire.Decode(body, &in) != nil {
		return "", false
	}
	for _, v := range []any{in.Data, in.Payload} {
		if text, ok := v.(string); ok && text != "" {
			return text, true
		}
	}
	return "", false
}

// decrypt undoes AES-CFB with the IV before the text (Dapi's Go SDK).
func (w webhooks) decrypt(text string) ([]byte, error) {
	sealed, err := unbase64(text)
	if err == nil && len(sealed) <= aes.BlockSize {
		err = errors.New("too short")
	}
	if err == nil {
		iv, out := sealed[:aes.BlockSize], make([]byte, len(sealed)-aes.BlockSize)
		cipher.NewCFBDecrypter(w.block, iv).XORKeyStream(out, sealed[aes.BlockSize:]) //nolint:staticcheck // Dapi's choice; the signature over it has held
		if out = strictjson.WithoutMark(out); json.Valid(out) {
			return out, nil
		}
	}
	return nil, &bankmux.Error{Kind: bankmux.ErrMalformed, Field: Name + ".Config.Webhook.Key", Detail: "the payload is genuine but cannot be decrypted with this key"}
}
