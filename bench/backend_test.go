// Package bench measures what the library costs. Its command fair compares calls with those of
// other clients.
package bench

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bench/fixture"
	"github.com/bankmux/bankmux/internal/single"
)

// backend serves the usual responses without a server, so that only the client's allocations count.
type backend struct{ tag string }

func (b *backend) RoundTrip(r *http.Request) (*http.Response, error) {
	status := http.StatusOK
	if fixture.Created(r.URL.Path) {
		status = http.StatusCreated
	}
	body := strings.ReplaceAll(fixture.Responses[r.URL.Path], "%s", b.tag)
	return respond(r, status, strings.NewReader(body))
}

// sized is a body whose length is known.
type sized interface {
	io.Reader
	Len() int
}

// respond returns a response to a request, whose body it discards.
func respond(r *http.Request, status int, body sized) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return &http.Response{
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Request:       r,
		ContentLength: int64(body.Len()),
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(body),
	}, nil
}

// connect returns a client with the defaults, and a connection of it. It sets the tag of the
// backend.
func connect(
	tb testing.TB, adapter string, transport http.RoundTripper, b *backend,
) (*bankmux.Client, bankmux.Connection) {
	tb.Helper()
	client, err := fixture.NewClient(adapter, "http://127.0.0.1", transport, nil)
	if err != nil {
		tb.Fatal(err)
	}
	req, tag, err := fixture.NewExchange(tb.Context(), client, adapter)
	if err != nil {
		tb.Fatal(err)
	}
	b.tag = tag
	conn, err := single.Connection(client.ExchangeToken(tb.Context(), req))
	if err != nil {
		tb.Fatal(err)
	}
	return client, conn
}

// way is one way to do the same.
type way struct {
	name string
	run  func(context.Context) error
}
