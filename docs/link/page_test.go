// These tests hold what the page on linking says about sessions, users and forms.
package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

// open returns the application of the page and the browser of a user.
func open(t *testing.T) (*app, func(user string) browser) {
	t.Helper()
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	a, err := newApp(server, bank.Credentials())
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /link", a.start)
	mux.HandleFunc("POST /link/{session}", a.finish)
	return a, func(user string) browser { return browser{bank, mux, user} }
}

// count returns the number of stored connections.
func (a *app) count() int {
	n := 0
	a.connections.Range(func(any, any) bool { n++; return true })
	return n
}

func TestLink(t *testing.T) {
	t.Run("every user links at every provider", func(t *testing.T) {
		for user, country := range map[string]string{"user-rosa": "US", "user-omar": "AE", "7": "US", "8": "AE"} {
			a, as := open(t)
			b := as(user)
			started := b.post("/link?country="+country, nil)
			linked := b.post("/link/"+started.Session, b.connect(started.Launch))
			assert.Equal(t, bankmux.StateActive, linked.State, user)
			assert.Equal(t, country, linked.Institution.Country, user)
			assert.Equal(t, 1, a.count(), user)
		}
	})
	t.Run("a session belongs to its user", func(t *testing.T) {
		a, as := open(t)
		rosa, omar := as("rosa"), as("omar")
		mine, foreign := rosa.post("/link?country=US", nil), omar.post("/link?country=US", nil)
		payload := rosa.connect(mine.Launch)
		ref := bankmux.SessionRef{User: "rosa", ID: mine.Session}

		_, err := a.exchange(t.Context(), bankmux.SessionRef{User: "omar", ID: mine.Session}, payload)
		require.ErrorIs(t, err, bankmux.ErrSeal, "with the id of another user's session")
		right, _ := a.sessions.Load(ref)
		wrong, _ := a.sessions.Load(bankmux.SessionRef{User: "omar", ID: foreign.Session})
		a.sessions.Store(ref, wrong)
		_, err = a.exchange(t.Context(), ref, payload)
		require.ErrorIs(t, err, bankmux.ErrSeal, "with the bytes of another user's session")
		a.sessions.Store(ref, right)
		assert.Zero(t, a.count(), "nothing was written")

		_, err = a.exchange(t.Context(), ref, payload)
		require.NoError(t, err)
	})
	t.Run("two tabs of a user end in two connections", func(t *testing.T) {
		a, as := open(t)
		rosa := as("rosa")
		first, second := rosa.post("/link?country=US", nil), rosa.post("/link?country=US", nil)
		one := rosa.post("/link/"+first.Session, rosa.connect(first.Launch))
		two := rosa.post("/link/"+second.Session, rosa.connect(second.Launch))
		assert.NotEqual(t, one.ID, two.ID)
		assert.Equal(t, 2, a.count())
	})
	t.Run("a form that is posted twice makes one connection", func(t *testing.T) {
		for _, country := range []string{"US", "AE"} {
			a, as := open(t)
			omar := as("omar")
			started := omar.post("/link?country="+country, nil)
			payload := omar.connect(started.Launch)
			one, two := omar.post("/link/"+started.Session, payload), omar.post("/link/"+started.Session, payload)
			assert.Equal(t, one.ID, two.ID)
			assert.Equal(t, 1, a.count())
		}
	})
	t.Run("a payload of the other tab is refused, or spent", func(t *testing.T) {
		for country, want := range map[string]error{"US": bankmux.ErrInvalid, "AE": bankmux.ErrTokenSpent} {
			a, as := open(t)
			omar := as("omar")
			first, second := omar.post("/link?country="+country, nil), omar.post("/link?country="+country, nil)
			payload := omar.connect(first.Launch)
			if country == "AE" { // Dapi ties no code to a session
				require.Empty(t, omar.post("/link/"+first.Session, payload).Error)
			}
			_, err := a.exchange(t.Context(), bankmux.SessionRef{User: "omar", ID: second.Session}, payload)
			require.ErrorIs(t, err, want)
		}
	})
}
