package bankhttp_test

// This file has the application that the tests send requests to.

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// app is an application with three providers. Its users are named by a header.
type app struct {
	bank     *virtualbank.Bank
	guard    *guard.Guard
	registry *bankmux.Registry
	store    bankhttp.Store
	service  *bankhttp.Service
	handler  http.Handler
	hung     sync.Map // beginnings of paths at providers that hang
}

// userOf stands for the login session of an application.
func userOf(r *http.Request) (string, error) { return r.Header.Get("User"), nil }

// newApp makes an application over a virtual bank without sockets.
func newApp(t *testing.T, configure ...func(*bankhttp.Config)) *app {
	t.Helper()
	return newGuardedApp(t, guard.Options{}, configure...)
}

// newGuardedApp is newApp with options of the guard.
func newGuardedApp(t *testing.T, options guard.Options, configure ...func(*bankhttp.Config)) *app {
	t.Helper()
	a := &app{
		bank:  virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 7}),
		guard: guard.New(options), store: bankhttp.NewMemory(),
	}
	a.registry = a.clients(t)
	config := bankhttp.Config{
		Registry: a.registry, Store: a.store, User: userOf, Breakers: a.guard.Breakers,
		PublicURL: "https://app.example.com/bank",
		Session: bankmux.SessionRequest{Products: []bankmux.ProductRequest{
			{Product: bankmux.ProductTransactions, Required: true, Prefetch: true},
		}},
	}
	for _, f := range configure {
		f(&config)
	}
	a.store = config.Store
	service, err := bankhttp.New(config)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/", service.Handler())
	mux.Handle("/bank/health", service.Health())
	a.service, a.handler = service, mux
	return a
}

func (a *app) clients(t *testing.T) *bankmux.Registry {
	t.Helper()
	keys := a.bank.Credentials()
	secrets, _, key := a.bank.WebhookSecrets()
	mk, err := moneykit.New(moneykit.Config{
		BaseURL: "http://127.0.0.1", ClientID: keys.MoneyKit.ClientID,
		ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret), Environment: bankmux.Sandbox,
		HTTPClient: &http.Client{Transport: a.line(a.bank.MoneyKit())}, Guard: a.guard,
	})
	require.NoError(t, err)
	dp, err := dapi.New(dapi.Config{
		BaseURL: "http://127.0.0.1/v2", AppKey: keys.Dapi.AppKey,
		AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret), Environment: bankmux.Sandbox,
		HTTPClient: &http.Client{Transport: a.line(a.bank.Dapi())}, Guard: a.guard,
		Webhook: dapi.WebhookConfig{
			Secrets: []bankmux.Secret{bankmux.NewSecret(secrets[0])}, Key: bankmux.NewSecret(key),
		},
	})
	require.NoError(t, err)
	pl, err := plaid.New(plaid.Config{
		BaseURL: "http://127.0.0.1", ClientID: keys.Plaid.ClientID, Secret: bankmux.NewSecret(keys.Plaid.Secret),
		Environment: bankmux.Sandbox, Guard: a.guard,
		HTTPClient: &http.Client{Transport: a.line(a.bank.Plaid())},
	})
	require.NoError(t, err)
	registry, err := bankmux.NewRegistry([]*bankmux.Client{mk, dp, pl}, []bankmux.Route{
		{Client: "moneykit", Countries: []string{"US"}},
		{Client: "dapi", Countries: []string{"AE"}},
		{Client: "plaid", Countries: []string{"CA"}},
	})
	require.NoError(t, err)
	return registry
}

// send sends a request of a page of the application to a path below /bank.
func (a *app) send(t *testing.T, user, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	return serve(t, a.handler, newRequest(t, user, method, "/bank"+path, body))
}

func serve(t *testing.T, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// newRequest returns a request as a browser sends it from a page of the application.
func newRequest(t *testing.T, user, method, path, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "https://app.example.com"+path, strings.NewReader(body))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if user != "" {
		r.Header.Set("User", user)
	}
	return r
}

// object reads the JSON of a response that must have a status.
func object[T any](t *testing.T, w *httptest.ResponseRecorder, status int) (value T) {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body.String())
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &value), w.Body.String())
	return value
}

// problem reads the problem document of a response.
func problem(t *testing.T, w *httptest.ResponseRecorder, status int) bankhttp.Problem {
	t.Helper()
	p := object[bankhttp.Problem](t, w, status)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	require.Equal(t, status, p.Status)
	return p
}

// The responses, as a front end reads them.
type (
	started struct {
		Session string         `json:"session"`
		Launch  bankmux.Launch `json:"launch"`
	}
	linked struct {
		Connections []bankmux.ConnectionView `json:"connections"`
		Failed      []bankhttp.Problem       `json:"failed"`
	}
	accounts struct {
		Accounts []struct {
			ID, Connection, Name string
			Kind                 bankmux.AccountKind
			Balances             []bankmux.Balance
			Ended                bool
		}
		Unnamed []unnamed
		Failed  []struct {
			Connection, Account string
			Institution         bankmux.InstitutionView
			Problem             bankhttp.Problem
			Rows                int
			Sync                bool
		}
	}
	syncState struct {
		SyncedAt time.Time `json:"synced_at"`
		More     bool
		Attempts int
		Problem  *bankhttp.Problem
		Failed   []struct {
			Account string
			Problem bankhttp.Problem
			Rows    int
		}
		Progress *struct{ Rows, Done, Total int }
		Unnamed  []unnamed
	}
	unnamed struct {
		ID, Connection, Name, Mask string
		MayBe                      []string `json:"may_be"`
	}
	transactions struct {
		Transactions []struct {
			ID, Account, Description string
			Amount                   bankmux.Money
			Date                     bankmux.Date
		}
		Next string
	}
)

// country is where each provider is the one of the route.
var country = map[string]string{moneykit.Name: "US", dapi.Name: "AE", plaid.Name: "CA"}

// start starts a session.
func (a *app) start(t *testing.T, user, provider string) started {
	t.Helper()
	s := object[started](t, a.send(t, user, "POST", "/sessions", `{"country":"`+country[provider]+`"}`), 200)
	require.Equal(t, provider, s.Launch.Provider)
	return s
}

// connect plays the user on the provider's page, and returns what the page posts.
func (a *app) connect(t *testing.T, l bankmux.Launch) string {
	t.Helper()
	var payload json.RawMessage
	var err error
	switch l.Provider {
	case moneykit.Name:
		payload, err = a.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: l.Token.Reveal()})
	case plaid.Name:
		payload, err = a.bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: l.Token.Reveal()})
	default:
		payload, err = a.bank.LinkDapi(virtualbank.DapiLink{AppKey: l.AppKey, Countries: l.Countries})
	}
	require.NoError(t, err)
	return string(payload)
}

// link links a bank and returns the connection.
func (a *app) link(t *testing.T, user, provider string) bankmux.ConnectionView {
	t.Helper()
	s := a.start(t, user, provider)
	posted := a.send(t, user, "POST", "/sessions/"+s.Session, a.connect(t, s.Launch))
	return object[linked](t, posted, 200).Connections[0]
}

// stored returns a stored connection.
func (a *app) stored(t *testing.T, user, id string) bankmux.Connection {
	t.Helper()
	conn, err := a.store.Connection(t.Context(), user, id)
	require.NoError(t, err)
	return conn
}

// read reads the accounts of a user at the banks.
func (a *app) read(t *testing.T, user string) accounts {
	t.Helper()
	return object[accounts](t, a.send(t, user, "POST", "/accounts", ""), 200)
}
