package inbox

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// budget is the memory that all bodies share. A body takes from it as it comes, so that a slow sender holds little.
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

// read returns the exact body and what it took from the budget, which the caller gives back; or what to answer, and why.
func (in *inbox) read(w http.ResponseWriter, r *http.Request) (body []byte, held, status int, err error) {
	if r.ContentLength > int64(in.limits.Body) {
		return nil, 0, http.StatusRequestEntityTooLarge, errTooLarge
	}
	source, conn := r.Body, http.NewResponseController(w)
	if conn.SetReadDeadline(time.Now().Add(in.limits.ReadFor)) != nil {
		source = inTime(r.Body, in.limits.ReadFor)
	}
	size := firstRead
	if r.ContentLength > 0 && r.ContentLength < firstRead {
		size = int(r.ContentLength) + 1 // the end is seen without growing
	}
	for {
		size = min(size, in.limits.Body+1)
		if !in.memory.take(size - held) {
			return nil, held, http.StatusServiceUnavailable, errors.New("the memory for bodies is used up")
		}
		body, held = append(make([]byte, 0, size), body...), size
		for len(body) < cap(body) {
			n, err := source.Read(body[len(body):cap(body)])
			body = body[:len(body)+n]
			switch {
			case errors.Is(err, io.EOF) && len(body) <= in.limits.Body:
				_ = conn.SetReadDeadline(time.Time{}) // else it would end the request while the handler is at work
				return body, held, 0, nil
			case len(body) > in.limits.Body:
				return nil, held, http.StatusRequestEntityTooLarge, errTooLarge
			case errors.Is(err, os.ErrDeadlineExceeded):
				w.Header().Set("Connection", "close")
				return nil, held, http.StatusRequestTimeout, errors.New("the body came too slowly")
			case err != nil:
				w.Header().Set("Connection", "close")
				return nil, held, http.StatusBadRequest, errors.New("the body broke off")
			}
		}
		size *= 4
	}
}

var errTooLarge = errors.New("the body is larger than the limit")

// inTime reads from a body whose connection takes no deadline, as behind some middleware.
func inTime(body io.ReadCloser, d time.Duration) io.ReadCloser {
	return &timed{body: body, end: time.Now().Add(d)}
}

type timed struct {
	body io.ReadCloser
	end  time.Time
}

// Read reads in a goroutine of its own and gives it up at the end, closing the body, which makes it return.
func (t *timed) Read(p []byte) (int, error) {
	type result struct {
		bytes []byte
		err   error
	}
	done := make(chan result, 1)
	buf := make([]byte, len(p)) // p must not be written after this returned
	go func() {
		n, err := t.body.Read(buf)
		done <- result{buf[:n], err}
	}()
	timer := time.NewTimer(time.Until(t.end))
	defer timer.Stop()
	select {
	case r := <-done:
		return copy(p, r.bytes), r.err
	case <-timer.C:
		_ = t.body.Close()
		return 0, os.ErrDeadlineExceeded
	}
}

// Close closes the body.
func (t *timed) Close() error { return t.body.Close() }
