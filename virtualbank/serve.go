package virtualbank

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/bankmux/bankmux/internal/wirefault"
)

func (b *Bank) serve(p coreProvider) http.Handler {
	control, routes := b.control(p), p.Routes()
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path+"/", controlPrefix) {
			control.ServeHTTP(rw, r)
			return
		}
		b.serveAPI(p, routes, rw, r)
	})
}

func (b *Bank) serveAPI(p coreProvider, routes []route, rw http.ResponseWriter, r *http.Request) {
	body, tooLarge := readBody(rw, r)
	found, allow := match(routes, r.Method, r.URL.EscapedPath())
	c := &call{r: r, body: body, route: found.route, vars: found.vars}

	b.core.Lock()
	note := b.journal.add(p.Spec().Name, b.Now(), r, found.route.op, body)
	fault, faulty := b.takeFault(p, found.route.op, p.Concerns(c))
	if faulty {
		note.fault = fault.Name
	}
	b.core.Unlock()

	rw = &statusWriter{ResponseWriter: rw, b: b, note: note}
	answer := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b.core.Lock()
		note.handled = true
		b.core.Unlock()
		p.Form(answer(p, c, tooLarge, allow)).write(rw)
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
			if limited := p.Form(p.Fail(http.StatusTooManyRequests)); limited.body != nil {
				broken.Body = encoded(limited.body)
			}
		}
		broken.Serve(rw, r, answer)
	default:
		c.fault = fault.Name
		answer.ServeHTTP(rw, r)
	}
}

// answer carries out the request.
func answer(p coreProvider, c *call, tooLarge bool, allow []string) reply {
	switch {
	case tooLarge:
		return p.Fail(http.StatusRequestEntityTooLarge)
	case c.route.op == "" && len(allow) > 0:
		return p.Fail(http.StatusMethodNotAllowed).with("Allow", strings.Join(allow, ", "))
	case c.route.op == "":
		return p.Fail(http.StatusNotFound)
	}
	return p.Handle(c)
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

// statusWriter tells the journal which status went out, before the client can see it.
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
