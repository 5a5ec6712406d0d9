// Package bench measures what the library costs. Its command fair compares calls with those of
// other clients.
package bench

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/bankmux/bankmux/bench/fixture"
)

// backend responds without any work.
type backend struct {
	tag   string
	calls int
}

func (b *backend) response(path string) (int, string) {
	b.calls++
	status := http.StatusOK
	if fixture.Created(path) {
		status = http.StatusCreated
	}
	body := fixture.Responses[path]
	if n := strings.Count(body, "%s"); n > 0 {
		body = strings.ReplaceAll(body, "%s", b.tag)
	}
	return status, body
}

// RoundTrip serves without a server, so that only the client's allocations count.
func (b *backend) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	status, body := b.response(r.URL.Path)
	return &http.Response{
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Request:       r,
		ContentLength: int64(len(body)),
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(strings.NewReader(body)),
	}, nil
}

// way is one way to do the same.
type way struct {
	name string
	run  func(context.Context) error
}
