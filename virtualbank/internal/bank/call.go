package bank

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/bankmux/bankmux/internal/wirefault"
)

const (
	MaxBody   = 1 << 20
	JSONType  = "application/json"
	SlowDelay = wirefault.SlowDelay
)

// Call is one request on its way through the bank.
type Call struct {
	Request *http.Request
	Body    []byte
	Vars    map[string]string // from the path, unescaped
	Route   Route
	Fault   string // an injected fault of the provider's own kind, or ""
}

// Reply is an answer before it is written. A nil body is no body.
type Reply struct {
	Status int
	Body   any
	header http.Header
}

func (p Reply) With(key, value string) Reply {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(key, value)
	return p
}

func (p Reply) Write(w http.ResponseWriter) {
	for key, values := range p.header {
		w.Header()[key] = values
	}
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

// Pause lets d pass, or ends the handler when the client leaves.
func (c *Call) Pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.Request.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// Encode is a body as JSON.
func Encode(body any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		panic(err) // every body is a type of this package
	}
	return buf.Bytes()
}

// Ended reports whether nothing follows the value that was read; More is false before a stray
// bracket too.
func Ended(dec *json.Decoder) bool {
	_, err := dec.Token()
	return errors.Is(err, io.EOF)
}

func Same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func Nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}
