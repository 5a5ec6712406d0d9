package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestAtTheBank specifies what spans and metrics of real calls have, and what they never have.
func TestAtTheBank(t *testing.T) {
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(
		propagation.TraceContext{}, propagation.Baggage{},
	)) // which nothing may use
	for _, country := range []string{"US", "AE", "NL"} {
		t.Run("a link and its data in "+country, func(t *testing.T) { atTheBank(t, country) })
	}
}

// watched is the network, which records the header fields that left. If hostile is set, it responds
// in place of the provider.
type watched struct {
	mu      sync.Mutex
	headers []http.Header
	hostile http.RoundTripper
}

func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.headers = append(w.headers, r.Header.Clone())
	w.mu.Unlock()
	if w.hostile != nil {
		return w.hostile.RoundTrip(r)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (w *watched) CloseIdleConnections() {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// application has clients of all adapters that report to o.
func application(t *testing.T, o *observed, w *watched) (*virtualbank.Bank, *bankmux.Registry, []string) {
	t.Helper()
	bank := virtualbank.New(virtualbank.Options{Seed: 1, Start: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0", virtualbank.ServePlaid("127.0.0.1:0"))
	require.NoError(t, err)
	t.Cleanup(func() {
		w.CloseIdleConnections()
		assert.NoError(t, server.Close())
	})
	keys, g := bank.Credentials(), guard.New(guard.Options{})
	require.NoError(t, o.Watch(g))
	network := &http.Client{Transport: o.Transport(w)}
	mk, err := moneykit.New(moneykit.Config{
		ClientID: keys.MoneyKit.ClientID, ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment: bankmux.Sandbox, BaseURL: server.MoneyKitURL, Now: bank.Now, HTTPClient: network, Guard: g,
	})
	require.NoError(t, err)
	dp, err := dapi.New(dapi.Config{
		AppKey: keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox, BaseURL: server.DapiURL, Now: bank.Now, HTTPClient: network, Guard: g,
	})
	require.NoError(t, err)
	pl, err := plaid.New(plaid.Config{
		ClientID: keys.Plaid.ClientID, Secret: bankmux.NewSecret(keys.Plaid.Secret),
		Environment: bankmux.Sandbox, BaseURL: server.PlaidURL, Now: bank.Now, HTTPClient: network, Guard: g,
	})
	require.NoError(t, err)
	registry, err := bankmux.NewRegistry(
		[]*bankmux.Client{o.Client(mk), o.Client(dp), o.Client(pl)},
		[]bankmux.Route{
			{Client: "moneykit", Countries: []string{"US"}},
			{Client: "dapi", Countries: []string{"AE"}},
			{Client: "plaid", Countries: []string{"NL"}},
		},
	)
	require.NoError(t, err)
	return bank, registry, []string{keys.MoneyKit.ClientSecret, keys.Dapi.AppSecret, keys.Plaid.Secret}
}

func atTheBank(t *testing.T, country string) {
	o, w := observe(t), &watched{}
	bank, registry, secrets := application(t, o, w)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	session, err := registry.CreateSession(ctx, bankmux.SessionRequest{
		User: "planted-user-7", Country: country, RedirectURI: "https://app.example.com/oauth",
		Products: []bankmux.ProductRequest{{Product: bankmux.ProductTransactions}},
	})
	require.NoError(t, err)
	payload := posted(t, bank, session.Launch)
	linked, err := registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: "planted-user-7", Payload: bankmux.NewSecret(payload),
	})
	require.NoError(t, err)
	conn := linked.Connection
	client, err := registry.For(conn)
	require.NoError(t, err)
	_, err = client.Refresh(ctx, bankmux.RefreshRequest{
		Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions},
	})
	if !errors.Is(err, errors.ErrUnsupported) {
		require.NoError(t, err)
	}
	bank.Advance(10 * time.Minute) // the provider has fetched the transactions by then
	accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	_, err = client.Balances(ctx, bankmux.BalancesRequest{Connection: conn, Known: accounts.Accounts})
	require.NoError(t, err)
	for row, err := range client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn}) {
		require.NoError(t, err)
		secrets = append(secrets, row.Description)
	}
	_, err = client.Disconnect(ctx, bankmux.DisconnectRequest{Connection: conn})
	require.NoError(t, err)
	_, err = client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	require.Error(t, err)

	for _, a := range accounts.Accounts {
		secrets = append(secrets, a.ID, a.Name)
	}
	secrets = append(secrets, "planted-user-7", conn.Reference(), conn.Credential().Reveal(),
		session.Launch.Token.Reveal(),
		session.State.Reveal())
	secrets = append(secrets, texts(t, payload)...)
	spans := o.spans.GetSpans()
	nothingLeaks(t, secrets, everything(spans)+o.scrape(t))
	parentsAndNames(t, spans)
	for _, h := range w.headers {
		for name := range h {
			assert.NotContains(t, []string{"traceparent", "tracestate", "baggage", "b3"}, strings.ToLower(name))
		}
	}
	assert.NotEmpty(t, w.headers)
}

// posted plays the user and the browser.
func posted(t *testing.T, bank *virtualbank.Bank, launch bankmux.Launch) (payload json.RawMessage) {
	t.Helper()
	var err error
	switch launch.Provider {
	case moneykit.Name:
		payload, err = bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: launch.Token.Reveal()})
	case plaid.Name:
		payload, err = bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: launch.Token.Reveal()})
	default:
		payload, err = bank.LinkDapi(virtualbank.DapiLink{AppKey: launch.AppKey, Countries: launch.Countries})
	}
	require.NoError(t, err)
	return payload
}

// texts returns the long texts of a payload, such as tokens.
func texts(t *testing.T, payload json.RawMessage) (all []string) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(payload))
	for {
		token, err := dec.Token()
		if err != nil {
			return all
		}
		if text, ok := token.(string); ok && len(text) > 20 {
			all = append(all, text)
		}
	}
}

// everything returns all texts of spans.
func everything(spans tracetest.SpanStubs) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Name + "\n" + s.Status.Description + "\n")
		for _, a := range s.Attributes {
			b.WriteString(string(a.Key) + "=" + a.Value.String() + "\n")
		}
		for _, e := range s.Events {
			b.WriteString(e.Name + "\n")
			for _, a := range e.Attributes {
				b.WriteString(string(a.Key) + "=" + a.Value.String() + "\n")
			}
		}
	}
	return b.String()
}

func nothingLeaks(t *testing.T, secrets []string, text string) {
	t.Helper()
	require.Contains(t, text, "bankmux.connection=", "there is something to look at")
	require.Contains(t, text, "bankmux_operation_duration_seconds_bucket")
	checked := 0
	for _, secret := range secrets {
		if len(secret) >= 6 {
			checked++
			assert.NotContains(t, text, secret)
		}
	}
	assert.Greater(t, checked, 10)
}

// parentsAndNames checks that each request is a child of an operation and named by its template.
func parentsAndNames(t *testing.T, spans tracetest.SpanStubs) {
	t.Helper()
	operations, requests := map[trace.SpanID]tracetest.SpanStub{}, 0
	for _, s := range spans {
		if s.SpanKind == trace.SpanKindInternal {
			operations[s.SpanContext.SpanID()] = s
		}
	}
	for _, s := range spans {
		if s.SpanKind != trace.SpanKindClient {
			continue
		}
		requests++
		assert.Contains(t, operations, s.Parent.SpanID(), s.Name)
		assert.Regexp(t, `^(GET|POST|DELETE|PUT|PATCH) /[a-zA-Z0-9_/{}-]+$`, s.Name)
		assert.Regexp(t, `^http://127\.0\.0\.1:\d+/[a-zA-Z0-9_/-]+$`, valueOf(s, "url.full"), s.Name)
		assert.NotEmpty(t, valueOf(s, "http.request.method"))
		assert.NotEmpty(t, valueOf(s, "http.response.status_code"))
		assert.Equal(t, "127.0.0.1", valueOf(s, "server.address"))
		assert.NotEmpty(t, valueOf(s, "server.port"))
	}
	assert.Positive(t, requests)
	assert.NotEmpty(t, operations)
}
