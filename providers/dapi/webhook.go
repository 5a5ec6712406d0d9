package dapi

// This file verifies and reads webhook deliveries.

import (
	"bytes"
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/setup"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/internal/strictjson"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// WebhookConfig says how deliveries are verified. Without Secrets a delivery is
// [bankmux.ErrUnsupported].
type WebhookConfig struct {
	// Secrets sign deliveries, as the dashboard shows them ("whsec_…"). Give both while one
	// replaces the other; either is accepted. [New] refuses an empty one, or one of less than 16
	// bytes.
	Secrets []bankmux.Secret
	// Scheme is how deliveries are signed. A delivery of the other scheme is never accepted.
	Scheme WebhookScheme
	// Key decrypts payloads. It is base64 of an AES key of 16, 24 or 32 bytes, as the dashboard
	// shows it. Empty means that payloads are not encrypted.
	Key bankmux.Secret
	// Tolerance is how far the time of a signature may be off, in the past or the future. 0 means 5
	// min, as in Svix's libraries. Dapi signs each repeat again.
	Tolerance time.Duration
}

// WebhookScheme is a way to sign deliveries.
type WebhookScheme string

// The schemes.
const (
	// SchemeSvix signs "<id>.<time>.<body>" with headers svix-* or webhook-* (Dapi's Go SDK).
	SchemeSvix WebhookScheme = ""
	// SchemeLegacy signs "<time><body>" with headers dapi-ts and dapi-signature, and its secrets
	// are plain text (Dapi's older Node SDK). Its deliveries have no id, so a repeat with a new
	// signature is another event.
	SchemeLegacy WebhookScheme = "legacy"
)

// webhooks verifies and decrypts deliveries.
type webhooks struct {
	verifier webhook.Verifier // nil without secrets
	block    cipher.Block     // nil if payloads are not encrypted
}

func newWebhooks(cfg WebhookConfig, now func() time.Time) (w webhooks, err error) {
	switch {
	case cfg.Scheme != SchemeSvix && cfg.Scheme != SchemeLegacy:
		return w, setup.Refuse(Name, "Config.Webhook.Scheme", "is neither SchemeSvix nor SchemeLegacy")
	case cfg.Tolerance < 0:
		return w, setup.Refuse(Name, "Config.Webhook.Tolerance", "is negative")
	}
	if len(cfg.Secrets) > 0 {
		scheme := svix
		if cfg.Scheme == SchemeLegacy {
			scheme = legacy
		}
		scheme.Secrets, scheme.Window = cfg.Secrets, webhook.Window{Age: cfg.Tolerance, Ahead: cfg.Tolerance, Now: now}
		w.verifier, err = webhook.NewHMAC(scheme)
		if e, ok := errors.AsType[*bankmux.Error](err); ok {
			return w, setup.Refuse(Name, "Config.Webhook."+e.Field, e.Detail)
		}
	}
	if !cfg.Key.IsZero() {
		key, err := unbase64(cfg.Key.Reveal())
		if err == nil {
			w.block, err = aes.NewCipher(key)
		}
		if err != nil {
			return w, setup.Refuse(Name, "Config.Webhook.Key", "is not base64 of 16, 24 or 32 bytes")
		}
	}
	return w, nil
}

// The schemes.
var (
	svix = webhook.HMAC{
		SecretPrefix: "whsec_", SecretEncoding: webhook.Base64, Encoding: webhook.Base64, Signed: "{id}.{time}.{body}",
		ID: []string{"Svix-Id", "Webhook-Id"}, Time: []string{"Svix-Timestamp", "Webhook-Timestamp"},
		Signature: []string{"Svix-Signature", "Webhook-Signature"}, SignaturePrefix: "v1,", Separator: " ",
	}
	legacy = webhook.HMAC{
		Encoding:  webhook.Base64,
		Signed:    "{time}{body}",
		Time:      []string{"Dapi-Ts"},
		Signature: []string{"Dapi-Signature"},
	}
)

// unbase64 reads base64 with or without padding.
func unbase64(s string) ([]byte, error) {
	return base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(s, "="))
}

// ReadWebhook verifies a delivery. Only then does it decrypt and read it.
func (a *adapter) ReadWebhook(ctx context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	if a.webhooks.verifier == nil {
		return bankmux.WebhookResult{}, normalize.Unsupported(
			Name+".Config.Webhook.Secrets", "is empty, so no delivery can be verified")
	}
	proof, err := a.webhooks.verifier.Verify(ctx, req)
	if err != nil {
		return bankmux.WebhookResult{}, err
	}
	e := bankmux.Event{Kind: bankmux.EventUnknown, At: proof.Time.UTC()}
	body, plain, err := a.webhookBody(ctx, req.Body())
	if err != nil {
		return bankmux.WebhookResult{}, err
	}
	if plain != nil {
		e = e.WithPayload(plain)
	}
	body.fill(&e)
	return bankmux.WebhookResult{Key: proof.Key(req.Body()), Events: []bankmux.Event{e}}, nil
}

// webhookBody reads a delivery, and returns its payload if that was encrypted. Only one of the two
// texts is a delivery for [rest.Delivery], since it counts them.
func (a *adapter) webhookBody(ctx context.Context, delivered []byte) (body webhookBody, plain []byte, err error) {
	if text, outside, ok := a.webhooks.encrypted(delivered); ok {
		plain, err = a.webhooks.decrypt(text)
		switch {
		case err == nil:
			if body = rest.Delivery[webhookBody](ctx, a.api.rest, plain); body.Event == "" {
				body = outside
			}
			return body, plain, nil
		case model.Event(outside.Event) == bankmux.EventUnknown: // otherwise it was not encrypted
			return body, nil, err
		}
	}
	return rest.Delivery[webhookBody](ctx, a.api.rest, delivered), nil, nil
}

// fill writes what the body announces into the event.
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

// encrypted finds the encrypted text of a body. Dapi does not say where it is. It may be the body
// itself, plain or as a JSON string, or the member "data" or "payload". Then outside has the other
// members.
func (w webhooks) encrypted(body []byte) (text string, outside webhookBody, ok bool) {
	if w.block == nil {
		return "", outside, false
	}
	body = bytes.TrimSpace(strictjson.WithoutMark(body))
	if len(body) == 0 || body[0] != '{' {
		if json.Unmarshal(body, &text) == nil {
			return text, outside, true
		}
		return string(body), outside, true
	}
	var in struct {
		webhookBody
		Data    string `json:"data"`
		Payload string `json:"payload"`
	}
	if wire.DecodeLenient(body, &in) != nil {
		return "", outside, false
	}
	text = cmp.Or(in.Data, in.Payload)
	return text, in.webhookBody, text != ""
}

// decrypt decrypts AES-CFB, with the IV before the text (Dapi's Go SDK).
func (w webhooks) decrypt(text string) ([]byte, error) {
	sealed, err := unbase64(text)
	if err == nil && len(sealed) <= aes.BlockSize {
		err = errors.New("too short")
	}
	if err == nil {
		iv, out := sealed[:aes.BlockSize], make([]byte, len(sealed)-aes.BlockSize)
		stream := cipher.NewCFBDecrypter(w.block, iv) //nolint:staticcheck // Dapi's choice; the signature is verified
		stream.XORKeyStream(out, sealed[aes.BlockSize:])
		if out = strictjson.WithoutMark(out); json.Valid(out) {
			return out, nil
		}
	}
	return nil, &bankmux.Error{
		Kind:   bankmux.ErrMalformed,
		Field:  Name + ".Config.Webhook.Key",
		Detail: "the payload is genuine but cannot be decrypted with this key",
	}
}
