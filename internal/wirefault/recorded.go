package wirefault

// This file records the response of the real handler, which a fault then damages.

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"strconv"
)

// response is the response of the real handler.
type response struct {
	header http.Header
	code   int
	body   []byte
}

// record lets next handle the request and returns its response. It then reads the rest of the
// request body, because net/http notices that a client has left only after the end of the body.
func record(r *http.Request, next http.Handler) *response {
	rec := &recorder{header: http.Header{}}
	next.ServeHTTP(rec, r)
	drain(r)
	if rec.code == 0 {
		rec.code = http.StatusOK
	}
	return &response{header: rec.header, code: rec.code, body: rec.body.Bytes()}
}

// start sends the status and the header.
func (res *response) start(w http.ResponseWriter) {
	maps.Copy(w.Header(), res.header)
	w.WriteHeader(res.code)
}

// send sends the complete response.
func (res *response) send(w http.ResponseWriter) {
	if res.code != http.StatusNoContent {
		res.header.Set("Content-Length", strconv.Itoa(len(res.body)))
	}
	res.start(w)
	_, _ = w.Write(res.body)
}

// sendHalf announces the whole body and sends half of it. For a body of fewer than two bytes it
// announces two, so that something is always missing.
func (res *response) sendHalf(w http.ResponseWriter) {
	if res.code == http.StatusNoContent {
		// A 204 has no body to cut, so an incomplete one is invented.
		res.code = http.StatusOK
	}
	res.header.Set("Content-Length", strconv.Itoa(max(len(res.body), 2)))
	res.start(w)
	_, _ = w.Write(res.body[:len(res.body)/2])
	flush(w)
}

// send sends a body of a content type.
func send(w http.ResponseWriter, code int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

// drain reads the request body to its end.
func drain(r *http.Request) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

// recorder is an [http.ResponseWriter] that keeps the response.
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
