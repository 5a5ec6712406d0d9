package store_test

// This file tests the functions that docs/store.md shows.

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/store"
	"github.com/bankmux/bankmux/virtualbank"
)

// exampleService returns the service of docs/store.md with a session of rosa.
func exampleService(t *testing.T, s *store.Store) (*service, bankmux.Session) {
	t.Helper()
	registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, []bankmux.Route{{Client: "heron"}})
	require.NoError(t, err)
	made := session(t, "rosa")
	require.NoError(t, s.SaveSession(t.Context(), made))
	app, err := newService(registry, s, "https://app.example.com/hooks/{client}")
	require.NoError(t, err)
	return app, made
}

func TestExampleService(t *testing.T) {
	onEach(t, "a form posted again after the session's end finds the connection", func(t *testing.T, db *database) {
		c := newClock()
		app, made := exampleService(t, db.open(t, store.WithNow(c.now)))
		first, err := app.finish(t.Context(), made.Ref(), payload("1"))
		require.NoError(t, err)
		c.advance(time.Until(made.ExpiresAt) + time.Minute)
		again, err := app.finish(t.Context(), made.Ref(), payload("1"))
		require.NoError(t, err)
		assert.Equal(t, first.ID, again.ID)
		_, err = app.finish(t.Context(), made.Ref(), payload("2"))
		require.ErrorIs(t, err, bankmux.ErrTokenSpent)
	})
	onEach(t, "a lapse that a webhook announces is stored", func(t *testing.T, db *database) {
		w := startService(t, db)
		conn := w.link(t, "US")
		require.NoError(t, w.bank.Lapse(conn.Reference()))
		_, err := w.bank.Deliver(t.Context(), w.server.Client())
		require.NoError(t, err)
		for conn.Status.State != bankmux.StateReauth {
			conn, err = w.app.store.Connection(t.Context(), "rosa", conn.ID)
			require.NoError(t, err)
			runtime.Gosched() // until the worker has followed the event
		}
	})
	onEach(t, "an account that cannot be read leaves the others and all balances alone",
		func(t *testing.T, db *database) {
			w := startService(t, db)
			require.NoError(t, w.bank.Inject(virtualbank.Fault{
				Name: "failed_envelope_200", Operation: "/data/transactions/get", Times: 1,
			}))
			conn := w.link(t, "AE")
			var accounts []bankhttp.Account
			unread := func(a bankhttp.Account) bool { return a.ReadAt.IsZero() }
			for len(accounts) == 0 || slices.ContainsFunc(accounts, unread) {
				var err error
				accounts, err = w.app.store.Accounts(t.Context(), "rosa")
				require.NoError(t, err)
				runtime.Gosched() // until the worker has read all balances
			}
			state, err := w.app.store.SyncState(t.Context(), conn)
			require.NoError(t, err)
			assert.Len(t, state.Failed, 1)
			assert.NotZero(t, state.SyncedAt)
			lists := 0
			for _, r := range w.bank.Requests() {
				if r.Path == "/v2/data/accounts/get" {
					lists++
				}
			}
			assert.Equal(t, 1, lists, "the balances need no list of their own")
			require.NoError(t, w.app.refresh(t.Context(), "rosa", conn.ID), "the next sync reads the account")
			state, err = w.app.store.SyncState(t.Context(), conn)
			require.NoError(t, err)
			assert.Empty(t, state.Failed)
		})
}

// pageWorld is the service of docs/store.md with its worker, and a virtual bank that plays Dapi and
// MoneyKit.
type pageWorld struct {
	app    *service
	bank   *virtualbank.Bank
	server *httptest.Server
}

func startService(t *testing.T, db *database) *pageWorld {
	t.Helper()
	w := &pageWorld{bank: virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 3})}
	registry, closeBank, err := connectTo(w.bank)
	require.NoError(t, err)
	t.Cleanup(closeBank)
	mux := http.NewServeMux()
	w.server = httptest.NewServer(mux)
	t.Cleanup(w.server.Close)
	w.app, err = newService(registry, db.open(t), w.server.URL+"/hooks/{client}")
	require.NoError(t, err)
	mux.Handle("/hooks/{client}", w.app.hooks())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.app.work(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	return w
}

// link links a bank of a country for rosa. The virtual bank plays the browser.
func (w *pageWorld) link(t *testing.T, country string) bankmux.Connection {
	t.Helper()
	session, err := w.app.start(t.Context(), "rosa", country)
	require.NoError(t, err)
	var posted []byte
	if session.Provider == "dapi" {
		posted, err = w.bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey})
	} else {
		posted, err = w.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	}
	require.NoError(t, err)
	conn, err := w.app.finish(t.Context(), session.Ref(), posted)
	require.NoError(t, err)
	return conn
}

// finished returns the event that the user finished the flow of a session.
func finished(made bankmux.Session, token string) bankmux.Event {
	return bankmux.Event{
		Kind: bankmux.EventLinkFinished, Client: "heron", Provider: "heron", Key: "finished " + token,
		Session: made.ID, ReferenceKey: "of the new connection",
	}.WithExchangePayload(bankmux.NewSecret(payload(token)))
}
