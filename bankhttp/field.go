package bankhttp

// This file names the part of a request that cannot be used.

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

// wrongField is the error for a part of a request that cannot be used.
type wrongField struct {
	name string // for [Problem.Field]
	err  error
}

func (e *wrongField) Error() string { return e.err.Error() }

func (e *wrongField) Unwrap() error { return e.err }

// refused returns the error for a part of a request. Detail starts with a verb.
func refused(field, detail string) error {
	return &wrongField{field, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: field, Detail: detail, NotSent: true}}
}

// wholeBody names a body, if no member of it alone is wrong.
const wholeBody = "body"

// nameOf returns a name that the request has, or other if it does not look like one. So no value
// gets into a problem in the place of a name.
func nameOf(name, other string) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	if name == "" || len(name) > 40 || strings.Trim(name, letters) != "" {
		return other
	}
	return name
}

// of returns err with the part of the request that it is about. Parts has the parts by the field of
// an error of the library. Other is for all other fields, "" if they are about something else.
func of(err error, parts map[string]string, other string) error {
	e := bankmux.ErrorOf(err)
	if e == nil || e.Kind != bankmux.ErrInvalid {
		return err
	}
	part, ok := parts[e.Field]
	if key, inPayload := strings.CutPrefix(e.Field, "Payload."); inPayload {
		part, ok = nameOf(key, other), true
	}
	if !ok {
		part = other
	}
	if part == "" {
		return err
	}
	return &wrongField{part, err}
}

// members are the members that a body may have, and where their values go.
type members map[string]any

// read reads the members of a JSON object. One that is not known is refused.
func (m members) read(body []byte) error {
	if _, err := bankmux.ParsePayload(body); err != nil { // no repeated keys, nothing after the object
		return &wrongField{wholeBody, err}
	}
	var sent map[string]json.RawMessage
	if err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &sent); err != nil { // as ParsePayload reads
		return refused(wholeBody, "is not a JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		into, ok := m[name]
		switch {
		case !ok:
			return refused(nameOf(name, wholeBody), "is not a member of the body")
		case json.Unmarshal(sent[name], into) != nil:
			return refused(name, "has another type")
		}
	}
	return nil
}
