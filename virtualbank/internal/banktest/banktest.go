// Package banktest holds what the tests of package virtualbank and of its providers share: a caller
// of both APIs and a receiver of webhooks.
package banktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

// Caller calls the handlers of a bank without sockets.
type Caller struct {
	T    testing.TB
	Bank *virtualbank.Bank
}

// Response is the response to a request.
type Response struct {
	Status int
	Body   map[string]any
	Header http.Header
}

// Do makes a request with a JSON body and a bearer token; both may be empty.
func (c Caller) Do(h http.Handler, method, path, token string, body any) Response {
	c.T.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		require.NoError(c.T, err)
		reader = bytes.NewReader(raw)
	}
	r := httptest.NewRequestWithContext(c.T.Context(), method, path, reader)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := Response{Status: w.Code, Header: w.Header()}
	if w.Body.Len() > 0 {
		require.NoError(c.T, json.Unmarshal(w.Body.Bytes(), &a.Body), w.Body.String())
	}
	return a
}

// Open returns a caller of a new bank.
func Open(t testing.TB, o virtualbank.Options) Caller { return Caller{t, virtualbank.New(o)} }

// Object is a JSON object.
type Object = map[string]any

// Start is the start of most banks in tests.
var Start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// List returns the objects of a list member.
func List(body Object, name string) []Object {
	var all []Object
	for _, v := range as[[]any](body[name]) {
		all = append(all, as[Object](v))
	}
	return all
}

// With returns an object with more members.
func With(body Object, more Object) Object {
	all := Object{}
	for _, m := range []Object{body, more} {
		maps.Copy(all, m)
	}
	return all
}

// Changed returns a copy of an import with one member set. The value Absent removes the member.
func Changed(in Object, value any, path ...string) Object {
	out := maps.Clone(in)
	name := path[0]
	switch inner := out[name].(type) {
	case []Object:
		if len(path) > 1 {
			inner = slices.Clone(inner)
			inner[0] = Changed(inner[0], value, path[1:]...)
			out[name] = inner
			return out
		}
	case Object:
		if len(path) > 1 {
			out[name] = Changed(inner, value, path[1:]...)
			return out
		}
	}
	if out[name] = value; value == Absent {
		delete(out, name)
	}
	return out
}

type absence struct{}

// Absent is the value for Changed that removes a member.
var Absent any = absence{}

// Raw makes a request with a header and a body as they are.
func (c Caller) Raw(h http.Handler, method, target string, header http.Header, body string) Response {
	c.T.Helper()
	r := httptest.NewRequestWithContext(c.T.Context(), method, target, strings.NewReader(body))
	r.Header = header.Clone()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := Response{Status: w.Code, Header: w.Header()}
	if raw, _ := io.ReadAll(w.Body); len(raw) > 0 {
		require.NoError(c.T, json.Unmarshal(raw, &a.Body), string(raw))
	}
	return a
}

// as returns a value as a T. It panics if it is not one.
func as[T any](value any) T {
	v, ok := value.(T)
	if !ok {
		panic(fmt.Sprintf("%v is not a %T", value, v))
	}
	return v
}
