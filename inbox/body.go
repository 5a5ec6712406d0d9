package inbox

// This file reads bodies within the limits of time and memory.

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/bankmux/bankmux/internal/httpbody"
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
	source := httpbody.New(r.Context(), w, r, in.limits.ReadFor)
	defer source.Stop()
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
				return body, 0, nil
			case len(body) > in.limits.Body:
				return nil, http.StatusRequestEntityTooLarge, errTooLarge
			case errors.Is(err, os.ErrDeadlineExceeded):
				return nil, http.StatusRequestTimeout, errors.New("the body arrived too slowly")
			case err != nil:
				return nil, http.StatusBadRequest, httpbody.ErrBroken
			}
		}
		size *= 4
	}
}

var errTooLarge = errors.New("the body is larger than the limit")
