package wirefault

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"strconv"
)

// answer is what the real handler would have sent.
type answer struct {
	header http.Header
	code   int
	body   []byte
}

// record lets next carry out the request and keeps its answer. The rest of the
// request body is read afterwards: net/http notices that a client left only
// once it has read the body to its end.
func record(r *http.Request, next http.Handler) *answer {
	rec := &recorder{header: http.Header{}}
	next.ServeHTTP(rec, r)
	drain(r)
	if rec.code == 0 {
		rec.code = http.StatusOK
	}
	return &answer{header: rec.header, code: rec.code, body: rec.body.Bytes()}
}

func (a *answer) start(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.code)
}

func (a *answer) send(w http.ResponseWriter) {
	if a.code != http.StatusNoContent {
		a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	a.start(w)
	_, _ = w.Write(a.body)
}

// sendHalf announces the whole body and sends half of it. A body of fewer than
// two bytes is announced longer than it is, so that something is missing always.
func (a *answer) sendHalf(w http.ResponseWriter) {
	if a.code == http.StatusNoContent {
		// Without a body there is nothing to cut in half; an unfinished one is made up.
		a.code = http.StatusOK
	}
	a.header.Set("Content-Length", strconv.Itoa(max(len(a.body), 2)))
	a.start(w)
	_, _ = w.Write(a.body[:len(a.body)/2])
	flush(w)
}

func send(w http.ResponseWriter, code int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

func drain(r *http.Request) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}
