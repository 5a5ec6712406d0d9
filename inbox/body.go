package inbox

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// budget is the memory that all bodies share. A body takes from it as it comes, so that a slow
// sender holds little.
type budget struct{ left atomic.Int64 }

func (b *budget) take(n int) bool {
	if b.left.Add(-int64(n)) < 0 {
		b.left.Add(int64(n))
		return false
	}
	return true
}

func (b *budget) give(n int) { b.left.Add(int64(n)) }

const firstRead = 4 << 10

// read returns the exact body, or the status of the response and why. What it took from the budget
// is in held, which the caller gives back.
func (in *inbox) read(w http.ResponseWriter, r *http.Request, held *int) (body []byte, status int, err error) {
	if r.ContentLength > int64(in.limits.Body) {
		return nil, http.StatusRequestEntityTooLarge, errTooLarge
	}
	source := newTimedBody(r.Context(), r.Body, in.limits.ReadFor)
	defer source.stop()
	size := firstRead
	if r.ContentLength > 0 && r.ContentLength < firstRead {
		size = int(r.ContentLength) + 1 // the end is seen without growing
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
				// The deadline would end the request while the handler is at work.
				_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
				return body, 0, nil
			case len(body) > in.limits.Body:
				return nil, http.StatusRequestEntityTooLarge, errTooLarge
			case errors.Is(err, os.ErrDeadlineExceeded):
				return nil, http.StatusRequestTimeout, errors.New("the body came too slowly")
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

// chunkSize is the most that is read at once. A reading that was given up keeps no more than that.
const chunkSize = 4 << 10

// timedBody reads a body for a limited time, whatever its connection: a deadline cannot be set behind
// middleware that hides the connection, and closing a body of net/http waits for the reading of it.
type timedBody struct {
	ctx   context.Context //nolint:containedctx // lives as long as one request
	body  io.ReadCloser
	timer *time.Timer
	buf   []byte
	done  chan readResult
}

type readResult struct {
	n   int
	err error
}

func newTimedBody(ctx context.Context, body io.ReadCloser, d time.Duration) *timedBody {
	return &timedBody{ctx: ctx, body: body, timer: time.NewTimer(d), done: make(chan readResult, 1)}
}

func (t *timedBody) stop() { t.timer.Stop() }

// Read reads in a goroutine of its own, into memory of its own, and gives up at the end of the time
// or of the request. The goroutine ends when the body does, which is at the latest when the
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

// fill reads once. The body may be of a middleware that panics or ends the goroutine.
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

// close ends a reading that was given up, where closing does that. Otherwise it waits for the end
// of the connection.
func (t *timedBody) close() {
	defer func() { _ = recover() }()
	_ = t.body.Close()
}
