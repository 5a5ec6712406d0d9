package main

// This file has the application: package bankhttp with its store for trials, once per provider.

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	model "github.com/bankmux/bankmux/normalize/dapi"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// user is the only user, who is always logged in.
const user = "user-rosa"

// app is the application.
type app struct {
	clients  []*bankmux.Client
	services []*bankhttp.Service
	store    *bankhttp.Memory
	secrets  []string // the application's own, for the tests to look for
	addr     ready

	mu     sync.Mutex // guards posted
	posted []string   // the outcomes that the page posted, oldest first
}

// newApp returns the application. Each provider has a service of its own, so that a test chooses
// the provider: /moneykit/bank, /dapi/bank and /plaid/bank.
func newApp(bank *virtualbank.Bank, server *virtualbank.Server, addr ready) (*app, error) {
	clients, err := newClients(bank, server)
	if err != nil {
		return nil, err
	}
	keys := bank.Credentials()
	a := &app{
		clients: clients, store: bankhttp.NewMemory(), addr: addr,
		secrets: []string{keys.MoneyKit.ClientSecret, keys.Dapi.AppSecret, keys.Plaid.Secret},
	}
	for _, client := range clients {
		routes := []bankmux.Route{{Client: client.Name()}}
		registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, routes)
		if err != nil {
			return nil, err
		}
		service, err := bankhttp.New(bankhttp.Config{
			Registry: registry, Store: a.store,
			User: func(*http.Request) (string, error) { return user, nil },
			Session: bankmux.SessionRequest{Products: []bankmux.ProductRequest{
				{Product: bankmux.ProductTransactions, Required: true, Prefetch: true},
			}},
			PrepareSession: func(r *http.Request, req *bankmux.SessionRequest) error {
				return prepare(r, client, req)
			},
			PublicURL: addr.App + "/" + client.Name() + "/bank",
			ReturnTo:  "/oauth?client=" + client.Name(),
		})
		if err != nil {
			return nil, err
		}
		a.services = append(a.services, service)
	}
	return a, nil
}

// newClients returns a client of each provider.
func newClients(bank *virtualbank.Bank, server *virtualbank.Server) ([]*bankmux.Client, error) {
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
	return []*bankmux.Client{mk, dp, pl}, err
}

// prepare adds what only Plaid has, if the query asks for it. These are a hosted page, several
// banks in one run, and a choice of accounts on a renewal.
func prepare(r *http.Request, client *bankmux.Client, req *bankmux.SessionRequest) error {
	if client.Name() != plaid.Name {
		return nil
	}
	query := r.URL.Query()
	option := plaid.SessionOptions{AccountSelection: query.Has("selection"), MultiItem: query.Has("several")}
	if query.Has("hosted") {
		option.Hosted = &plaid.HostedLink{}
	}
	if option.MultiItem {
		id, err := plaid.CreateUser(r.Context(), client, user)
		if err != nil {
			return err
		}
		option.UserID = id
	}
	req.Options = append(req.Options, option)
	return nil
}

// handler serves the application, its page, and the npm packages of a folder.
func (a *app) handler(npm string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.page)
	mux.HandleFunc("GET /oauth", a.page) // where services send the browser after a return
	for _, name := range []string{"app.js", "start.js", "app.css"} {
		mux.HandleFunc("GET /"+name, file(name))
	}
	mux.Handle("GET /npm/", http.StripPrefix("/npm/", http.FileServer(http.Dir(npm))))
	mux.HandleFunc("GET /test/state", a.state)
	for i, service := range a.services {
		mux.Handle("/"+a.clients[i].Name()+"/bank/", a.note(service.Handler()))
	}
	return mux
}

// note keeps what the page posts as the outcome of a session.
func (a *app) note(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, session, _ := strings.Cut(r.URL.Path, "/bank/sessions/")
		if session != "" && r.Method == http.MethodPost {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
			if err != nil {
				panic(http.ErrAbortHandler) // the page went away
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			a.mu.Lock()
			a.posted = append(a.posted, string(body))
			a.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

// state is what GET /test/state returns to the tests. The page never asks for it.
type state struct {
	Secrets     []string     `json:"secrets"` // may never reach the browser
	Posted      []string     `json:"posted"`
	Connections []connection `json:"connections"` // the newest last
}

// connection is a connection with what its bank lists now.
type connection struct {
	ID          string   `json:"id"`
	Client      string   `json:"client"`
	Institution string   `json:"institution"`
	Reference   string   `json:"reference"`
	Accounts    []string `json:"accounts"`
	Error       string   `json:"error,omitempty"`
}

// state shows the tests what the application has, with its secrets.
func (a *app) state(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	out := state{Secrets: slices.Clone(a.secrets), Posted: append([]string{}, a.posted...)}
	a.mu.Unlock()
	all, err := a.store.Connections(r.Context(), user)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	slices.SortStableFunc(all, func(x, y bankmux.Connection) int { return x.LinkedAt.Compare(y.LinkedAt) })
	out.Connections = []connection{}
	for _, conn := range all {
		secrets, err := secretsOf(conn)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		out.Secrets = append(out.Secrets, secrets...)
		out.Connections = append(out.Connections, a.read(r, conn))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}

// read lists the accounts of a connection at its bank.
func (a *app) read(r *http.Request, conn bankmux.Connection) connection {
	out := connection{
		ID: conn.ID, Client: conn.Client, Institution: conn.Institution.Name, Reference: conn.Reference(),
		Accounts: []string{},
	}
	i := slices.IndexFunc(a.clients, func(c *bankmux.Client) bool { return c.Name() == conn.Client })
	listed, err := a.clients[i].Accounts(r.Context(), bankmux.AccountsRequest{Connection: conn})
	if err != nil {
		out.Error = bankmux.KindOf(err).Error()
	}
	for _, account := range listed.Accounts {
		out.Accounts = append(out.Accounts, account.Name)
	}
	return out
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

// origin returns scheme, host and port of a base URL.
func origin(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	return u.Scheme + "://" + u.Host
}
