package webhook

// This file has what all schemes share, and the scheme of a shared secret.

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/plain"
)

// Verifier checks that a delivery is genuine. It uses nothing of a delivery before that is proved.
// It is safe for concurrent use.
type Verifier interface {
	// Verify returns the proof of a genuine delivery. It may be repeated. The error is
	// [bankmux.ErrSignature] for a delivery that proves nothing. It is [bankmux.ErrUnsupported] if
	// the scheme signs the URL and the delivery has none. Only a verifier with [Keys] has other
	// errors: those of a failed fetch of keys.
	Verify(ctx context.Context, req bankmux.WebhookRequest) (Proof, error)
}

// Proof has what a valid signature covers.
type Proof struct {
	ID   string    // the signed id; empty if the scheme signs none
	Time time.Time // when the delivery was signed; zero if the scheme signs no time

	stamp string // the time as it was signed
}

// Key returns a key of the delivery for [bankmux.WebhookResult.Key]: the id, or else a digest of
// the signed time and the body. A retry that is signed again has another time and so another key.
// If the body has an id, that is the better key.
func (p Proof) Key(body []byte) string {
	if p.ID != "" {
		return p.ID
	}
	h := sha256.New()
	h.Write([]byte(p.stamp))
	h.Write(body)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Window limits how far the time of a signature may differ from the clock. Zero means five minutes,
// as in Svix's libraries.
type Window struct {
	Age   time.Duration    // the longest time in the past
	Ahead time.Duration    // the longest time in the future
	Now   func() time.Time // nil means time.Now
}

// defaultWindow is the default of both limits of a [Window].
const defaultWindow = 5 * time.Minute

// withDefaults replaces what is zero, and refuses negative limits.
func (w Window) withDefaults() (Window, error) {
	switch {
	case w.Age < 0:
		return w, invalid("Age", "is negative")
	case w.Ahead < 0:
		return w, invalid("Ahead", "is negative")
	}
	if w.Age == 0 {
		w.Age = defaultWindow
	}
	if w.Ahead == 0 {
		w.Ahead = defaultWindow
	}
	if w.Now == nil {
		w.Now = time.Now
	}
	return w, nil
}

// Check refuses a time outside of the window. It is for schemes that this package does not have.
// The error is [bankmux.ErrSignature].
func (w Window) Check(at time.Time) error {
	w, err := w.withDefaults()
	if err != nil {
		return err
	}
	now := w.Now()
	switch {
	case now.Sub(at) > w.Age:
		return Refuse("the delivery was signed more than " + plain.Duration(w.Age) + " ago")
	case at.Sub(now) > w.Ahead:
		return Refuse("the delivery was signed more than " + plain.Duration(w.Ahead) + " in the future")
	}
	return nil
}

// Refuse returns the error for a delivery that proves nothing. It is for schemes that this package
// does not have. The detail must quote nothing of the delivery.
func Refuse(detail string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrSignature, Detail: detail, NotSent: true}
}

// invalid returns the error for a configuration.
func invalid(field, detail string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: field, Detail: detail, NotSent: true}
}

// maxHeader is the largest value of a header field, in bytes.
const maxHeader = 8 << 10

// Header returns the value of the header field that has one of the names. The field must occur once
// and have at most 8 KiB. Two different values under two names are an error, because it is unknown
// which one was signed. The error is [bankmux.ErrSignature].
func Header(header http.Header, names ...string) (string, error) {
	var found string
	for _, name := range names {
		values := header.Values(name)
		switch {
		case len(values) == 0:
			continue
		case len(values) > 1:
			return "", Refuse("the header " + name + " occurs more than once")
		case len(values[0]) > maxHeader:
			return "", Refuse("the header " + name + " is too long")
		case found != "" && values[0] != found:
			return "", Refuse("the header " + name + " differs from " + names[0])
		}
		found = values[0]
	}
	if found == "" {
		return "", Refuse("the header " + names[0] + " is missing")
	}
	return found, nil
}

// checkNames returns an error unless names are names of a header field.
func checkNames(field string, names []string) error {
	if len(names) == 0 {
		return invalid(field, "is empty")
	}
	for _, name := range names {
		if name == "" || strings.ContainsAny(name, " \t\r\n:,") {
			return invalid(field, "has one that is not the name of a header field")
		}
	}
	return nil
}

// parseTimestamp reads seconds or milliseconds since 1970, for times from 1973 on. Seconds have
// nine or ten digits and milliseconds three more, so one text has one meaning. The virtual time of
// tests starts in 2000, when seconds had nine digits.
func parseTimestamp(text string) (time.Time, bool) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return time.Time{}, false
	}
	switch len(text) {
	case 9, 10:
		return time.Unix(int64(n), 0), true
	case 12, 13:
		return time.UnixMilli(int64(n)), true
	}
	return time.Time{}, false
}

// minSecret is the smallest shared secret in bytes (128 bits). With an empty one everyone could
// sign.
const minSecret = 16

// SharedSecret describes a secret that the provider sends in a header field. Only TLS protects it.
// It covers neither body nor time, so a party that saw a delivery can repeat and change it.
type SharedSecret struct {
	Header []string // the alternative names of the field; errors use the first one
	Prefix string   // the text before the secret, such as "Bearer "
	// Secrets are the accepted secrets of at least 16 bytes. Give both while you replace one.
	Secrets []bankmux.Secret
}

// NewSharedSecret returns a verifier that compares in constant time. The error is
// [bankmux.ErrInvalid] and its Field is that of [SharedSecret].
func NewSharedSecret(cfg SharedSecret) (Verifier, error) {
	if err := checkNames("Header", cfg.Header); err != nil {
		return nil, err
	}
	if len(cfg.Secrets) == 0 {
		return nil, invalid("Secrets", "is empty")
	}
	v := sharedSecret{names: cfg.Header, prefix: cfg.Prefix}
	for _, s := range cfg.Secrets {
		if len(s.Reveal()) < minSecret {
			return nil, invalid("Secrets", tooShort)
		}
		digest := sha256.Sum256([]byte(s.Reveal()))
		v.compare = append(v.compare, func(given []byte) int { return subtle.ConstantTimeCompare(given, digest[:]) })
	}
	return v, nil
}

// tooShort is the detail of the error for a secret below minSecret.
const tooShort = "has one that is empty or shorter than 16 bytes"

type sharedSecret struct {
	names   []string
	prefix  string
	compare []func(digest []byte) int // one per secret, which fmt cannot print from there
}

// Verify compares digests, so that its time does not depend on the length either.
func (v sharedSecret) Verify(_ context.Context, req bankmux.WebhookRequest) (Proof, error) {
	text, err := Header(req.Header(), v.names...)
	if err != nil {
		return Proof{}, err
	}
	text, ok := strings.CutPrefix(text, v.prefix)
	given, held := sha256.Sum256([]byte(text)), 0
	for _, compare := range v.compare {
		held |= compare(given[:])
	}
	if !ok || held != 1 {
		return Proof{}, Refuse("the shared secret is wrong")
	}
	return Proof{}, nil
}
