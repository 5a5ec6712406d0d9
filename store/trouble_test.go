package store_test

// This file tests package bankhttp on a database that is in trouble, by real HTTP requests.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/inbox"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/store"
	"github.com/bankmux/bankmux/virtualbank"
)

// app is a service on a database with a fault, and the virtual bank behind it.
type app struct {
	bank    *virtualbank.Bank
	user    string
	store   *store.Store // with the fault
	healthy *store.Store
	clock   *clock // of the store
	url     string // of the service
	hasty   string // of the same with less patience

	responded func() // is called when a bank has responded
	armed     atomic.Bool
}

// newTroubleApp returns a service with little patience, for a virtual bank of its own.
func newTroubleApp(t *testing.T, db *database, healthy *store.Store, f *fault, patience time.Duration) *app {
	t.Helper()
	a := &app{
		bank: virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 7}), user: "rosa", healthy: healthy,
		clock: newClock(),
	}
	a.store = db.faulty(t, f, store.WithEndFor(impatient), store.WithNow(a.clock.now))
	registry := a.clients(t)
	calm := db.faulty(t, f, store.WithNow(a.clock.now)) // what is prepared may take its time
	a.url, a.hasty = a.serve(t, registry, calm, patient), a.serve(t, registry, a.store, patience)
	return a
}

// serve starts a service that takes some time for a request at most, and returns its URL.
func (a *app) serve(t *testing.T, registry *bankmux.Registry, s *store.Store, patience time.Duration) string {
	t.Helper()
	service, err := bankhttp.New(bankhttp.Config{
		Registry: registry, Store: s, HandleFor: patience, Webhooks: inbox.Limits{HandleFor: patience},
		User: func(r *http.Request) (string, error) { return r.Header.Get("User"), nil },
		Session: bankmux.SessionRequest{Products: []bankmux.ProductRequest{
			{Product: bankmux.ProductTransactions, Required: true, Prefetch: true},
		}},
		PublicURL: "https://app.example.com/bank",
	})
	require.NoError(t, err)
	server := httptest.NewServer(service.Handler())
	t.Cleanup(server.Close)
	return server.URL
}

// through sends requests to the bank, which is in the same process.
func (a *app) through(h http.Handler) *http.Client {
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		res, err := banktest.InProcess{Handler: h}.RoundTrip(r)
		if a.armed.CompareAndSwap(true, false) {
			a.responded()
		}
		return res, err
	})}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (a *app) clients(t *testing.T) *bankmux.Registry {
	t.Helper()
	keys := a.bank.Credentials()
	mk, err := moneykit.New(moneykit.Config{
		BaseURL: "http://127.0.0.1", ClientID: keys.MoneyKit.ClientID, Environment: bankmux.Sandbox,
		ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret), HTTPClient: a.through(a.bank.MoneyKit()),
	})
	require.NoError(t, err)
	dp, err := dapi.New(dapi.Config{
		BaseURL: "http://127.0.0.1/v2", AppKey: keys.Dapi.AppKey, Environment: bankmux.Sandbox,
		AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret), HTTPClient: a.through(a.bank.Dapi()),
	})
	require.NoError(t, err)
	pl, err := plaid.New(plaid.Config{
		BaseURL: "http://127.0.0.1", ClientID: keys.Plaid.ClientID, Environment: bankmux.Sandbox,
		Secret: bankmux.NewSecret(keys.Plaid.Secret), HTTPClient: a.through(a.bank.Plaid()),
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

// call is a request that may be sent again.
type call func() *http.Request

// to returns a request of the user.
func (a *app) to(t *testing.T, method, path, body string) call {
	t.Helper()
	return func() *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), method, a.url+"/bank"+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("User", a.user)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		return r
	}
}

// response is a response whose body was read.
type response struct {
	status int
	header http.Header
	body   string
}

func (a *app) send(t *testing.T, c call) response {
	t.Helper()
	res, err := http.DefaultClient.Do(c())
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return response{res.StatusCode, res.Header, string(body)}
}

// get sends a request that succeeds, and reads its response.
func (a *app) get(t *testing.T, c call) (value map[string]any) {
	t.Helper()
	res := a.send(t, c)
	require.Less(t, res.status, 300, res.body)
	if res.body != "" {
		require.NoError(t, json.Unmarshal([]byte(res.body), &value))
	}
	return value
}

// connected plays the user on the provider's page, and returns the request that finishes the link.
func (a *app) connected(t *testing.T, session map[string]any) call {
	t.Helper()
	launch, _ := session["launch"].(map[string]any)
	var payload json.RawMessage
	var err error
	switch launch["provider"] {
	case "moneykit":
		payload, err = a.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: fmt.Sprint(launch["token"])})
	case "dapi":
		payload, err = a.bank.LinkDapi(virtualbank.DapiLink{AppKey: fmt.Sprint(launch["app_key"])})
	default:
		payload, err = a.bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: fmt.Sprint(launch["token"])})
	}
	require.NoError(t, err)
	return a.to(t, "POST", fmt.Sprint("/sessions/", session["session"]), string(payload))
}

func (a *app) start(t *testing.T, country string) map[string]any {
	t.Helper()
	return a.get(t, a.to(t, "POST", "/sessions", `{"country":"`+country+`"}`))
}

// link links a bank and returns the connection.
func (a *app) link(t *testing.T, country string) bankmux.Connection {
	t.Helper()
	a.get(t, a.connected(t, a.start(t, country)))
	all, err := a.healthy.Connections(t.Context(), a.user)
	require.NoError(t, err)
	require.Len(t, all, 1)
	return all[0]
}

// end describes what is stored for the user, and what the banks saw. It has no id and no time.
func (a *app) end(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	conns, err := a.healthy.Connections(t.Context(), a.user)
	require.NoError(t, err)
	for _, conn := range conns {
		fmt.Fprintln(&b, "connection", conn.Client, conn.Status.State)
		state, err := a.healthy.SyncState(t.Context(), conn)
		require.NoError(t, err)
		fmt.Fprintln(&b, "synced", !state.SyncedAt.IsZero(), state.More, state.Challenge != nil)
	}
	accounts, err := a.healthy.Accounts(t.Context(), a.user)
	require.NoError(t, err)
	slices.SortFunc(accounts, func(x, y bankhttp.Account) int {
		return strings.Compare(x.Account.Name, y.Account.Name) // ids are random
	})
	for _, account := range accounts {
		fmt.Fprintln(&b, "account", account.Account.Name, len(account.Balances))
	}
	page, err := a.healthy.Transactions(t.Context(), bankhttp.Query{User: a.user, Limit: 500})
	require.NoError(t, err)
	for _, row := range page.Transactions {
		fmt.Fprintln(&b, "row", row.Row.Date, row.Row.Amount, row.Row.RawDescription)
	}
	for _, table := range []string{"bankmux_challenges", "bankmux_exchanges", "bankmux_events"} {
		fmt.Fprintln(&b, table, count(t, a.healthy, table))
	}
	fmt.Fprintln(&b, "a session", count(t, a.healthy, "bankmux_sessions") > 0)
	for _, l := range a.bank.Links() {
		fmt.Fprintln(&b, "link", l.Provider, l.State, "token sent", l.Presented, "times, with success", l.Exchanged)
	}
	answers := 0
	for _, q := range a.bank.Requests() {
		if strings.Contains(q.Body, `"answer":`) {
			answers++
		}
	}
	fmt.Fprintln(&b, "answers", answers)
	return b.String()
}

// action is what a user or a provider does. It returns the request that meets the trouble.
type action func(t *testing.T, a *app) call

var actions = map[string]action{
	"start a link": func(t *testing.T, a *app) call {
		return a.to(t, "POST", "/sessions", `{"country":"US"}`)
	},
	"finish a link at MoneyKit": func(t *testing.T, a *app) call { return a.connected(t, a.start(t, "US")) },
	"finish a link at Dapi":     func(t *testing.T, a *app) call { return a.connected(t, a.start(t, "AE")) },
	"finish a link at Plaid":    func(t *testing.T, a *app) call { return a.connected(t, a.start(t, "CA")) },
	"finish a reconnect": func(t *testing.T, a *app) call {
		conn := a.link(t, "US")
		require.NoError(t, a.bank.Lapse(conn.Reference()))
		return a.connected(t, a.get(t, a.to(t, "POST", "/connections/"+conn.ID+"/sessions", "")))
	},
	"sync": func(t *testing.T, a *app) call {
		return a.to(t, "POST", "/connections/"+a.link(t, "US").ID+"/sync", "")
	},
	"read accounts": func(t *testing.T, a *app) call {
		a.link(t, "US")
		return a.to(t, "POST", "/accounts", "")
	},
	"answer a bank": func(t *testing.T, a *app) call {
		require.NoError(t, a.bank.RequireInput(a.link(t, "AE").Reference(), "", []string{"otp"}))
		read := a.get(t, a.to(t, "POST", "/accounts", ""))
		problem, _ := read["failed"].([]any)[0].(map[string]any)["problem"].(map[string]any)
		challenge, _ := problem["challenge"].(map[string]any)
		return a.to(t, "POST", fmt.Sprint("/challenges/", challenge["id"]), `{"answers":["123456"]}`)
	},
	"receive a webhook": func(t *testing.T, a *app) call {
		reference := a.link(t, "US").Reference()
		return func() *http.Request {
			return a.bank.Delivery(a.url+"/bank/hooks/moneykit", virtualbank.Webhook{
				Provider: "moneykit", Event: "link.state_changed", Reference: reference, Key: "of " + a.user,
			})
		}
	},
	"disconnect": func(t *testing.T, a *app) call {
		return a.to(t, "DELETE", "/connections/"+a.synced(t).ID, "")
	},
	"delete the user": func(t *testing.T, a *app) call {
		a.synced(t)
		return a.to(t, "DELETE", "/user", "")
	},
	"list accounts": func(t *testing.T, a *app) call {
		a.synced(t)
		return a.to(t, "GET", "/accounts", "")
	},
	"list transactions": func(t *testing.T, a *app) call {
		a.synced(t)
		return a.to(t, "GET", "/transactions", "")
	},
}

// synced links a bank and syncs it.
func (a *app) synced(t *testing.T) bankmux.Connection {
	t.Helper()
	conn := a.link(t, "US")
	a.get(t, a.to(t, "POST", "/connections/"+conn.ID+"/sync", ""))
	return conn
}

// TestFaultsEndToEnd specifies what trouble with the database costs: a request that is sent again.
// The end is that of a run without trouble, and no token or answer is sent twice.
func TestFaultsEndToEnd(t *testing.T) {
	for _, dialect := range dialects() {
		t.Run(dialect.String(), func(t *testing.T) {
			t.Parallel()
			db := newTroubleDatabase(t, dialect)
			s := db.open(t)
			for name, do := range actions {
				want := calmly(t, db, s, do)
				for _, state := range troubles {
					if state.server && (dialect != store.Postgres || restart == "") {
						continue
					}
					for _, moment := range state.moments {
						t.Run(fmt.Sprint(name, ", the database is ", state.name, " ", moment), func(t *testing.T) {
							c := troubleCase{do, state.make, moment, want, false}
							c.fails = moment == atFirst &&
								(state.name == "away" || state.name != "restarted" && inserts(name))
							for patience := impatient; !c.run(t, db, s, patience); patience *= 2 {
								require.Less(t, patience, patient, "the trouble did not come")
							}
						})
					}
				}
			}
		})
	}
}

// inserts reports whether an action stores new rows.
func inserts(name string) bool {
	return !strings.HasPrefix(name, "list") && !strings.HasPrefix(name, "d")
}

// emptied deletes all rows, since every virtual bank has the same ids.
func emptied(t *testing.T, s *store.Store) {
	t.Helper()
	for _, table := range tables(t, s) {
		if table != "bankmux_schema" {
			_, err := s.DB().ExecContext(t.Context(), "DELETE FROM "+table)
			require.NoError(t, err)
		}
	}
}

// run is how an action ends without trouble.
type run struct {
	end        string
	statements int
}

func calmly(t *testing.T, db *database, s *store.Store, do action) run {
	t.Helper()
	emptied(t, s)
	f := &fault{}
	a := newTroubleApp(t, db, s, f, patient)
	c := do(t, a)
	f.arm(0)
	a.get(t, c)
	return run{a.end(t), f.count}
}

// troubleCase is an action, a state of the database, and the moment at which that starts.
type troubleCase struct {
	do     action
	make   func(*testing.T, *database, *store.Store) *trouble
	moment string
	want   run
	fails  bool // whatever happens, the first response is an error
}

// run runs the action on the database in trouble, and then again on the healed one. It reports
// false if the trouble did not start, or if the service lost its patience with something else.
func (c troubleCase) run(t *testing.T, db *database, s *store.Store, patience time.Duration) bool {
	t.Helper()
	emptied(t, s)
	state := c.make(t, db, s)
	defer state.heal()
	a := newTroubleApp(t, db, s, state.fault, patience)
	defer a.store.DB().Close()
	req := c.do(t, a)
	state.prepare()
	a.url = a.hasty
	switch c.moment {
	case atFirst:
		state.arm(1)
	case halfway:
		state.arm((c.want.statements + 1) / 2)
	case atLast:
		state.arm(c.want.statements)
	case afterBank:
		a.responded = func() { state.arm(1) }
		a.armed.Store(true)
	}
	first := a.send(t, req)
	var second response
	if state.lasts {
		second = a.send(t, req)
	}
	if !state.reached() && first.status >= 300 || outOfTime(first) || outOfTime(second) {
		return false
	}
	if c.fails && state.missed != nil && state.missed() {
		return false
	}
	assert.True(t, first.status >= 500 || !c.fails, "%d %s", first.status, first.body)
	checkTrouble(t, first)
	checkTrouble(t, second)
	state.heal()
	if !a.repeat(t, req, first.status < 300) {
		return false
	}
	assert.Equal(t, c.want.end, a.end(t), "the first response was %d %s", first.status, first.body)
	return true
}

// repeat sends a request again, until the service has had the time for it. A question that was
// answered before is closed. It reports false if the service lost its patience.
func (a *app) repeat(t *testing.T, c call, answered bool) bool {
	t.Helper()
	for tries := 0; ; tries++ {
		a.clock.advance(31 * time.Second) // a claim that could not be given back ends
		res := a.send(t, c)
		require.Less(t, tries, 100, res.body)
		switch {
		case res.status < 300:
			return true
		case res.status == http.StatusConflict && strings.Contains(res.body, `"challenge_expired"`) && answered:
			return true
		case outOfTime(res):
			return false
		default: // the end of the trouble may still delay the first tries
			checkTrouble(t, res)
			require.GreaterOrEqual(t, res.status, 500, res.body)
		}
	}
}
