package virtualbank

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux/internal/wirefault"
)

// The names of the two sides, as faults and the journal spell them.
const (
	providerMoneyKit = "moneykit"
	providerDapi     = "dapi"
)

const (
	controlPrefix = "/virtualbank/"
	maxBody       = 1 << 20
	jsonType      = "application/json"
)

// call is one request on its way through the bank.
type call struct {
	b     *Bank
	r     *http.Request
	body  []byte
	vars  map[string]string // from the path, unescaped
	route route
	fault Fault // an injected fault of the provider's own kind, or zero
	note  *entry
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

// wire is what the two sides differ in on the way to an operation.
type wire struct {
	provider string
	routes   []route
	unknown  func() reply                 // no such path
	method   func() reply                 // path known, method not
	tooLarge func() reply                 // body beyond maxBody
	concerns func(*call) (string, bool)   // institution of the request; under the mutex
	special  func(*call) (reply, bool)    // an injected fault that answers itself
	limited  func() []byte                // body of a 429
	handle   func(*call) reply            // the operation itself
	finish   func(c *call, p reply) reply // last look at the answer of an operation
	form     func(reply) reply            // last look at every answer
}

func (b *Bank) serve(provider string) http.Handler {
	var w wire
	if provider == providerMoneyKit {
		w = b.moneyKitWire()
	} else {
		w = b.dapiWire()
	}
	control := b.control(provider)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path+"/", controlPrefix) {
			control.ServeHTTP(rw, r)
			return
		}
		b.serveWire(w, rw, r)
	})
}

func (b *Bank) serveWire(w wire, rw http.ResponseWriter, r *http.Request) {
	body, tooLarge := readBody(rw, r)
	found, allow := match(w.routes, r.Method, r.URL.EscapedPath())
	c := &call{b: b, r: r, body: body, route: found.route, vars: found.vars}

	b.mu.Lock()
	c.note = b.journal.add(w.provider, b.Now(), r, found.route.op, body)
	institution := ""
	if w.concerns != nil {
		institution, _ = w.concerns(c)
	}
	fault, faulty := b.takeFault(w.provider, found.route.op, institution)
	if faulty {
		c.note.fault = fault.Name
	}
	b.mu.Unlock()

	rw = &statusWriter{ResponseWriter: rw, b: b, note: c.note}
	answer := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.form(b.answer(w, c, tooLarge, allow)).write(rw)
	})
	broken, ofTheWire := wirefault.Lookup(fault.Name)
	switch {
	case !faulty:
		answer.ServeHTTP(rw, r)
	case ofTheWire && fault.Name != faultSlow:
		if fault.Location != "" {
			broken.Location = fault.Location
		}
		if strings.HasPrefix(fault.Name, "rate_limited") {
			broken.Body = w.limited()
		}
		broken.Serve(rw, r, answer)
	default:
		c.fault = fault
		answer.ServeHTTP(rw, r)
	}
}

// answer carries out the request.
func (b *Bank) answer(w wire, c *call, tooLarge bool, allow []string) reply {
	b.mu.Lock()
	c.note.handled = true
	b.mu.Unlock()
	switch {
	case tooLarge:
		return w.tooLarge()
	case c.route.op == "" && len(allow) > 0:
		return w.method().with("Allow", strings.Join(allow, ", "))
	case c.route.op == "":
		return w.unknown()
	}
	if p, ok := w.special(c); ok {
		return p
	}
	return w.finish(c, w.handle(c))
}

// readBody reads the whole body, as net/http notices a client that left only after that.
func readBody(rw http.ResponseWriter, r *http.Request) (body []byte, tooLarge bool) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	var limit *http.MaxBytesError
	if errors.As(err, &limit) {
		return nil, true
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the client left in the middle of its own request
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, false
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

// statusWriter tells the journal which status went out, before the client can see it.
type statusWriter struct {
	http.ResponseWriter
	b    *Bank
	note *entry
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) WriteHeader(status int) {
	w.b.mu.Lock()
	w.note.status = status
	w.b.mu.Unlock()
	w.ResponseWriter.WriteHeader(status)
}
