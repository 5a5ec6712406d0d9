package inbox

// This file reads bodies within the limits of time and memory.

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// budget is the memory that all bodies share. A body takes from it while it arrives, so a slow
// sender occupies little.
type budget struct{ left atomic.Int64 }

// take reserves n bytes and reports whether there were enough.
func (b *budget) take(n int) bool {
	if b.left.Add(-int64(n)) < 0 {
		b.left.Add(int64(n))
		return false
	}
	return true
}

// give returns n bytes.
func (b *budget) give(n int) { b.left.Add(int64(n)) }

// firstRead is the size of a body's first buffer.
const firstRead = 4 << 10

// read returns the exact body, or the status of the response and the reason. It adds to held what
// it took from the budget, and the caller gives that back.
func (in *inbox) read(w http.ResponseWriter, r *http.Request, held *int) (body []byte, status int, err error) {
	if r.ContentLength > int64(in.limits.Body) {
		return nil, http.StatusRequestEntityTooLarge, errTooLarge
	}
	source := newTimedBody(r.Context(), r.Body, in.limits.ReadFor)
	defer source.stop()
	size := firstRead
	if r.ContentLength > 0 && r.ContentLength < firstRead {
		size = int(r.ContentLength) + 1 // one byte more, to see the end without a larger buffer
	}
	for {
		size = min(size, in.limits.Body+1)
		if !in.memory.take(size - *held) {
			return nil, http.StatusServiceUnavailable, errors.New("the memory for bodies is used up")
		}
		body, *held = append(make([]byte, 0, size), body...), size
		for len(body) < cap(body) {
			n, err := source.Read(body[len(body):cap(body)])
			body = body[:len(body)+n]
			switch {
			case errors.Is(err, io.EOF) && len(body) <= in.limits.Body:
				// The deadline would end the request while the handler runs.
				_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
				return body, 0, nil
			case len(body) > in.limits.Body:
				return nil, http.StatusRequestEntityTooLarge, errTooLarge
			case errors.Is(err, os.ErrDeadlineExceeded):
				return nil, http.StatusRequestTimeout, errors.New("the body arrived too slowly")
			case err != nil:
				return nil, http.StatusBadRequest, errBroken
			}
		}
		size *= 4
	}
}

var (
	errTooLarge = errors.New("the body is larger than the limit")
	errBroken   = errors.New("the body broke off")
)

// chunkSize is the largest single read. A read that timed out keeps this much memory at most.
const chunkSize = 4 << 10

// timedBody reads a body for a limited time, on any connection. A read deadline is not enough:
// middleware may hide the connection. Close is not enough either: net/http waits for the read.
type timedBody struct {
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

// newTimedBody returns a body whose reads end after d. The caller must call stop.
func newTimedBody(ctx context.Context, body io.ReadCloser, d time.Duration) *timedBody {
	return &timedBody{ctx: ctx, body: body, timer: time.NewTimer(d), done: make(chan readResult, 1)}
}

func (t *timedBody) stop() { t.timer.Stop() }

// Read reads in another goroutine and into a separate buffer. It times out at the end of the time
// or of the request. The goroutine ends when the body's Read returns, at the latest when the
// connection is closed. Read must not be called again after an error.
func (t *timedBody) Read(p []byte) (int, error) {
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
func (t *timedBody) fill(buf []byte) {
	r := readResult{err: errBroken}
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
func (t *timedBody) close() {
	defer func() { _ = recover() }()
	_ = t.body.Close()
}
