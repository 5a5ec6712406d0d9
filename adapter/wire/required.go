package wire

// This file checks that a response has its members.

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/bankmux/bankmux/normalize"
)

// Required is a response that must have some of its members. Absent and null decode as the zero
// value, so the members are checked after decoding: see Require in package rest.
//
// An absent list is not an empty one. Read as empty, it would make every account and transaction
// that an application stored seem to be gone.
//
// A type without this method is checked by its tags: see [Lacks].
type Required interface {
	// Lacks returns the name of a member that is missing, or "".
	Lacks() string
}

// Need returns "" for a member that is present, and its name otherwise. The name is one of the
// provider's documentation.
func Need(present bool, name string) string {
	if present {
		return ""
	}
	return name
}

// Lacks returns the name of a member that a decoded response must have and lacks, or "". It reads
// after "lacks", as in "the response lacks a usable access_token". v is a
// pointer to the response. If it implements [Required], its method decides. Otherwise tags do, also
// those of structs within it:
//
//   - `need:"value"` requires a value that is not zero. Of [Rows], [List], [Object] and
//     [Nullable] it requires that they were present, and of [Exact] a value.
//   - `need:"token"` requires a text that can be sent in a header: see [normalize.Token].
func Lacks(v any) string {
	if own, ok := v.(Required); ok {
		return own.Lacks()
	}
	of := reflect.Indirect(reflect.ValueOf(v))
	if of.Kind() != reflect.Struct {
		return ""
	}
	known, ok := needs.Load(of.Type())
	if !ok {
		known, _ = needs.LoadOrStore(of.Type(), needsOf(of.Type(), nil, ""))
	}
	for _, n := range known.([]need) { // only this function stores
		member := of.FieldByIndex(n.index)
		switch {
		case n.token && !normalize.Token(member.String()):
			return "a usable " + n.name
		case !n.token && !isThere(member):
			return n.name
		}
	}
	return ""
}

// need is a member that a type must have.
type need struct {
	index []int
	name  string
	token bool
}

var needs sync.Map // the members by type

// needsOf lists the members that a struct must have.
func needsOf(t reflect.Type, at []int, path string) (all []need) {
	for i := range t.NumField() {
		field := t.Field(i)
		index := slices.Concat(at, []int{i})
		name := path + field.Tag.Get("json")
		switch how := field.Tag.Get("need"); {
		case how != "":
			all = append(all, need{index, name, how == "token"})
		case field.Type.Kind() == reflect.Struct && field.Anonymous:
			all = append(all, needsOf(field.Type, index, path)...)
		case field.Type.Kind() == reflect.Struct && field.IsExported() && !strings.Contains(name, ","):
			all = append(all, needsOf(field.Type, index, name+".")...)
		}
	}
	return all
}

// isThere reports whether a member was present.
func isThere(v reflect.Value) bool {
	if v.Kind() == reflect.Struct {
		if there := v.FieldByName("Present"); there.IsValid() {
			return there.Bool()
		}
		if value := v.FieldByName("Value"); value.IsValid() { // of Exact
			return !value.IsZero()
		}
	}
	return !v.IsZero()
}
