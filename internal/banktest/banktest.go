// Package banktest opens clients of a virtual bank in the process of a test, and stores the rows
// that a sync returns.
package banktest

import (
	"context"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// Link links a user and returns the connection.
func Link(t *testing.T, bank *virtualbank.Bank, client *bankmux.Client, provider string) bankmux.Connection {
	t.Helper()
	session, err := client.CreateSession(
		t.Context(),
		bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"},
	)
	require.NoError(t, err)
	var payload []byte
	switch provider {
	case moneykit.Name:
		payload, err = bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	case plaid.Name:
		payload, err = bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: session.Launch.Token.Reveal()})
	default:
		payload, err = bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey})
	}
	require.NoError(t, err)
	conn, err := single.Connection(
		client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: session, User: "user-1", Payload: bankmux.NewSecret(payload)},
		),
	)
	require.NoError(t, err)
	return conn
}

// InProcess serves a bank without sockets, so that its clock and the application's are one.
type InProcess struct{ Handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (p InProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r = r.Clone(r.Context())
		r.Body = http.NoBody // like a server
	}
	w := httptest.NewRecorder()
	p.Handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// Table is an application's store of transactions.
type Table struct {
	Rows   map[string]bankmux.Known // by key
	Cursor string
}

// Store stores a page and its cursor, as one database transaction would.
func (s *Table) Store(d bankmux.Delta) {
	for _, a := range d.Added {
		s.Rows[a.Known.Key] = a.Known
	}
	for _, ch := range slices.Concat(d.Modified, d.Replaced) {
		delete(s.Rows, ch.Was.Key)
		s.Rows[ch.Known.Key] = ch.Known
	}
	for _, m := range d.Missing {
		s.Rows[m.Known.Key] = m.Known
	}
	for _, m := range d.Removed {
		delete(s.Rows, m.Known.Key)
	}
	s.Cursor = d.Next
}

// Known implements [bankmux.SyncRequest.Known].
func (s *Table) Known(_ context.Context, account string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		for _, k := range s.Rows {
			if k.Account == account && !k.Date.Before(from) && !k.Date.After(to) && !yield(k, nil) {
				return
			}
		}
	}
}

// Sync is a client, its connection and the bank behind it on virtual time.
type Sync struct {
	Bank   *virtualbank.Bank
	Client *bankmux.Client
	Conn   bankmux.Connection
	Name   func(string) string // of an account; nil for the provider's id
	// WithCards says that the application syncs Dapi's cards too.
	WithCards bool
	Table
}

// Another makes a second link to the same login.
func (s *Sync) Another(t *testing.T) *Sync {
	t.Helper()
	two := &Sync{Bank: s.Bank, Client: s.Client, Table: Table{Rows: map[string]bankmux.Known{}}}
	session, err := s.Client.CreateSession(
		t.Context(),
		bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"},
	)
	require.NoError(t, err)
	payload, err := s.Bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	require.NoError(t, err)
	two.Conn, err = single.Connection(
		s.Client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: session, User: "user-1", Payload: bankmux.NewSecret(string(payload))},
		),
	)
	require.NoError(t, err)
	return two
}

// Open links a user at a new bank, and returns a connection to sync with an empty table.
func Open(t *testing.T, provider string) *Sync {
	t.Helper()
	s := &Sync{
		Bank:  virtualbank.New(virtualbank.Options{HistoryDays: 90}),
		Table: Table{Rows: map[string]bankmux.Known{}},
	}
	s.Client = open(t, s.Bank, provider)
	session, err := s.Client.CreateSession(
		t.Context(),
		bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"},
	)
	require.NoError(t, err)
	var payload []byte
	switch provider {
	case moneykit.Name:
		payload, err = s.Bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	case plaid.Name:
		payload, err = s.Bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: session.Launch.Token.Reveal()})
	default:
		payload, err = s.Bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey, Countries: []string{"US"}})
	}
	require.NoError(t, err)
	s.Conn, err = single.Connection(
		s.Client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: session, User: "user-1", Payload: bankmux.NewSecret(payload)},
		),
	)
	require.NoError(t, err)
	return s
}

// open opens a client of a bank without sockets.
func open(t *testing.T, bank *virtualbank.Bank, provider string) *bankmux.Client {
	t.Helper()
	keys := bank.Credentials()
	var client *bankmux.Client
	var err error
	switch provider {
	case moneykit.Name:
		client, err = moneykit.New(moneykit.Config{
			BaseURL:      "http://127.0.0.1",
			ClientID:     keys.MoneyKit.ClientID,
			ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
			Environment:  bankmux.Sandbox,
			HTTPClient:   &http.Client{Transport: InProcess{bank.MoneyKit()}},
		})
	case plaid.Name:
		client, err = plaid.New(plaid.Config{
			BaseURL:     "http://127.0.0.1",
			ClientID:    keys.Plaid.ClientID,
			Secret:      bankmux.NewSecret(keys.Plaid.Secret),
			Environment: bankmux.Sandbox,
			HTTPClient:  &http.Client{Transport: InProcess{bank.Plaid()}},
		})
	default:
		client, err = dapi.New(dapi.Config{
			BaseURL: "http://127.0.0.1/v2", AppKey: keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret),
			Environment: bankmux.Sandbox, HTTPClient: &http.Client{Transport: InProcess{bank.Dapi()}},
		})
	}
	require.NoError(t, err)
	return client
}

// Round syncs until there is no further page, and stores each page.
func (s *Sync) Round(t *testing.T) (all []bankmux.Delta) {
	t.Helper()
	for {
		d, err := s.Client.Sync(
			t.Context(),
			bankmux.SyncRequest{Connection: s.Conn, Cursor: s.Cursor, Name: s.Name, Known: s.Known, PageSize: 200},
		)
		require.NoError(t, err)
		require.Empty(t, d.Failed)
		assert.Less(t, len(d.Next), 1024, "a cursor stays small")
		s.Store(d)
		all = append(all, d)
		if !d.More {
			return all
		}
		require.Less(t, len(all), 100)
	}
}

// Agree compares the table with the bank, row by row, from a day on.
func (s *Sync) Agree(t *testing.T, from string) {
	t.Helper()
	truth, err := s.Bank.Transactions(s.Conn.Reference())
	require.NoError(t, err)
	accounts, err := s.Bank.Accounts(s.Conn.Reference())
	require.NoError(t, err)
	cards := map[string]bool{}
	for _, a := range accounts {
		if a.DapiID != "" && a.Card && !s.WithCards {
			cards[a.DapiID] = true // Dapi's cards are not accounts
		}
	}
	want, got := map[string]int{}, map[string]int{}
	for _, row := range truth {
		if row.Date >= from && !cards[row.AccountID] {
			want[row.AccountID+row.Date+row.Amount]++
		}
	}
	for _, k := range s.Rows {
		if k.Date.String() >= from {
			units, err := k.Amount.Minor()
			require.NoError(t, err)
			whole, err := bankmux.MoneyFromMinor(units, k.Amount.Currency())
			require.NoError(t, err)
			got[k.Account+k.Date.String()+whole.Amount()]++
		}
	}
	assert.Len(t, got, len(want))
	for key, n := range want {
		assert.Equal(t, n, got[key], key)
	}
}

// Fetch lets MoneyKit or Plaid read the bank. Dapi reads it in each call.
func (s *Sync) Fetch(t *testing.T) {
	t.Helper()
	if s.Client.Provider() != dapi.Name {
		require.NoError(t, s.Bank.Refresh(s.Conn.Reference()))
	}
}
