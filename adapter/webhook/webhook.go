package webhook

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

// Verifier checks that a delivery is genuine. It believes nothing of it before the proof has held.
// It is safe for concurrent use, changes nothing outside of its own memory, and may be asked again.
//
// The error is [bankmux.ErrSignature] for a delivery that proves nothing. It is
// [bankmux.ErrUnsupported] where the scheme signs the URL and the delivery does not have it. Only a
// verifier with [Keys] has other errors: those with which the keys could not be fetched.
type Verifier interface {
	Verify(ctx context.Context, req bankmux.WebhookRequest) (Proof, error)
}

// Proof is what a signature that held says.
type Proof struct {
	ID   string    // the id that was signed; empty where the scheme signs none
	Time time.Time // when it was signed; zero where the scheme signs no time

	stamp string // the time as it was signed
}

// Key names the delivery, for [bankmux.WebhookResult.Key]: it is the id, or else a digest of the
// signed time and the body. A repetition that is signed again has another time and so another key.
// An id within the body is the better key.
func (p Proof) Key(body []byte) string {
	if p.ID != "" {
		return p.ID
	}
	h := sha256.New()
	h.Write([]byte(p.stamp))
	h.Write(body)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Window is how far the time of a signature may be off. Zero means five minutes, as in Svix's
// libraries.
type Window struct {
	Age   time.Duration    // at most so old
	Ahead time.Duration    // at most so far in the future
	Now   func() time.Time // nil means time.Now
}

const defaultWindow = 5 * time.Minute

// withDefaults fills in the defaults.
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

// Check refuses a time outside of the window, for schemes that this package lacks. The error is
// [bankmux.ErrSignature].
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

// Refuse returns the error for a delivery that proves nothing, for schemes that this package lacks.
// The detail must quote nothing of the delivery.
func Refuse(detail string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrSignature, Detail: detail, NotSent: true}
}

// invalid is the error for a configuration.
func invalid(field, detail string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: field, Detail: detail, NotSent: true}
}

// maxHeader bounds a header field before anything is made of it.
const maxHeader = 8 << 10

// Header returns the value of the header field that has one of the names. It must be there once and
// have at most 8 KiB. Under two names it must have the same value: nothing says which one the
// sender signed. The error is [bankmux.ErrSignature].
func Header(header http.Header, names ...string) (string, error) {
	var found string
	for _, name := range names {
		values := header.Values(name)
		switch {
		case len(values) == 0:
			continue
		case len(values) > 1:
			return "", Refuse("the header " + name + " is there more than once")
		case len(values[0]) > maxHeader:
			return "", Refuse("the header " + name + " is too long")
		case found != "" && values[0] != found:
			return "", Refuse("the header " + name + " says something else than " + names[0])
		}
		found = values[0]
	}
	if found == "" {
		return "", Refuse("the header " + names[0] + " is missing")
	}
	return found, nil
}

// checkNames returns why names cannot be those of a header field.
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

// parseTimestamp reads seconds or milliseconds since 1970, of 1973 and later: seconds have nine or ten
// digits and milliseconds three more, so that one text has one meaning and one length. Virtual time
// of tests starts in 2000, when seconds had nine.
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

// minSecret is the fewest bytes of a shared secret: 128 bits. An empty one would let everyone sign.
const minSecret = 16

// SharedSecret is a secret that the provider sends in a header field. Only TLS keeps it secret. It
// covers neither body nor time, so a recorded delivery can be repeated and changed by who saw it.
type SharedSecret struct {
	Header []string // the names of the field; the first one stands in errors
	Prefix string   // stands before the secret, such as "Bearer "
	// Secrets are the accepted ones, of 16 bytes or more. Give both while one replaces the other.
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

const tooShort = "has one that is empty or shorter than 16 bytes"

type sharedSecret struct {
	names   []string
	prefix  string
	compare []func(digest []byte) int // one for each secret, which fmt does not find there
}

// Verify compares digests, so that the time says nothing about the length either.
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
		return Proof{}, Refuse("the shared secret is another one")
	}
	return Proof{}, nil
}
