package moneykit

// This file validates request bodies and queries.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// validationItem is one error in a request, in the words of the framework behind MoneyKit's API.
type validationItem struct {
	Location []any  `json:"location"`
	Message  string `json:"message"`
	Type     string `json:"type"`
}

// invalidRequest returns the refusal of an invalid request.
func invalidRequest(items ...validationItem) bank.Reply {
	return bank.Reply{
		Status: http.StatusUnprocessableEntity,
		Body:   apiError{Code: codeInvalid, Message: "Request validation error", Validation: items},
	}
}

// object is a JSON object that is validated while it is read. Names are case-sensitive. Members
// that are not read are ignored. The zero object has no members.
type object struct {
	members map[string]any
	at      []any
	faults  *[]validationItem
}

// readObject decodes a request body. If it is not a JSON object, ok is false and the reply refuses
// it.
func readObject(c *bank.Call) (object, bank.Reply, bool) {
	kind, _, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	if kind != bank.JSONType {
		return object{}, invalidRequest(
			validationItem{[]any{"body"}, "Content-Type must be application/json", "value_error"},
		), false
	}
	dec := json.NewDecoder(bytes.NewReader(c.Body))
	dec.UseNumber()
	var value any
	err := dec.Decode(&value)
	if err != nil || !bank.Ended(dec) {
		return object{}, invalidRequest(
			validationItem{[]any{"body", dec.InputOffset()}, "malformed JSON", "value_error.jsondecode"},
		), false
	}
	members, ok := value.(map[string]any)
	if !ok {
		return object{}, invalidRequest(
			validationItem{[]any{"body"}, "value is not a valid dict", "type_error.dict"},
		), false
	}
	return object{members: members, at: []any{"body"}, faults: new([]validationItem)}, bank.Reply{}, true
}

// fault records an error.
func (o object) fault(kind, message string, path ...any) {
	*o.faults = append(*o.faults, validationItem{slices.Concat(o.at, path), message, kind})
}

// get returns a member. present is false if it is absent or null. If that is not allowed, get
// records an error.
func (o object) get(name string, required, nullable bool) (value any, present bool) {
	value, exists := o.members[name]
	switch {
	case !exists && required:
		o.fault("value_error.missing", "field required", name)
	case exists && value == nil && !nullable:
		o.fault("type_error.none.not_allowed", "none is not an allowed value", name)
	}
	return value, exists && value != nil
}

// text returns a string member of minLen to maxLen characters, or nil if it is absent.
func (o object) text(name string, required, nullable bool, minLen, maxLen int) *string {
	value, present := o.get(name, required, nullable)
	if !present {
		return nil
	}
	s, ok := value.(string)
	if !ok {
		o.fault("type_error.str", "str type expected", name)
		return nil
	}
	if !o.length(s, minLen, maxLen, name) {
		return nil
	}
	return &s
}

// length checks the length of a text.
func (o object) length(s string, minLen, maxLen int, path ...any) bool {
	switch n := utf8.RuneCountInString(s); {
	case n < minLen:
		o.fault(
			"value_error.any_str.min_length",
			fmt.Sprintf("ensure this value has at least %d characters", minLen),
			path...)
	case n > maxLen:
		o.fault(
			"value_error.any_str.max_length",
			fmt.Sprintf("ensure this value has at most %d characters", maxLen),
			path...)
	default:
		return true
	}
	return false
}

// flag returns a boolean member, false if it is absent.
func (o object) flag(name string) bool {
	value, present := o.get(name, false, false)
	if !present {
		return false
	}
	set, ok := value.(bool)
	if !ok {
		o.fault("type_error.bool", "value could not be parsed to a boolean", name)
	}
	return set
}

// timestamp returns a timestamp or a bare day as it was sent, or nil if it is absent.
func (o object) timestamp(name string, required, nullable bool) *string {
	value, present := o.get(name, required, nullable)
	if !present {
		return nil
	}
	s, ok := value.(string)
	if ok {
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
			if _, err := time.Parse(layout, s); err == nil {
				return &s
			}
		}
	}
	o.fault("value_error.datetime", "invalid datetime format", name)
	return nil
}

// decimal returns a required amount, which must be text. It returns "" for an invalid one. The text
// has no exponent, because MoneyKit publishes no other form.
func (o object) decimal(name string) string {
	text := o.text(name, true, false, 1, maxURL)
	if text == nil {
		return ""
	}
	if !bank.PlainDecimal.MatchString(*text) {
		o.fault("type_error.decimal", "value is not a valid decimal", name)
		return ""
	}
	return *text
}

// number returns an optional JSON number as it was sent, or "" if it is absent or null.
func (o object) number(name string) string {
	value, present := o.get(name, false, true)
	if !present {
		return ""
	}
	n, ok := value.(json.Number)
	if !ok {
		o.fault("type_error.float", "value is not a valid float", name)
		return ""
	}
	return n.String()
}

// object returns an object member.
func (o object) object(name string, required, nullable bool) (object, bool) {
	value, present := o.get(name, required, nullable)
	if !present {
		return object{faults: o.faults}, false
	}
	members, ok := value.(map[string]any)
	if !ok {
		o.fault("type_error.dict", "value is not a valid dict", name)
		return object{faults: o.faults}, false
	}
	return object{members: members, at: slices.Concat(o.at, []any{name}), faults: o.faults}, true
}

// list returns a list member: nil if it is absent, empty if it is empty.
func (o object) list(name string, required, nullable bool) []any {
	value, present := o.get(name, required, nullable)
	if !present {
		return nil
	}
	items, ok := value.([]any)
	if !ok {
		o.fault("type_error.list", "value is not a valid list", name)
		return nil
	}
	return items
}

// objects returns the objects of a list member. Items of another type are errors.
func (o object) objects(name string, required, nullable bool) []object {
	var all []object
	for i, item := range o.list(name, required, nullable) {
		members, ok := item.(map[string]any)
		if !ok {
			o.fault("type_error.dict", "value is not a valid dict", name, i)
			continue
		}
		all = append(all, object{members: members, at: slices.Concat(o.at, []any{name, i}), faults: o.faults})
	}
	return all
}

// enum returns a value that must be one of the allowed texts.
func (o object) enum(value any, allowed []string, path ...any) (string, bool) {
	s, ok := value.(string)
	if ok && slices.Contains(allowed, s) {
		return s, true
	}
	o.fault(
		"type_error.enum",
		"value is not a valid enumeration member; permitted: '"+strings.Join(allowed, "', '")+"'",
		path...)
	return "", false
}

// enums returns a list member whose items must be allowed texts.
func (o object) enums(name string, allowed []string) []string {
	var out []string
	for i, value := range o.list(name, false, true) {
		if s, ok := o.enum(value, allowed, name, i); ok {
			out = append(out, s)
		}
	}
	return out
}

// labels returns a list of link tags. A tag has fewer than 100 characters and starts with a letter
// or a digit.
func (o object) labels(name string) (tags []string) {
	items := o.list(name, false, true)
	if items == nil {
		return nil
	}
	tags = []string{}
	for i, value := range items {
		s, ok := value.(string)
		switch {
		case !ok:
			o.fault("type_error.str", "str type expected", name, i)
		case !alphanumeric(s):
			o.fault("value_error", "a tag must start with a letter or digit", name, i)
		case o.length(s, 1, 99, name, i):
			tags = append(tags, s)
		}
	}
	return tags
}

// alphanumeric reports whether a text starts with a letter or a digit.
func alphanumeric(s string) bool {
	return s != "" && strings.IndexByte(bank.DigitsAndLetters, s[0]) >= 0
}

// refusal returns the refusal of a request with errors.
func (o object) refusal() (bank.Reply, bool) {
	if len(*o.faults) == 0 {
		return bank.Reply{}, false
	}
	return invalidRequest(*o.faults...), true
}

// queryFault returns the refusal of an invalid query parameter.
func queryFault(name, message, kind string) bank.Reply {
	return invalidRequest(validationItem{[]any{"query", name}, message, kind})
}
