// Package timedbody reads the body of an HTTP request for a limited time.
package timedbody

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// ErrBroken is the error of a body whose Read does not keep to the rules of [io.Reader].
var ErrBroken = errors.New("the body broke off")

// chunkSize is the largest single read. A read that timed out keeps this much memory at most.
const chunkSize = 4 << 10

// Body reads a body for a limited time, on any connection. A read deadline is not enough:
// middleware may hide the connection. Close is not enough either: net/http waits for the read.
type Body struct {
	ctx   context.Context //nolint:containedctx // lives as long as one request
	body  io.ReadCloser
	timer *time.Timer
	buf   []byte
	done  chan readResult
}

// readResult is what a Read returned.
type readResult struct {
	n   int
	err error
}

// New returns a body whose reads end after d. The caller must call Stop.
func New(ctx context.Context, body io.ReadCloser, d time.Duration) *Body {
	return &Body{ctx: ctx, body: body, timer: time.NewTimer(d), done: make(chan readResult, 1)}
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
