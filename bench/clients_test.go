package bench

import (
	"net/http"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bench/fixture"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
)

// newClient returns the client of an adapter. A nil guard has the defaults.
func newClient(tb testing.TB, adapter, base string, transport http.RoundTripper, g *guard.Guard) *bankmux.Client {
	tb.Helper()
	client, err := fixture.NewClient(adapter, base, transport, g)
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

// newExchange returns an exchange of a new session, and the tag of that session.
func newExchange(tb testing.TB, client *bankmux.Client, adapter string) (req bankmux.ExchangeRequest, tag string) {
	tb.Helper()
	req, tag, err := fixture.NewExchange(tb.Context(), client, adapter)
	if err != nil {
		tb.Fatal(err)
	}
	return req, tag
}

// connect makes a connection. It sets the tag of the backend.
func connect(tb testing.TB, client *bankmux.Client, adapter string, b *backend) bankmux.Connection {
	tb.Helper()
	req, tag := newExchange(tb, client, adapter)
	b.tag = tag
	conn, err := single.Connection(client.ExchangeToken(tb.Context(), req))
	if err != nil {
		tb.Fatal(err)
	}
	return conn
}
