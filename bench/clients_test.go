package bench

import (
	"net/http"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
)

// adapters are those that are measured.
var adapters = []string{"moneykit", "dapi", "plaid"}

// exchanges are the calls of an exchange, in order.
var exchanges = map[string][]string{
	"moneykit": {"/link-session/exchange-token"},
	"dapi":     {"/auth/ExchangeToken", "/metadata/accounts/get"},
	"plaid":    {"/link/token/get", "/item/public_token/exchange", "/item/get"},
}

// payloads are what the front end posts.
var payloads = map[string]string{
	"moneykit": `{"exchangeable_token":"token","institution":{}}`,
	"dapi":     `{"accessCode":"code","connectionID":"id","userSecret":"user"}`,
	"plaid":    `{"public_token":"public-sandbox-1","metadata":{}}`,
}

// newClient returns the client of an adapter. A nil guard has the defaults.
func newClient(tb testing.TB, adapter, base string, transport http.RoundTripper, g *guard.Guard) *bankmux.Client {
	tb.Helper()
	const bodyLimit = 64 << 20
	hc := &http.Client{Transport: transport}
	secret := bankmux.NewSecret("secret")
	var client *bankmux.Client
	var err error
	switch adapter {
	case "moneykit":
		client, err = moneykit.New(moneykit.Config{
			ClientID: "id", ClientSecret: secret, Environment: bankmux.Sandbox, BaseURL: base, HTTPClient: hc,
			BodyLimit: bodyLimit, Guard: g,
		})
	case "dapi":
		client, err = dapi.New(dapi.Config{
			AppKey: "key", AppSecret: secret, Environment: bankmux.Sandbox, BaseURL: base, HTTPClient: hc,
			BodyLimit: bodyLimit, Guard: g,
		})
	case "plaid":
		client, err = plaid.New(plaid.Config{
			ClientID: "id", Secret: secret, Environment: bankmux.Sandbox, BaseURL: base, HTTPClient: hc,
			BodyLimit: bodyLimit, Guard: g,
		})
	}
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

// newExchange returns an exchange of a new session, and the tag of that session.
func newExchange(tb testing.TB, client *bankmux.Client, adapter string) (req bankmux.ExchangeRequest, tag string) {
	tb.Helper()
	s, err := client.CreateSession(tb.Context(), bankmux.SessionRequest{
		User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth",
	})
	if err != nil {
		tb.Fatal(err)
	}
	return bankmux.ExchangeRequest{
		Session: s, User: "user-1", Payload: bankmux.NewSecret(payloads[adapter]),
	}, "bankmux-session:" + s.ID
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
