package wirefault

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"strconv"
)

// response is what the real handler would have sent.
type response struct {
	header http.Header
	code   int
	body   []byte
}

// record lets next carry out the request and keeps its answer. The rest of the
// request body is read afterwards: net/http notices that a client left only
// once it has read the body to its end.
func record(r *http.Request, next http.Handler) *response {
	rec := &recorder{header: http.Header{}}
	next.ServeHTTP(rec, r)
	drain(r)
	if rec.code == 0 {
		rec.code = http.StatusOK
	}
	return &response{header: rec.header, code: rec.code, body: rec.body.Bytes()}
}

func (res *response) start(w http.ResponseWriter) {
	maps.Copy(w.Header(), res.header)
	w.WriteHeader(res.code)
}

func (res *response) send(w http.ResponseWriter) {
	if res.code != http.StatusNoContent {
		res.header.Set("Content-Length", strconv.Itoa(len(res.body)))
	}
	res.start(w)
	_, _ = w.Write(res.body)
}

// sendHalf announces the whole body and sends half of it. A body of fewer than
// two bytes is announced longer than it is, so that something is missing always.
func (res *response) sendHalf(w http.ResponseWriter) {
	if res.code == http.StatusNoContent {
		// Without a body there is nothing to cut in half; an unfinished one is made up.
		res.code = http.StatusOK
	}
	res.header.Set("Content-Length", strconv.Itoa(max(len(res.body), 2)))
	res.start(w)
	_, _ = w.Write(res.body[:len(res.body)/2])
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
