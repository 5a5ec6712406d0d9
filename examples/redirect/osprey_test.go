package redirect

// This file tests what the suite does not know of Osprey.

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/providertest"
)

// serve starts the bank and returns it with a client and a valid session request.
func serve(t *testing.T) (*bank, *bankmux.Client, bankmux.SessionRequest) {
	t.Helper()
	b := newBank()
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	client, err := New(config(providertest.Env{BaseURL: server.URL, Keeper: bankmux.NewMemoryKeeper()}))
	require.NoError(t, err)
	return b, client, bankmux.SessionRequest{
		User: "user-1", Institution: bankmux.InstitutionRef{Name: "nest"}, AccessDays: 30,
		RedirectURI: "https://app.example.com/back",
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := config(providertest.Env{BaseURL: "https://api.osprey.example", Keeper: bankmux.NewMemoryKeeper()})
	_, err := New(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*Config){
		"no environment":                 func(c *Config) { c.Environment = "" },
		"no key":                         func(c *Config) { c.Key = bankmux.Secret{} },
		"no address":                     func(c *Config) { c.BaseURL = "" },
		"an address without TLS":         func(c *Config) { c.BaseURL = "http://api.osprey.example" },
		"no keeper outside of a sandbox": func(c *Config) { c.Keeper = nil },
		"no secret of webhooks":          func(c *Config) { c.WebhookSecrets = nil },
		"a secret of webhooks that is short": func(c *Config) {
			c.WebhookSecrets = []bankmux.Secret{bankmux.NewSecret("short")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			change(&cfg)
			_, err := New(cfg)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
		})
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	b, client, req := serve(t)
	t.Run("a session needs a chosen bank and a redirect address", func(t *testing.T) {
		for _, change := range []func(*bankmux.SessionRequest){
			func(r *bankmux.SessionRequest) { r.Institution = nil },
			func(r *bankmux.SessionRequest) { r.Institution = bankmux.InstitutionRef{"moneykit": "chase"} },
			func(r *bankmux.SessionRequest) { r.RedirectURI = "" },
		} {
			bad := req
			change(&bad)
			_, err := client.CreateSession(t.Context(), bad)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
		}
		assert.Empty(t, b.consents, "nothing was sent")
	})
	s, err := client.CreateSession(t.Context(), req)
	require.NoError(t, err)
	t.Run("the browser gets only the address of the bank's page", func(t *testing.T) {
		launch, err := json.Marshal(s.Launch)
		require.NoError(t, err)
		page := s.Launch.URL.Reveal()
		assert.JSONEq(t, `{"provider":"osprey","mode":"link","institution":"nest","url":"`+page+`"}`, string(launch))
	})
	t.Run("an exchange before the user has finished is refused", func(t *testing.T) {
		_, err := client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{Session: s, User: s.User})
		require.ErrorIs(t, err, bankmux.ErrUserAction)
	})
	query, err := b.authorise(s, 1)
	require.NoError(t, err)
	t.Run("a payload of another session is refused, and nothing is sent", func(t *testing.T) {
		other, err := bankmux.PayloadFromQuery(url.Values{"state": {"of another user"}})
		require.NoError(t, err)
		post := bankmux.ExchangeRequest{Session: s, User: s.User, Payload: bankmux.NewSecret(other)}
		_, err = client.ExchangeToken(t.Context(), post)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		assert.Contains(t, err.Error(), bankmux.CodeOtherSession)
	})
	t.Run("repeated exchanges, with and without the query, return one connection", func(t *testing.T) {
		payload, err := bankmux.PayloadFromQuery(query)
		require.NoError(t, err)
		for _, p := range []bankmux.Secret{bankmux.NewSecret(payload), {}, bankmux.NewSecret(payload)} {
			got, err := client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{Session: s, User: s.User, Payload: p})
			require.NoError(t, err)
			assert.Equal(t, s.ConnectionID, got.Connection.ID)
			assert.Equal(t, "Nest Bank", got.Connection.Institution.Name)
			due := bankmux.ConsentsDue(slices.Values(got.All()), time.Now().AddDate(0, 0, 25),
				time.Now().AddDate(0, 0, 31))
			assert.Len(t, due, 1, "a consent of 30 days can be renewed in the last 7")
		}
	})
}

func TestData(t *testing.T) {
	t.Parallel()
	b, client, req := serve(t)
	s, err := client.CreateSession(t.Context(), req)
	require.NoError(t, err)
	_, err = b.authorise(s, 1)
	require.NoError(t, err)
	linked, err := client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{Session: s, User: s.User})
	require.NoError(t, err)
	conn := linked.Connection
	t.Run("an account has the id that it has in every grant", func(t *testing.T) {
		got, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		require.NoError(t, err)
		require.Len(t, got.Accounts, 2)
		assert.Equal(t, b.books[0].key, got.Accounts[0].PersistentID)
		assert.NotEqual(t, b.books[0].key, got.Accounts[0].ID)
	})
	t.Run("a row names the other side and its value date", func(t *testing.T) {
		var m movement
		require.NoError(t, wire.Decode([]byte(`{"id":"r1","account":"a1","amount":"-12.50","currency":"USDT",
			"day":"2026-11-20","value_day":"2026-11-21","text":"RENT","pending":false,"pending_id":"r0",
			"counterparty":{"name":"A Landlord","iban":"PT50000201231234567890154"}}`), &m))
		got, fault := m.transaction("")
		require.Nil(t, fault)
		amount, err := bankmux.NewMoney("-12.50", "USDT")
		require.NoError(t, err)
		assert.Equal(t, bankmux.Transaction{
			ID: "r1", Account: "a1", Amount: amount, Status: bankmux.StatusBooked, Replaces: "r0",
			Date: bankmux.NewDate(2026, time.November, 20), ValueDate: bankmux.NewDate(2026, time.November, 21),
			Description: "RENT", RawDescription: "RENT",
			Counterparty: &bankmux.Counterparty{Name: "A Landlord", IBAN: "PT50000201231234567890154"},
		}, got)
	})
	t.Run("a list that lost a row while it was read leaves out no other row, and proves no day", func(t *testing.T) {
		book := b.books[0]
		b.mu.Lock()
		for _, text := range []string{"second", "third", "fourth"} {
			b.add(book, booking{Row: providertest.Row{Amount: "1.00", Text: text, Date: book.rows[0].Date}})
		}
		b.mu.Unlock()
		listed, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		require.NoError(t, err)
		ask := bankmux.TransactionsRequest{Connection: conn, Accounts: []string{listed.Accounts[0].ID}, PageSize: 2}
		var texts []string
		for page, err := range client.TransactionPages(t.Context(), ask) {
			require.NoError(t, err)
			assert.Empty(t, page.Covered)
			for _, row := range page.Transactions {
				texts = append(texts, row.Description)
			}
			b.mu.Lock()
			book.rows = slices.DeleteFunc(book.rows, func(row *booking) bool { return row.Text == "fourth" })
			b.mu.Unlock()
		}
		assert.Equal(t, []string{"fourth", "third", "opening current", "second"}, texts)
	})
	t.Run("a page of another adapter is refused", func(t *testing.T) {
		ask := bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"any"}, Page: "2026-11-20"}
		for _, err := range client.TransactionPages(t.Context(), ask) {
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			assert.ErrorContains(t, err, "TransactionsRequest.Page")
		}
	})
	t.Run("a cursor that Osprey has forgotten is an invalid cursor", func(t *testing.T) {
		d, err := client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn})
		require.NoError(t, err)
		b.mu.Lock()
		b.record = nil
		b.mu.Unlock()
		_, err = client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Cursor: d.Next})
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, bankmux.ErrInvalid, e.Kind)
		assert.Equal(t, "SyncRequest.Cursor", e.Field)
	})
}

func TestRequired(t *testing.T) {
	t.Parallel()
	for body, c := range map[string]struct {
		out    any
		member string
	}{
		`{"url":"https://login.example.com"}`:    {&openedResponse{}, "id"},
		`{"id":"c1"}`:                            {&openedResponse{}, "url"},
		`{"state":"s"}`:                          {&consentResponse{}, "grants"},
		`{"id":"g1"}`:                            {&grantResponse{}, "status"},
		`{"accounts":null}`:                      {&accountsResponse{}, "accounts"},
		`{}`:                                     {&balancesResponse{}, "balances"},
		`{"transactions":[]}`:                    {&transactionsResponse{}, "total"},
		`{"total":0}`:                            {&transactionsResponse{}, "transactions"},
		`{"created":[],"updated":[],"next":"1"}`: {&changesResponse{}, "removed"},
		`{"created":[],"updated":[],"removed":[]}`:            {&changesResponse{}, "next"},
		`{"transactions":[],"total":0}`:                       {&transactionsResponse{}, ""},
		`{"created":[],"updated":[],"removed":[],"next":"1"}`: {&changesResponse{}, ""},
	} {
		t.Run(body, func(t *testing.T) {
			require.NoError(t, wire.Decode([]byte(body), c.out))
			assert.Equal(t, c.member, wire.Lacks(c.out))
		})
	}
}

func TestReadWebhook(t *testing.T) {
	t.Parallel()
	_, client, _ := serve(t)
	for name, body := range map[string]map[string]any{
		"an unknown name": {"id": "delivery-1", "event": "weather.changed", "grant": "planted-grant"},
		"no id":           {"event": "grant.ended"},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := client.ReadWebhook(t.Context(), sign(hookSecrets[0], time.Now(), body))
			require.NoError(t, err)
			require.Len(t, res.Events, 1)
			assert.Equal(t, bankmux.EventUnknown, res.Events[0].Kind)
			assert.NotEmpty(t, res.Key)
		})
	}
	t.Run("an address that was not signed is refused", func(t *testing.T) {
		req := sign(hookSecrets[0], time.Now(), map[string]any{"id": "delivery-1", "event": "grant.ended"})
		_, err := client.ReadWebhook(t.Context(), req.SentTo(http.MethodPost, "https://other.example.com/hooks/osprey"))
		require.ErrorIs(t, err, bankmux.ErrSignature)
	})
}

func TestImports(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			assert.NotContains(t, spec.Path.Value, "/internal/", "%s imports %s", name, spec.Path.Value)
		}
	}
}
