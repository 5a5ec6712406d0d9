package virtualbank

// This file serves the requests to the APIs of the providers.

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/bankmux/bankmux/internal/wirefault"
	"github.com/bankmux/bankmux/virtualbank/internal/bank"
	"github.com/bankmux/bankmux/virtualbank/internal/connect"
)

// serve returns the handler of one provider: its API, the pages of its widget and the control
// plane.
func (b *Bank) serve(p bank.Provider) http.Handler {
	control, routes := b.control(p), p.Routes()
	return connect.New(p).Handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path+"/", bank.ControlPrefix) {
			control.ServeHTTP(rw, r)
			return
		}
		b.serveAPI(p, routes, rw, r)
	}))
}

// serveAPI records a request, lets an injected fault apply, and writes the response.
func (b *Bank) serveAPI(p bank.Provider, routes []bank.Route, rw http.ResponseWriter, r *http.Request) {
	body, tooLarge := readBody(rw, r)
	found, allow := bank.Match(routes, r.Method, r.URL.EscapedPath())
	c := &bank.Call{Request: r, Body: body, Route: found.Route, Vars: found.Vars}

	b.core.Lock()
	note := b.journal.add(p.Spec().Name, b.Now(), r, found.Route.Operation, body)
	fault, faulty := b.takeFault(p, found.Route.Operation, p.Concerns(c))
	if faulty {
		note.fault = fault.Name
	}
	b.core.Unlock()

	rw = &statusWriter{ResponseWriter: rw, b: b, note: note}
	respond := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		b.core.Lock()
		note.handled = true
		b.core.Unlock()
		b.withMember(p.Form(response(p, c, tooLarge, allow))).Write(rw)
	})
	broken, ofTheWire := wirefault.Lookup(fault.Name)
	switch {
	case !faulty:
		respond.ServeHTTP(rw, r)
	case ofTheWire && fault.Name != bank.FaultSlow:
		if fault.Location != "" {
			broken.Location = fault.Location
		}
		if strings.HasPrefix(fault.Name, "rate_limited") {
			if limited := p.Form(p.Fail(http.StatusTooManyRequests)); limited.Body != nil {
				broken.Body = bank.Encode(limited.Body)
			}
		}
		broken.Serve(rw, r, respond)
	default:
		c.Fault = fault.Name
		respond.ServeHTTP(rw, r)
	}
}

// response returns the response to a request that no fault of the wire broke.
func response(p bank.Provider, c *bank.Call, tooLarge bool, allow []string) bank.Reply {
	switch {
	case tooLarge:
		return p.Fail(http.StatusRequestEntityTooLarge)
	case c.Route.Operation == "" && len(allow) > 0:
		return p.Fail(http.StatusMethodNotAllowed).With("Allow", strings.Join(allow, ", "))
	case c.Route.Operation == "":
		return p.Fail(http.StatusNotFound)
	}
	return p.Handle(c)
}

// readBody reads the whole body. net/http notices that a client disconnected only when the body was
// read.
func readBody(rw http.ResponseWriter, r *http.Request) (body []byte, tooLarge bool) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, bank.MaxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, true
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the client disconnected within its own request
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, false
}

// statusWriter records the status of a response before the client can see it.
type statusWriter struct {
	http.ResponseWriter
	b    *Bank
	note *entry
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) WriteHeader(status int) {
	w.b.core.Lock()
	w.note.status = status
	w.b.core.Unlock()
	w.ResponseWriter.WriteHeader(status)
}
