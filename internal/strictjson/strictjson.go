// Package strictjson checks JSON for what encoding/json lets pass and attackers
// and broken servers use: a repeated key, keys that differ only in case, endless nesting,
// anything after the value.
package strictjson

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
)

// MaxDepth is the deepest nesting that is accepted.
const MaxDepth = 32

// Fault says what is wrong, as the end of a sentence that begins with the
// name of the text. It quotes keys, never values.
type Fault string

func (f Fault) Error() string { return string(f) }

const notJSON = Fault("is not valid JSON")

// Object checks that raw is one JSON object. The error is a [Fault].
func Object(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	first, err := dec.Token()
	if err != nil || first != json.Delim('{') {
		return Fault("is not a JSON object")
	}
	if err := object(dec, 1); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return Fault("has something after the JSON object")
	}
	return nil
}

// object reads the rest of an object whose brace was read.
func object(dec *json.Decoder, depth int) error {
	seen := map[string]string{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return notJSON
		}
		key, ok := t.(string)
		if !ok {
			return notJSON
		}
		folded := strings.ToLower(key)
		if old, dup := seen[folded]; dup {
			if old == key {
				return Fault("repeats the key " + Quote(key))
			}
			return Fault("has keys that differ only in case: " + Quote(old) + " and " + Quote(key))
		}
		seen[folded] = key
		if err := value(dec, depth); err != nil {
			return err
		}
	}
	return closing(dec)
}

func value(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil {
		return notJSON
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == MaxDepth {
		return Fault("is nested too deeply")
	}
	if open == '{' {
		return object(dec, depth+1)
	}
	for dec.More() {
		if err := value(dec, depth+1); err != nil {
			return err
		}
	}
	return closing(dec)
}

func closing(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return notJSON
	}
	return nil
}

// Quote shortens and quotes text that came from outside, so that it can neither
// break a log line nor carry much.
func Quote(s string) string {
	const most = 64
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
