package banktest

import (
	"bytes"
	"encoding/json"
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

// Caller speaks to a bank's handlers without a socket.
type Caller struct {
	T    testing.TB
	Bank *virtualbank.Bank
}

// Response is the answer to a request.
type Response struct {
	Status int
	Body   map[string]any
	Header http.Header
}

func (c Caller) Do(h http.Handler, method, path, token string, body any) Response {
	c.T.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		require.NoError(c.T, err)
		reader = bytes.NewReader(raw)
	}
	r := httptest.NewRequest(method, path, reader)
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

func Open(t testing.TB, o virtualbank.Options) Caller { return Caller{t, virtualbank.New(o)} }

// Object is a JSON object.
type Object = map[string]any

// Start is a time for a bank to start at.
var Start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func List(body Object, name string) []Object {
	var all []Object
	for _, v := range body[name].([]any) {
		all = append(all, v.(Object))
	}
	return all
}

func With(body Object, more Object) Object {
	all := Object{}
	for _, m := range []Object{body, more} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

// Changed is a deep copy of an import with one member set, or taken away with Absent.
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

// Absent takes a member away.
var Absent any = absence{}

// Raw sends a request as it is written and returns the answer.
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
