// Package httpbody reads the bodies of HTTP requests, which must be JSON and arrive in time.
package httpbody

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
)

// PlainJSON reports whether a header says that the body is JSON and not compressed.
func PlainJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	encoding := h.Get("Content-Encoding")
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")) &&
		(encoding == "" || encoding == "identity")
}

// CloseUnread keeps net/http from reading the rest of a body, however slow, before it sends the
// response. Call it before the response to a request whose body was not read to its end.
func CloseUnread(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 && r.ProtoMajor < 2 {
		w.Header().Set("Connection", "close")
	}
}

// ErrBroken is the error of a body whose Read panics, or returns a count that cannot be.
var ErrBroken = errors.New("the body broke off")

// chunkSize is the largest single read. A read that timed out keeps this much memory at most.
const chunkSize = 4 << 10

// Body reads a body for a limited time, on any connection. A read deadline is not enough:
// middleware may hide the connection. Close is not enough either: net/http waits for the read.
type Body struct {
	ctx   context.Context // lives as long as one request
	body  io.ReadCloser
	conn  *http.ResponseController
	timer *time.Timer
	buf   []byte
	done  chan readResult
}

// readResult is what a Read returned.
type readResult struct {
	n   int
	err error
}

// New returns the body of a request. Its reads end after d, and with ctx. The caller must call
// Stop.
func New(ctx context.Context, w http.ResponseWriter, r *http.Request, d time.Duration) *Body {
	t := &Body{
		ctx: ctx, body: r.Body, conn: http.NewResponseController(w), timer: time.NewTimer(d),
		done: make(chan readResult, 1),
	}
	_ = t.conn.SetReadDeadline(time.Now().Add(d)) // best effort: it also ends the goroutine of a late read
	return t
}

// Stop ends the timer. The body is not closed.
func (t *Body) Stop() { t.timer.Stop() }

// Read reads in another goroutine and into a separate buffer. It times out at the end of the time
// or of the request. The goroutine ends when the body's Read returns, at the latest when the
// connection is closed. Read must not be called again after an error.
func (t *Body) Read(p []byte) (int, error) {
	if t.buf == nil {
		t.buf = make([]byte, min(len(p), chunkSize))
	}
	buf := t.buf[:min(len(p), len(t.buf))]
	go t.fill(buf)
	select {
	case r := <-t.done:
		if errors.Is(r.err, io.EOF) {
			_ = t.conn.SetReadDeadline(time.Time{}) // it would end the request while it is handled
		}
		return copy(p, buf[:r.n]), r.err
	case <-t.timer.C:
	case <-t.ctx.Done():
	}
	go t.close()
	return 0, os.ErrDeadlineExceeded
}

// fill reads once. The body may belong to middleware that panics or ends the goroutine.
func (t *Body) fill(buf []byte) {
	r := readResult{err: ErrBroken}
	defer func() {
		_ = recover()
		t.done <- r
	}()
	n, err := t.body.Read(buf)
	if n >= 0 && n <= len(buf) {
		r = readResult{n, err}
	}
}

// close closes the body after a timeout, which ends the read for most bodies. For others close
// waits for the end of the connection.
func (t *Body) close() {
	defer func() { _ = recover() }()
	_ = t.body.Close()
}
