package main

// This file has the application: a back end that links banks and keeps everything in memory.

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp/launcher"
	model "github.com/bankmux/bankmux/normalize/dapi"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// user is the only user, who is always logged in.
const user = "user-rosa"

// sessionCookie names the session that a bank's redirect belongs to.
const sessionCookie = "bank_session"

// app is the application.
type app struct {
	registry *bankmux.Registry
	secrets  []string // the application's own, for the tests to look for
	addr     ready

	mu          sync.Mutex // guards the fields below
	sessions    map[string]bankmux.Session
	connections map[string]bankmux.Connection
	order       []string // the ids of the connections, oldest first
	posted      []string // what the page posted, oldest first
}

// newApp returns the application with a client of each provider.
func newApp(bank *virtualbank.Bank, server *virtualbank.Server, addr ready) (*app, error) {
	keys := bank.Credentials()
	mk, err := moneykit.New(moneykit.Config{
		ClientID: keys.MoneyKit.ClientID, ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment: bankmux.Sandbox, BaseURL: server.MoneyKitURL, ScriptURL: server.MoneyKitScriptURL, Now: bank.Now,
	})
	if err != nil {
		return nil, err
	}
	dp, err := dapi.New(dapi.Config{
		AppKey: keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox, BaseURL: server.DapiURL, ScriptURL: server.DapiScriptURL, Now: bank.Now,
	})
	if err != nil {
		return nil, err
	}
	pl, err := plaid.New(plaid.Config{
		ClientID: keys.Plaid.ClientID, Secret: bankmux.NewSecret(keys.Plaid.Secret), AppName: "Ledger",
		Environment: bankmux.Sandbox, BaseURL: server.PlaidURL, ScriptURL: server.PlaidScriptURL, Now: bank.Now,
	})
	if err != nil {
		return nil, err
	}
	registry, err := bankmux.NewRegistry([]*bankmux.Client{mk, dp, pl}, []bankmux.Route{
		{Client: moneykit.Name}, {Client: dapi.Name}, {Client: plaid.Name},
	})
	return &app{
		registry: registry, addr: addr,
		secrets:  []string{keys.MoneyKit.ClientSecret, keys.Dapi.AppSecret, keys.Plaid.Secret},
		sessions: map[string]bankmux.Session{}, connections: map[string]bankmux.Connection{},
	}, err
}

// handler serves the application, its page, and the npm packages of a folder.
func (a *app) handler(npm string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.page)
	mux.HandleFunc("GET /oauth", a.page) // where banks return to
	mux.HandleFunc("GET /app.js", file("app.js"))
	mux.HandleFunc("GET /app.css", file("app.css"))
	mux.Handle("GET /launcher.js", launcher.Handler())
	mux.Handle("GET /npm/", http.StripPrefix("/npm/", http.FileServer(http.Dir(npm))))
	mux.HandleFunc("POST /link", a.start)
	mux.HandleFunc("GET /launch", a.launch)
	mux.HandleFunc("POST /link/{session}", a.finish)
	mux.HandleFunc("GET /test/state", a.state)
	return mux
}

// start makes a session. The form names the client, and optionally a country, an institution, a
// connection to renew, and what [plaidOption] reads.
func (a *app) start(w http.ResponseWriter, r *http.Request) {
	client, err := a.registry.Client(r.FormValue("client"))
	if err != nil {
		reply(w, nil, err)
		return
	}
	req := bankmux.SessionRequest{
		User: user, Country: r.FormValue("country"), RedirectURI: a.addr.App + "/oauth",
		Products: []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Required: true, Prefetch: true}},
	}
	if id := r.FormValue("institution"); id != "" {
		req.Institution = bankmux.InstitutionRef{client.Name(): id}
	}
	if client.Name() == plaid.Name {
		option, err := plaidOption(r, client)
		if err != nil {
			reply(w, nil, err)
			return
		}
		req.Options = append(req.Options, option)
	}
	if id := r.FormValue("connection"); id != "" {
		a.mu.Lock()
		conn := a.connections[id]
		a.mu.Unlock()
		req.Reconnect = &conn
	}
	session, err := client.CreateSession(r.Context(), req)
	if err != nil {
		reply(w, nil, err)
		return
	}
	a.mu.Lock()
	a.sessions[session.ID] = session
	a.mu.Unlock()
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // the page is served without TLS, on loopback
		Name: sessionCookie, Value: session.ID, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	reply(w, map[string]any{"session": session.ID, "launch": session.Launch}, nil)
}

// plaidOption returns what only Plaid has: a hosted page, several banks in one run, and a choice of
// accounts on a renewal.
func plaidOption(r *http.Request, client *bankmux.Client) (plaid.SessionOptions, error) {
	option := plaid.SessionOptions{AccountSelection: r.Form.Has("selection"), MultiItem: r.Form.Has("several")}
	if r.Form.Has("hosted") {
		option.Hosted = &plaid.HostedLink{}
	}
	if !option.MultiItem {
		return option, nil
	}
	id, err := plaid.CreateUser(r.Context(), client, user)
	option.UserID = id
	return option, err
}

// launch returns the session of the cookie again, for the page that a bank redirects to.
func (a *app) launch(w http.ResponseWriter, r *http.Request) {
	var id string
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		id = cookie.Value
	}
	a.mu.Lock()
	session, ok := a.sessions[id]
	a.mu.Unlock()
	if !ok {
		http.Error(w, `{"error": "there is no session"}`, http.StatusNotFound)
		return
	}
	reply(w, map[string]any{"session": session.ID, "launch": session.Launch}, nil)
}

// finish exchanges what the page posted.
func (a *app) finish(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, `{"error": "the body is too large"}`, http.StatusRequestEntityTooLarge)
		return
	}
	a.mu.Lock()
	a.posted = append(a.posted, string(payload))
	session := a.sessions[r.PathValue("session")]
	a.mu.Unlock()
	conn, err := a.exchange(r.Context(), session, payload)
	reply(w, conn.View(), err)
}

// exchange makes a connection of a payload and keeps it.
func (a *app) exchange(ctx context.Context, session bankmux.Session, payload []byte) (bankmux.Connection, error) {
	linked, err := a.registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: user, Payload: bankmux.NewSecret(string(payload)),
	})
	if err != nil {
		return bankmux.Connection{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, conn := range linked.All() {
		if _, renewed := a.connections[conn.ID]; !renewed {
			a.order = append(a.order, conn.ID)
		}
		a.connections[conn.ID] = conn
	}
	return linked.Connection, nil
}

// state is what GET /test/state returns to the tests. The page never asks for it.
type state struct {
	Secrets     []string         `json:"secrets"` // may never reach the browser
	Posted      []string         `json:"posted"`
	Connections []map[string]any `json:"connections"`
}

// state shows the tests what the application has, with its secrets.
func (a *app) state(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	out := state{Secrets: append([]string{}, a.secrets...), Posted: append([]string{}, a.posted...)}
	var conns []bankmux.Connection
	for _, id := range a.order {
		conn := a.connections[id]
		conns = append(conns, conn)
		secrets, err := secretsOf(conn)
		if err != nil {
			a.mu.Unlock()
			reply(w, nil, err)
			return
		}
		out.Secrets = append(out.Secrets, secrets...)
	}
	a.mu.Unlock()
	out.Connections = []map[string]any{}
	for _, conn := range conns {
		shown := map[string]any{"id": conn.ID, "client": conn.Client, "institution": conn.Institution.Name}
		client, err := a.registry.For(conn)
		if err != nil {
			reply(w, nil, err)
			return
		}
		read, err := client.Accounts(r.Context(), bankmux.AccountsRequest{Connection: conn})
		if err != nil {
			shown["error"] = bankmux.KindOf(err).Error()
		}
		names := []string{}
		for _, account := range read.Accounts {
			names = append(names, account.Name)
		}
		shown["accounts"], shown["reference"] = names, conn.Reference()
		out.Connections = append(out.Connections, shown)
	}
	reply(w, out, nil)
}

// secretsOf returns what of a connection the browser may never see: the access token and the id of
// the link. Dapi's Connect gives the page its connectionID and the user secret.
func secretsOf(conn bankmux.Connection) ([]string, error) {
	if conn.Client != dapi.Name {
		return []string{conn.Reference(), conn.Credential().Reveal()}, nil
	}
	token, _, err := model.Access(conn.Credential())
	return []string{token}, err
}

// reply writes a value, or the kind of an error.
func reply(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		v = map[string]string{"error": bankmux.KindOf(err).Error()}
	}
	_ = json.NewEncoder(w).Encode(v)
}

// origin returns scheme, host and port of a base URL.
func origin(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	return u.Scheme + "://" + u.Host
}
