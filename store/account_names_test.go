package store_test

// This file tests what finds out without a write that a list of accounts is as stored.

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/store"
)

func TestAccountNames(t *testing.T) {
	onEach(t, "a list that is as stored has its names, and writes nothing", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		listed := []bankmux.Account{checking("a", "1111"), checking("b", "2222")}
		want, err := s.NameAccounts(t.Context(), conn, listed)
		require.NoError(t, err)
		before := dump(t, s)
		for _, some := range [][]bankmux.Account{listed, listed[:1], nil} {
			names, ok, err := s.AccountNames(t.Context(), conn, some)
			require.NoError(t, err)
			assert.True(t, ok)
			assert.Equal(t, want, names)
			again, err := s.NameAccounts(t.Context(), conn, some)
			require.NoError(t, err)
			assert.Equal(t, want, again)
		}
		assert.Equal(t, before, dump(t, s))
	})
	onEach(t, "a connection without accounts has no names", func(t *testing.T, db *database) {
		s := db.open(t)
		names, ok, err := s.AccountNames(t.Context(), connection(t, s, "rosa", "1"), nil)
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Empty(t, names)
	})
	onEach(t, "a connection that is not stored is gone", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		foreign := conn
		foreign.User = "omar"
		_, _, err := s.AccountNames(t.Context(), foreign, nil)
		require.ErrorIs(t, err, bankmux.ErrGone)
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", conn.ID))
		_, _, err = s.AccountNames(t.Context(), conn, nil)
		require.ErrorIs(t, err, bankmux.ErrGone)
	})
}

// TestChangedAccounts specifies what NameAccounts writes. Each case changes a list that was stored.
func TestChangedAccounts(t *testing.T) {
	type list struct {
		conn     bankmux.Connection
		accounts []bankmux.Account
	}
	for text, change := range map[string]func(t *testing.T, s *store.Store, l *list){
		"a new account": func(_ *testing.T, _ *store.Store, l *list) {
			l.accounts = append(l.accounts, checking("b", "2222"))
		},
		"another nickname": func(_ *testing.T, _ *store.Store, l *list) { l.accounts[0].Nickname = "Rent" },
		"a closed account": func(_ *testing.T, _ *store.Store, l *list) { l.accounts[0].Closed = true },
		"a bank of another name": func(_ *testing.T, _ *store.Store, l *list) {
			l.conn.Institution.Name = "Heron & Daughters"
		},
		"a bank of another id": func(_ *testing.T, _ *store.Store, l *list) { l.conn.Institution.ID = "heron-2" },
		"another connection listed the account since": func(t *testing.T, s *store.Store, _ *list) {
			require.NotEmpty(t, name(t, s, connection(t, s, "rosa", "2"), checking("a", "1111"))[0])
		},
		"the account was deleted": func(t *testing.T, s *store.Store, l *list) {
			require.NoError(t, s.DeleteAccount(t.Context(), "rosa", name(t, s, l.conn, l.accounts...)[0]))
		},
	} {
		onEach(t, text, func(t *testing.T, db *database) {
			s := db.open(t)
			l := list{connection(t, s, "rosa", "1"), []bankmux.Account{checking("a", "1111")}}
			name(t, s, l.conn, l.accounts...)
			change(t, s, &l)
			_, ok, err := s.AccountNames(t.Context(), l.conn, l.accounts)
			require.NoError(t, err)
			assert.False(t, ok)
			names := name(t, s, l.conn, l.accounts...)
			all, err := s.Accounts(t.Context(), "rosa", l.conn.ID)
			require.NoError(t, err)
			for i, a := range l.accounts {
				at := slices.IndexFunc(all, func(b bankhttp.Account) bool { return b.Name == names[i] })
				require.GreaterOrEqual(t, at, 0)
				assert.Equal(t, a, all[at].Account)
			}
			_, ok, err = s.AccountNames(t.Context(), l.conn, l.accounts)
			require.NoError(t, err)
			assert.True(t, ok)
		})
	}
	onEach(t, "an account whose key is lost", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		name(t, s, conn, checking("a", "1111"))
		db.keys = ring(t, key("2027"))
		_, ok, err := db.open(t).AccountNames(t.Context(), conn, []bankmux.Account{checking("a", "1111")})
		require.NoError(t, err)
		assert.False(t, ok)
	})
}
