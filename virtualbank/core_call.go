package virtualbank

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
	maxBody   = 1 << 20
	jsonType  = "application/json"
	slowDelay = wirefault.SlowDelay
)

// call is one request on its way through the bank.
type call struct {
	r     *http.Request
	body  []byte
	vars  map[string]string // from the path, unescaped
	route route
	fault string // an injected fault of the provider's own kind, or ""
}

// reply is an answer before it is written. A nil body is no body.
type reply struct {
	status int
	body   any
	header http.Header
}

func (p reply) with(key, value string) reply {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(key, value)
	return p
}

func (p reply) write(w http.ResponseWriter) {
	for key, values := range p.header {
		w.Header()[key] = values
	}
	if p.body == nil {
		w.WriteHeader(p.status)
		return
	}
	body := encoded(p.body)
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.status)
	_, _ = w.Write(body)
}

// pause lets d pass, or ends the handler when the client leaves.
func (c *call) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// encoded is a body as JSON.
func encoded(body any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		panic(err) // every body is a type of this package
	}
	return buf.Bytes()
}

// ended reports whether nothing follows the value that was read; More is false before a stray
// bracket too.
func ended(dec *json.Decoder) bool {
	_, err := dec.Token()
	return errors.Is(err, io.EOF)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}
