package bank

// This file has requests, responses and their JSON.

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/bankmux/bankmux/internal/wirefault"
)

// Facts of every response and request.
const (
	MaxBody   = 1 << 20 // bytes of a request's body
	JSONType  = "application/json"
	SlowDelay = wirefault.SlowDelay // how long FaultSlow waits
)

// Call is a request to a provider's API.
type Call struct {
	Request *http.Request
	Body    []byte
	Vars    map[string]string // the variables of the path, unescaped
	Route   Route
	Fault   string // an injected fault for the provider to serve, or ""
}

// Reply is a response before it is written. If Body is nil, the response has no body.
type Reply struct {
	Status int
	Body   any
	header http.Header
}

// With returns the reply with a header.
func (p Reply) With(key, value string) Reply {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(key, value)
	return p
}

// Write writes the reply.
func (p Reply) Write(w http.ResponseWriter) {
	maps.Copy(w.Header(), p.header)
	if p.Body == nil {
		w.WriteHeader(p.Status)
		return
	}
	body := Encode(p.Body)
	w.Header().Set("Content-Type", JSONType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

// Pause waits for d. It aborts the handler if the client disconnects.
func (c *Call) Pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.Request.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// Encode returns a body as JSON.
func Encode(body any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		panic(err) // every body is a type of the bank's own
	}
	return buf.Bytes()
}

// Ended reports whether nothing follows the value that was read. Decoder.More does not suffice: it
// is false before a stray bracket too.
func Ended(dec *json.Decoder) bool {
	_, err := dec.Token()
	return errors.Is(err, io.EOF)
}

// Same compares two secrets in constant time.
func Same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Nullable returns nil for an empty text.
func Nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}
