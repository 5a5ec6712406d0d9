package bankmux

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
)

// Limits of a payload: far above what any Connect sends, far below what hurts.
const (
	maxPayload      = 256 << 10
	maxPayloadDepth = 32
)

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
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	first, err := dec.Token()
	if err != nil || first != json.Delim('{') {
		return Payload{}, invalid("Payload", "is not a JSON object")
	}
	if err := strictObject(dec, 1); err != nil {
		return Payload{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return Payload{}, invalid("Payload", "has something after the JSON object")
	}
	p := Payload{}
	if err := json.Unmarshal(raw, &p.fields); err != nil {
		return Payload{}, invalid("Payload", "is not a JSON object")
	}
	return p, nil
}

// strictObject reads the rest of an object whose brace was read.
func strictObject(dec *json.Decoder, depth int) error {
	seen := map[string]string{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return invalid("Payload", "is not valid JSON")
		}
		key := t.(string)
		folded := strings.ToLower(key)
		if old, dup := seen[folded]; dup {
			if old == key {
				return invalid("Payload", "repeats the key "+quote(key))
			}
			return invalid("Payload", "has keys that differ only in case: "+quote(old)+" and "+quote(key))
		}
		seen[folded] = key
		if err := strictValue(dec, depth); err != nil {
			return err
		}
	}
	return closing(dec)
}

func strictValue(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil {
		return invalid("Payload", "is not valid JSON")
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxPayloadDepth {
		return invalid("Payload", "is nested too deeply")
	}
	if open == '{' {
		return strictObject(dec, depth+1)
	}
	for dec.More() {
		if err := strictValue(dec, depth+1); err != nil {
			return err
		}
	}
	return closing(dec)
}

func closing(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return invalid("Payload", "is not valid JSON")
	}
	return nil
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

// quote shortens and quotes text that came from outside, so that it can neither
// break a log line nor carry much.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
