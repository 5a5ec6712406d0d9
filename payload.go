package bankmux

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux/internal/strictjson"
)

// maxPayload is far above what any Connect sends and far below what hurts.
const maxPayload = 256 << 10

// Payload is a strictly read JSON object from the front end. It refuses what
// encoding/json lets pass: a repeated key, keys that differ only in case,
// anything after the object. It is immutable.
type Payload struct{ fields map[string]json.RawMessage }

// ParsePayload reads raw. The error is [ErrInvalid] and says what is wrong with which key,
// never what the value was.
func ParsePayload(raw json.RawMessage) (Payload, error) {
	if len(raw) > maxPayload {
		return Payload{}, invalid("Payload", "is longer than "+strconv.Itoa(maxPayload)+" bytes")
	}
	p := Payload{}
	if err := strictjson.Unmarshal(raw, &p.fields); err != nil {
		return Payload{}, invalid("Payload", err.Error())
	}
	return p, nil
}

// Has reports whether the key is there with a value other than null.
func (p Payload) Has(key string) bool {
	v, ok := p.fields[key]
	return ok && string(v) != "null"
}

// Text returns the string under key. A missing, null, empty or other value is [ErrInvalid].
func (p Payload) Text(key string) (string, error) {
	v, ok := p.fields[key]
	if !ok {
		for other := range p.fields {
			if strings.EqualFold(other, key) {
				return "", invalid("Payload", "has "+quote(other)+" where "+quote(key)+" is expected")
			}
		}
	}
	if !ok || string(v) == "null" {
		return "", invalid("Payload", "lacks "+quote(key))
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
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
	var inner Payload
	if json.Unmarshal(p.fields[key], &inner.fields) != nil {
		return Payload{}, invalid("Payload", quote(key)+" is not an object")
	}
	return inner, nil
}

// aborted returns the error for a payload that says the user did not finish.
func (p Payload) aborted() error {
	reason, ok := p.fields["error"]
	if !ok || (string(reason) == "null" && len(p.fields) > 1) {
		return nil
	}
	detail := "the user left the flow"
	if string(reason) != "null" {
		detail = "the flow ended with an error at the front end"
	}
	return &Error{Kind: ErrUserAction, Code: CodeCancelled, Detail: detail, NotSent: true}
}

// CodeCancelled is the Code of the [ErrUserAction] for a flow the user did not finish.
const CodeCancelled = "cancelled"

func quote(s string) string { return strictjson.Quote(s) }
