package bankmux_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// linkOf lets a user link and returns the connection.
func linkOf(t *testing.T, bank *virtualbank.Bank, client *bankmux.Client, provider string) bankmux.Connection {
	t.Helper()
	session, err := client.CreateSession(
		t.Context(),
		bankmux.SessionRequest{User: "user-1", RedirectURI: "https://app.example.com/oauth"},
	)
	require.NoError(t, err)
	var payload []byte
	if provider == "moneykit" {
		payload, err = bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	} else {
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

// inProcess serves a bank without sockets, so that its clock and the application's are one.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r = r.Clone(r.Context())
		r.Body = http.NoBody // as a server has it
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// table is an application's store of transactions.
type table struct {
	rows   map[string]bankmux.Known // by key
	cursor string
}

// store keeps a page and the cursor behind it, as one database transaction would.
func (s *table) store(d bankmux.Delta) {
	for _, a := range d.Added {
		s.rows[a.Known.Key] = a.Known
	}
	for _, ch := range slices.Concat(d.Modified, d.Replaced) {
		delete(s.rows, ch.Was.Key)
		s.rows[ch.Known.Key] = ch.Known
	}
	for _, m := range d.Missing {
		s.rows[m.Known.Key] = m.Known
	}
	for _, m := range d.Removed {
		delete(s.rows, m.Known.Key)
	}
	s.cursor = d.Next
}

func (s *table) known(_ context.Context, account string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		for _, k := range s.rows {
			if k.Account == account && !k.Date.Before(from) && !k.Date.After(to) && !yield(k, nil) {
				return
			}
		}
	}
}

// syncing is a client, its connection and the bank behind it on virtual time.
type syncing struct {
	bank   *virtualbank.Bank
	client *bankmux.Client
	conn   bankmux.Connection
	name   func(string) string // of an account; nil for the provider's id
	table
}

// another is a second link to the same login.
func (s *syncing) another(t *testing.T) *syncing {
	t.Helper()
	two := &syncing{bank: s.bank, client: s.client, table: table{rows: map[string]bankmux.Known{}}}
	session, err := s.client.CreateSession(
		t.Context(),
		bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"},
	)
	require.NoError(t, err)
	payload, err := s.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	require.NoError(t, err)
	two.conn, err = single.Connection(
		s.client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: session, User: "user-1", Payload: bankmux.NewSecret(string(payload))},
		),
	)
	require.NoError(t, err)
	return two
}

func openSync(t *testing.T, provider string) *syncing {
	t.Helper()
	s := &syncing{bank: virtualbank.New(virtualbank.Options{}), table: table{rows: map[string]bankmux.Known{}}}
	keys := s.bank.Credentials()
	var err error
	req := bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"}
	if provider == "moneykit" {
		s.client, err = moneykit.New(moneykit.Config{
			BaseURL:      "http://127.0.0.1",
			ClientID:     keys.MoneyKit.ClientID,
			ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
			Environment:  bankmux.Sandbox,
			HTTPClient:   &http.Client{Transport: inProcess{s.bank.MoneyKit()}},
		})
	} else {
		s.client, err = dapi.New(dapi.Config{
			BaseURL: "http://127.0.0.1/v2", AppKey: keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret),
			Environment: bankmux.Sandbox, HTTPClient: &http.Client{Transport: inProcess{s.bank.Dapi()}},
		})
	}
	require.NoError(t, err)
	session, err := s.client.CreateSession(t.Context(), req)
	require.NoError(t, err)
	var payload []byte
	if provider == "moneykit" {
		payload, err = s.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	} else {
		payload, err = s.bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey, Countries: []string{"US"}})
	}
	require.NoError(t, err)
	s.conn, err = single.Connection(
		s.client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: session, User: "user-1", Payload: bankmux.NewSecret(payload)},
		),
	)
	require.NoError(t, err)
	return s
}

// round syncs until there is no more and stores each page.
func (s *syncing) round(t *testing.T) (all []bankmux.Delta) {
	t.Helper()
	for {
		d, err := s.client.Sync(
			t.Context(),
			bankmux.SyncRequest{Connection: s.conn, Cursor: s.cursor, Name: s.name, Known: s.known, PageSize: 200},
		)
		require.NoError(t, err)
		require.Empty(t, d.Failed)
		assert.Less(t, len(d.Next), 1024, "a cursor stays small")
		s.store(d)
		all = append(all, d)
		if !d.More {
			return all
		}
		require.Less(t, len(all), 100)
	}
}

// agree compares the table with the bank, row for row, from a day on.
func (s *syncing) agree(t *testing.T, from string) {
	t.Helper()
	truth, err := s.bank.Transactions(s.conn.Reference())
	require.NoError(t, err)
	accounts, err := s.bank.Accounts(s.conn.Reference())
	require.NoError(t, err)
	cards := map[string]bool{}
	for _, a := range accounts {
		if a.DapiID != "" && a.Card {
			cards[a.DapiID] = true // Dapi's cards are no accounts
		}
	}
	want, got := map[string]int{}, map[string]int{}
	for _, row := range truth {
		if row.Date >= from && !cards[row.AccountID] {
			want[row.AccountID+row.Date+row.Amount]++
		}
	}
	for _, k := range s.rows {
		if k.Date.String() >= from {
			units, err := k.Amount.Minor()
			require.NoError(t, err)
			whole, err := bankmux.MoneyFromMinor(units, k.Amount.Currency())
			require.NoError(t, err)
			got[k.Account+k.Date.String()+whole.Amount()]++
		}
	}
	assert.Equal(t, len(want), len(got))
	for key, n := range want {
		assert.Equal(t, n, got[key], key)
	}
}

func TestAHalfYearOfSyncsKeepsTheTableInStepWithTheBank(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"moneykit", "dapi"} {
		synctest.Test(t, func(t *testing.T) {
			s := openSync(t, provider)
			began := bankmux.DateOf(time.Now().UTC()).AddDays(-60).String()
			replaced, removed := 0, 0
			for i := range 40 {
				if provider == "moneykit" {
					require.NoError(t, s.bank.Refresh(s.conn.Reference()))
				}
				if i == 20 && provider == "moneykit" {
					require.NoError(t, s.bank.ChurnIDs(s.conn.Reference()))
					require.NoError(t, s.bank.Refresh(s.conn.Reference()))
				}
				for _, d := range s.round(t) {
					replaced += len(d.Replaced)
					removed += len(d.Removed)
				}
				time.Sleep(time.Duration(24+i%7*24) * time.Hour)
			}
			if provider == "moneykit" {
				require.NoError(t, s.bank.Refresh(s.conn.Reference()))
			}
			s.round(t)
			s.round(t) // what was missing once is missing twice
			s.agree(t, began)
			t.Log(provider, len(s.rows), "rows", replaced, "replaced", removed, "removed")
			if provider == "moneykit" {
				assert.Greater(t, replaced, 300, "every id changed once")
			}
		})
	}
}

func TestAPageThatWasNotStoredIsToldAgainAndNothingTwice(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"moneykit", "dapi"} {
		synctest.Test(t, func(t *testing.T) {
			s := openSync(t, provider)
			if provider == "moneykit" {
				require.NoError(t, s.bank.Refresh(s.conn.Reference()))
			}
			req := bankmux.SyncRequest{Connection: s.conn, Known: s.known, PageSize: 100}
			first, err := s.client.Sync(t.Context(), req)
			require.NoError(t, err)
			again, err := s.client.Sync(t.Context(), req)
			require.NoError(t, err)
			assert.Equal(t, keysOf(first), keysOf(again), "after a crash the page comes again")
			s.store(first)
			again, err = s.client.Sync(t.Context(), req)
			require.NoError(t, err)
			assert.Empty(t, again.Added, "a cursor that was not stored repeats nothing")
			s.cursor = first.Next
			s.round(t)
			for _, d := range s.round(t) {
				assert.Empty(t, d.Added)
				assert.Empty(t, d.Replaced)
			}
			blind, err := s.client.Sync(t.Context(), bankmux.SyncRequest{Connection: s.conn})
			require.NoError(t, err)
			assert.Equal(t, provider == "dapi", blind.AddedOnly)
		})
	}
}

func keysOf(d bankmux.Delta) (keys []string) {
	for _, a := range d.Added {
		keys = append(keys, a.Known.Key)
	}
	return keys
}

func TestCursorsOfOthersAreRefusedAndNothingIsSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, other := openSync(t, "dapi"), openSync(t, "dapi")
		d, err := other.client.Sync(t.Context(), bankmux.SyncRequest{Connection: other.conn, Known: other.known})
		require.NoError(t, err)
		before := len(s.bank.Requests())
		for name, cursor := range map[string]string{"of another connection": d.Next, "changed": "A" + d.Next[1:], "cut": d.Next[:len(d.Next)-3], "made up": "cursor", "huge": strings.Repeat("A", 20_000)} {
			_, err := s.client.Sync(
				t.Context(),
				bankmux.SyncRequest{Connection: s.conn, Cursor: cursor, Known: s.known},
			)
			require.ErrorIs(t, err, bankmux.ErrInvalid, name)
		}
		assert.Len(t, s.bank.Requests(), before)
	})
}

func TestAGapAndAnEmptyAnswerAreToldAndRemoveNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openSync(t, "dapi")
		s.round(t)
		n := len(s.rows)
		require.Positive(t, n)
		require.NoError(t, s.bank.ServeDays(s.conn.Institution.ID, 30))
		time.Sleep(50 * 24 * time.Hour)
		var gaps []bankmux.Covered
		for _, d := range s.round(t) {
			gaps = append(gaps, d.Gaps...)
			assert.Empty(t, d.Removed)
			assert.Empty(t, d.Missing, "what the bank does not serve any more is not missing")
		}
		require.NotEmpty(t, gaps)
		assert.GreaterOrEqual(t, len(s.rows), n)
	})
}

func TestAChallengeInASyncKeepsThePagesBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openSync(t, "dapi")
		req := bankmux.SyncRequest{Connection: s.conn, Known: s.known}
		d, err := s.client.Sync(t.Context(), req)
		require.NoError(t, err)
		require.True(t, d.More)
		s.store(d)
		n := len(s.rows)
		require.NoError(t, s.bank.RequireInput(s.conn.Reference(), "/data/transactions/get", []string{"otp"}))
		req.Cursor = s.cursor
		_, err = s.client.Sync(t.Context(), req)
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok)
		require.NotNil(t, e.Challenge, fmt.Sprint(err))
		req.Answers = e.Challenge.Answer("123456")
		d, err = s.client.Sync(t.Context(), req)
		require.NoError(t, err)
		s.store(d)
		assert.Greater(t, len(s.rows), n)
		s.round(t)
		s.agree(t, bankmux.DateOf(time.Now().UTC()).AddDays(-80).String())
	})
}
