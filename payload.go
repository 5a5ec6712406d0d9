package bankmux

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux/internal/plain"
	"github.com/bankmux/bankmux/internal/strictjson"
)

// maxPayload is far above what any Connect sends and far below what hurts.
const maxPayload = 256 << 10

// Payload is a strictly read JSON object from the front end. It refuses what
// encoding/json lets pass: a repeated key, keys that differ only in case,
// anything after the object. It is immutable.
type Payload struct {
	members func() []strictjson.Member // fmt prints a function's address, never what it returns
}

func payloadOf(members []strictjson.Member) Payload {
	return Payload{func() []strictjson.Member { return members }}
}

func (p Payload) all() []strictjson.Member {
	if p.members == nil {
		return nil
	}
	return p.members()
}

// ParsePayload reads raw. The error is [ErrInvalid] and says what is wrong with which key,
// never what the value was.
func ParsePayload(raw json.RawMessage) (Payload, error) {
	if len(raw) > maxPayload {
		return Payload{}, longPayload()
	}
	return parsePayload(bytes.Clone(raw))
}

func parseSecret(raw Secret) (Payload, error) {
	if raw.size() > maxPayload {
		return Payload{}, longPayload()
	}
	return parsePayload(raw.appendText(make([]byte, 0, raw.size())))
}

func longPayload() error {
	return invalid("Payload", "is longer than "+strconv.Itoa(maxPayload)+" bytes")
}

// parsePayload reads raw and keeps it.
func parsePayload(raw []byte) (Payload, error) {
	members, err := strictjson.Object(raw)
	if err != nil {
		return Payload{}, invalid("Payload", err.Error())
	}
	return payloadOf(members), nil
}

// value returns what is under key, nil if the key is missing.
func (p Payload) value(key string) []byte {
	for _, m := range p.all() {
		if string(m.Key) == key {
			return m.Value
		}
	}
	return nil
}

// Has reports whether the key is there with a value other than null.
func (p Payload) Has(key string) bool {
	v := p.value(key)
	return v != nil && string(v) != "null"
}

// Text returns the string under key. A missing, null, empty or other value is [ErrInvalid].
func (p Payload) Text(key string) (string, error) {
	if !p.Has(key) {
		for _, m := range p.all() {
			if other := string(m.Key); other != key && strings.EqualFold(other, key) {
				return "", invalid("Payload", "has "+quote(other)+" where "+quote(key)+" is expected")
			}
		}
		return "", invalid("Payload", "lacks "+quote(key))
	}
	s, ok := strictjson.Text(p.value(key))
	if !ok {
		return "", invalid("Payload", quote(key)+" is not a string")
	}
	if s == "" {
		return "", invalid("Payload", quote(key)+" is empty")
	}
	return s, nil
}

// Object returns the object under key. A missing or other value is [ErrInvalid].
func (p Payload) Object(key string) (Payload, error) {
	if !p.Has(key) {
		return Payload{}, invalid("Payload", "lacks "+quote(key))
	}
	members, err := strictjson.Object(p.value(key))
	if err != nil {
		return Payload{}, invalid("Payload", quote(key)+" is not an object")
	}
	return payloadOf(members), nil
}

// aborted returns the error for a payload that says the user did not finish.
func (p Payload) aborted() error {
	reason := p.value("error")
	if reason == nil || (string(reason) == "null" && len(p.all()) > 1) {
		return nil
	}
	detail := "the user left the flow"
	if string(reason) != "null" {
		detail = "the flow ended with an error at the front end"
	}
	return &Error{Kind: ErrUserAction, Code: CodeCancelled, Detail: detail, NotSent: true}
}

// CodeCancelled is the Code of the [ErrUserAction] for a flow the user did not
// finish, and for a [Challenge] that was given up.
const CodeCancelled = "cancelled"

// CodeOtherSession is the Code of the [ErrInvalid] for a payload that belongs to another session,
// such as that of the user's other tab. Post it with that session: a token that was sent meanwhile
// is found by it. The session it was posted with stays open for its own payload.
const CodeOtherSession = "other_session"

func quote(s string) string { return plain.Quote(s) }
