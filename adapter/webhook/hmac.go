package webhook

// This file has the schemes with an HMAC.

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// Encoding is how bytes are written as text.
type Encoding int

// The encodings.
const (
	Text   Encoding = iota // the bytes themselves; not for signatures
	Hex                    // lower-case digits
	Base64                 // the standard alphabet; a secret may lack the padding
)

// HMAC describes a scheme in which both sides know a secret.
type HMAC struct {
	// Secrets are the accepted secrets of at least 16 decoded bytes. Give both while you replace
	// one.
	Secrets []bankmux.Secret
	// SecretPrefix is removed from a secret before it is decoded, such as "whsec_" at Svix. It is
	// optional in a secret.
	SecretPrefix   string
	SecretEncoding Encoding         // of the secrets; the zero value is Text
	Hash           func() hash.Hash // nil means sha256.New

	// Signed is the signed text: literal text and the placeholders {id}, {time}, {method}, {url}
	// and {body}. An example is "{id}.{time}.{body}". It ends with {body}.
	//
	// {url} is the complete URL, see [bankmux.WebhookRequest.SentTo]. {time} is in seconds or
	// milliseconds. Without {time} a recorded delivery can be repeated at any time.
	//
	// Two deliveries must not have the same signed text. Otherwise a sender could move the border
	// between two parts. So NewHMAC refuses a Signed in which the border between two parts is not
	// certain, such as "{id}{body}". Verify refuses an id that contains the separator after it. It
	// refuses a body that starts with a digit right after {time}. After {url} it refuses a body
	// that is not a JSON object or array.
	Signed string

	// ID, Time and Signature are the names of header fields. Several names of one field are
	// alternatives, and errors use the first one.
	ID, Time, Signature []string
	// TimePrefix finds the time in a list, such as "t=" in "t=1700000000,v1=ab12".
	TimePrefix string
	// SignaturePrefix is the text before each signature, such as "v1,", "v1=" or "sha256=". Other
	// signatures are ignored, since they may have another version.
	SignaturePrefix string
	// Separator is the text between the parts of a list of signatures, and of the list that has the
	// time. It is " " at Svix. Without it, the field has one signature. Only the first 16 parts
	// count.
	Separator string
	// Encoding is how a signature is written, Hex or Base64. Only the one standard text is
	// accepted: another padding or case, or blanks, are refused.
	Encoding Encoding

	Window Window // for {time}
}

// maxParts is how many parts of a list count. A provider sends one signature per secret.
const maxParts = 16

// placeholder is a part of the signed text.
type placeholder struct {
	name   string
	before string // the literal text before it
}

// hmacVerifier is the verifier of [NewHMAC].

type hmacVerifier struct {
	HMAC  // without its secrets
	parts []placeholder
	macs  []func(head, body, dst []byte) []byte // one per secret, which fmt cannot print from there
}

// NewHMAC returns a verifier. It compares in constant time, and each signature with each secret.
// The error is [bankmux.ErrInvalid] and its Field is that of [HMAC].
func NewHMAC(cfg HMAC) (Verifier, error) {
	v := &hmacVerifier{HMAC: cfg}
	v.Secrets = nil
	if v.Hash == nil {
		v.Hash = sha256.New
	}
	var err error
	if v.Window, err = cfg.Window.withDefaults(); err != nil {
		return nil, err
	}
	if v.Encoding != Hex && v.Encoding != Base64 {
		return nil, invalid("Encoding", "is neither Hex nor Base64")
	}
	if err := checkNames("Signature", cfg.Signature); err != nil {
		return nil, err
	}
	if v.parts, err = parseSigned(cfg.Signed); err != nil {
		return nil, err
	}
	for _, used := range []struct {
		field, name string
		names       []string
	}{{"ID", "id", cfg.ID}, {"Time", "time", cfg.Time}} {
		signs := strings.Contains(cfg.Signed, "{"+used.name+"}")
		switch {
		case signs:
			if err := checkNames(used.field, used.names); err != nil {
				return nil, err
			}
		case len(used.names) > 0:
			return nil, invalid(used.field, "is not signed")
		}
	}
	if len(cfg.Secrets) == 0 {
		return nil, invalid("Secrets", "is empty")
	}
	for _, s := range cfg.Secrets {
		if err := v.addSecret(s); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// addSecret decodes a secret and adds its MAC.
func (v *hmacVerifier) addSecret(s bankmux.Secret) error {
	text := strings.TrimPrefix(s.Reveal(), v.SecretPrefix)
	var key []byte
	var err error
	switch v.SecretEncoding {
	case Text:
		key = []byte(text)
	case Hex:
		key, err = hex.DecodeString(text)
	case Base64:
		key, err = base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	default:
		return invalid("SecretEncoding", "is not Text, Hex or Base64")
	}
	if err != nil {
		return invalid(
			"Secrets",
			"has one that is not "+map[Encoding]string{Hex: "hexadecimal", Base64: "base64"}[v.SecretEncoding],
		)
	}
	if len(key) < minSecret {
		return invalid("Secrets", tooShort)
	}
	newHash := v.Hash
	hashes := sync.Pool{New: func() any { return hmac.New(newHash, key) }} // with five allocations
	v.macs = append(v.macs, func(head, body, dst []byte) []byte {
		h := hashes.Get().(hash.Hash) // the pool has nothing else
		defer hashes.Put(h)
		h.Reset()
		h.Write(head)
		h.Write(body)
		return h.Sum(dst)
	})
	return nil
}

// parseSigned parses [HMAC.Signed]. It refuses a text that two deliveries could share.
func parseSigned(text string) ([]placeholder, error) {
	var parts []placeholder
	seen := map[string]bool{}
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "{")
		name, after, closed := strings.Cut(after, "}")
		if !found || !closed {
			break
		}
		switch name {
		case "id", "time", "method", "url", "body":
		default:
			return nil, invalid("Signed", "has an unknown placeholder")
		}
		if seen[name] {
			return nil, invalid("Signed", "has a placeholder twice")
		}
		if n := len(parts); n > 0 && !borderIsCertain(parts[n-1].name, before, name) {
			return nil, invalid("Signed", "does not show where {"+parts[n-1].name+"} ends")
		}
		seen[name] = true
		parts = append(parts, placeholder{name, before})
		rest = after
	}
	if !seen["body"] || !strings.HasSuffix(text, "{body}") {
		return nil, invalid("Signed", "does not end with {body}")
	}
	return parts, nil
}

// borderIsCertain reports whether the forms of two parts and the text between them fix the border.
// A time has digits, a method has capital letters, and a URL starts with "http".
func borderIsCertain(name, between, next string) bool {
	digit := func(at int) bool { return between[at] >= '0' && between[at] <= '9' }
	switch name {
	case "id":
		return between != ""
	case "time":
		return next != "id" && between == "" || between != "" && !digit(0)
	case "method":
		if between == "" {
			return next == "url" || next == "time"
		}
		return between[0] < 'A' || between[0] > 'Z'
	case "url": // see startsBody
		return next == "body" || next == "time" && between != "" && !digit(len(between)-1)
	}
	return false
}

// Verify implements [Verifier].
func (v *hmacVerifier) Verify(_ context.Context, req bankmux.WebhookRequest) (Proof, error) {
	proof, at, err := v.read(req)
	if err != nil {
		return Proof{}, err
	}
	signatures, err := Header(req.Header(), v.Signature...)
	if err != nil {
		return Proof{}, err
	}
	head, err := v.head(req, proof)
	if err != nil {
		return Proof{}, err
	}
	if proof.stamp != "" {
		if err := v.Window.Check(at); err != nil {
			return Proof{}, err
		}
		proof.Time = at
	}
	if !v.matches(signatures, head, req.Body()) {
		return Proof{}, Refuse("no signature is valid")
	}
	return proof, nil
}

// read reads id and time from the header.
func (v *hmacVerifier) read(req bankmux.WebhookRequest) (proof Proof, at time.Time, err error) {
	if len(v.ID) > 0 {
		if proof.ID, err = Header(req.Header(), v.ID...); err != nil {
			return proof, at, err
		}
	}
	if len(v.Time) == 0 {
		return proof, at, nil
	}
	if proof.stamp, err = Header(req.Header(), v.Time...); err != nil {
		return proof, at, err
	}
	if v.TimePrefix != "" {
		var stamps []string
		for part := range v.list(proof.stamp) {
			if stamp, ok := strings.CutPrefix(part, v.TimePrefix); ok {
				stamps = append(stamps, stamp)
			}
		}
		if len(stamps) != 1 {
			return proof, at, Refuse("the time does not occur exactly once")
		}
		proof.stamp = stamps[0]
	}
	at, ok := parseTimestamp(proof.stamp)
	if !ok {
		return proof, at, Refuse(wrongForm)
	}
	return proof, at, nil
}

// wrongForm is the detail of the error for a part that could move a border.
const wrongForm = "the id, the time or the body does not have the signed form"

// list returns the parts of a header field.
func (v *hmacVerifier) list(field string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if v.Separator == "" {
			yield(field)
			return
		}
		n := 0
		for part := range strings.SplitSeq(field, v.Separator) {
			if part = strings.TrimLeft(part, " "); part == "" {
				continue
			}
			if n++; n > maxParts || !yield(part) {
				return
			}
		}
	}
}

// head returns the signed text before the body.
func (v *hmacVerifier) head(req bankmux.WebhookRequest, proof Proof) ([]byte, error) {
	head := make([]byte, 0, 256)
	for i, part := range v.parts {
		head = append(head, part.before...)
		switch part.name {
		case "id":
			if strings.Contains(proof.ID, v.parts[i+1].before[:1]) {
				return nil, Refuse(wrongForm)
			}
			head = append(head, proof.ID...)
		case "time":
			if next := v.parts[i+1]; next.before == "" && next.name == "body" && !startsWithoutDigit(req.Body()) {
				return nil, Refuse(wrongForm)
			}
			head = append(head, proof.stamp...)
		case "method", "url":
			value := req.Method()
			if part.name == "url" {
				value = req.URL()
			}
			if value == "" {
				return nil, &bankmux.Error{
					Kind: bankmux.ErrUnsupported, NotSent: true,
					Detail: "the scheme signs the method and URL, which the delivery lacks: set inbox.WithURL",
				}
			}
			if part.name == "url" && !startsBody(value, req.Body()) {
				return nil, Refuse(wrongForm)
			}
			head = append(head, value...)
		}
	}
	return head, nil
}

// startsWithoutDigit reports whether a body has a first byte that is not a digit.
func startsWithoutDigit(body []byte) bool {
	return len(body) > 0 && (body[0] < '0' || body[0] > '9')
}

// startsBody reports whether the first brace or bracket of URL and body starts the body. Otherwise
// a sender, who chooses the query, could pass a part of the URL for the body.
func startsBody(url string, body []byte) bool {
	return len(body) > 0 && (body[0] == '{' || body[0] == '[') && !strings.ContainsAny(url, "{[")
}

// matches reports whether one of the signatures was made with one of the secrets. It compares
// texts, so a signature has only one spelling.
func (v *hmacVerifier) matches(field string, head, body []byte) bool {
	var given [maxParts]string
	n := 0
	for part := range v.list(field) {
		if text, ok := strings.CutPrefix(part, v.SignaturePrefix); ok {
			given[n] = text
			n++
		}
	}
	held := false
	var space, coded [128]byte
	for _, mac := range v.macs {
		sum := mac(head, body, space[:0])
		expected := coded[:0]
		if v.Encoding == Hex {
			expected = hex.AppendEncode(expected, sum)
		} else {
			expected = base64.StdEncoding.AppendEncode(expected, sum)
		}
		for _, text := range given[:n] {
			held = hmac.Equal(expected, []byte(text)) || held
		}
	}
	return held
}
