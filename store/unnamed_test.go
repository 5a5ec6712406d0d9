package store_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// possible returns an account with nothing but a name, a mask and a kind.
func possible(id, mask string) bankmux.Account {
	return bankmux.Account{
		ID: id, Kind: bankmux.AccountChecking, ProviderKind: "checking", Name: "Everyday " + mask, Mask: mask,
		Currency: "USD",
	}
}

// TestUnnamed specifies accounts that only the user can identify.
func TestUnnamed(t *testing.T) {
	// A lost account of the bank makes each account of a new link one for the user.
	open := func(t *testing.T, db *database) (s *store.Store, conn bankmux.Connection, old []string, ids []string) {
		t.Helper()
		s = db.open(t)
		before := connection(t, s, "rosa", "1")
		old = name(t, s, before, possible("a", "0001"), possible("b", "0002"))
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", before.ID))
		lose(t, s, "bankmux_accounts", "id = $1 OR id = $2", old[0], old[1])
		conn = connection(t, s, "rosa", "2")
		for range 2 { // listing them again changes nothing
			assert.Equal(t, []string{"", ""}, name(t, s, conn, possible("c", "0003"), possible("d", "0004")))
		}
		all, err := s.Unnamed(t.Context(), "rosa")
		require.NoError(t, err)
		require.Len(t, all, 2)
		for _, one := range all {
			assert.Equal(t, conn.ID, one.Connection)
			ids = append(ids, one.ID)
		}
		assert.ElementsMatch(t, []string{"c", "d"}, []string{all[0].Account.ID, all[1].Account.ID})
		return s, conn, old, ids
	}
	onEach(t, "the user names them, once", func(t *testing.T, db *database) {
		s, conn, old, ids := open(t, db)
		for range 2 {
			of, got, err := s.IdentifyAccount(t.Context(), "rosa", ids[0], old[0])
			require.NoError(t, err)
			assert.Equal(t, old[0], got)
			assert.Equal(t, conn, of)
		}
		_, _, err := s.IdentifyAccount(t.Context(), "rosa", ids[0], old[1])
		require.ErrorIs(t, err, bankmux.ErrInvalid, "another decision")
		_, _, err = s.IdentifyAccount(t.Context(), "rosa", ids[0], "")
		require.ErrorIs(t, err, bankmux.ErrInvalid, "it was not a new one")
		_, _, err = s.IdentifyAccount(t.Context(), "rosa", ids[1], old[0])
		require.ErrorIs(t, err, bankmux.ErrInvalid, "two accounts of a connection are not one")
		_, fresh, err := s.IdentifyAccount(t.Context(), "rosa", ids[1], "")
		require.NoError(t, err)
		assert.NotContains(t, old, fresh)
		_, again, err := s.IdentifyAccount(t.Context(), "rosa", ids[1], "")
		require.NoError(t, err)
		assert.Equal(t, fresh, again)
		names, err := s.NameAccounts(t.Context(), conn, []bankmux.Account{possible("c", "0003"), possible("d", "0004")})
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{old[0], fresh}, []string{names["c"], names["d"]})
		all, err := s.Unnamed(t.Context(), "rosa")
		require.NoError(t, err)
		assert.Empty(t, all)
	})
	onEach(t, "it is none but those that it may be", func(t *testing.T, db *database) {
		s := db.open(t)
		before := connection(t, s, "rosa", "1")
		euro, saved, masked := possible("e", "0001"), possible("s", "0001"), possible("m", "0002")
		euro.Currency, saved.Kind = "EUR", bankmux.AccountSavings
		old := name(t, s, before, possible("a", "0001"), possible("b", "0001"), euro, saved, masked)
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", before.ID))
		canadian := possible("c", "0009")
		canadian.Currency = "CAD"
		active := name(t, s, connection(t, s, "rosa", "4"), canadian)
		require.NotEmpty(t, active[0])
		var ids []string
		for _, link := range []string{"2", "3"} {
			conn := connection(t, s, "rosa", link)
			require.Equal(t, []string{""}, name(t, s, conn, possible("d", "0001")))
			all, err := s.Unnamed(t.Context(), "rosa", conn.ID)
			require.NoError(t, err)
			require.ElementsMatch(t, old[:2], all[0].MayBe)
			ids = append(ids, all[0].ID)
		}
		for what, account := range map[string]string{
			"other currency": old[2], "other kind": old[3], "other mask": old[4], "of an active connection": active[0],
		} {
			_, _, err := s.IdentifyAccount(t.Context(), "rosa", ids[0], account)
			require.ErrorIs(t, err, bankmux.ErrInvalid, what)
		}
		_, _, err := s.IdentifyAccount(t.Context(), "rosa", ids[0], old[0])
		require.NoError(t, err)
		_, _, err = s.IdentifyAccount(t.Context(), "rosa", ids[1], old[0])
		require.ErrorIs(t, err, bankmux.ErrInvalid, "another connection has it by now")
		_, _, err = s.IdentifyAccount(t.Context(), "rosa", ids[1], old[1])
		require.NoError(t, err)
	})
	onEach(t, "they belong to the user, and go with the connection", func(t *testing.T, db *database) {
		s, conn, old, ids := open(t, db)
		_, _, absent := s.IdentifyAccount(t.Context(), "omar", "x", "")
		for _, c := range [][3]string{{"omar", ids[0], ""}, {"rosa", "x", ""}, {"rosa", ids[0], "x"}} {
			_, _, err := s.IdentifyAccount(t.Context(), c[0], c[1], c[2])
			require.ErrorIs(t, err, bankmux.ErrNotFound, c)
			assert.EqualError(t, err, absent.Error(), c)
		}
		foreign := name(t, s, connection(t, s, "omar", "3"), possible("e", "0005"))
		_, _, err := s.IdentifyAccount(t.Context(), "rosa", ids[0], foreign[0])
		require.ErrorIs(t, err, bankmux.ErrNotFound, "an account of another user")
		all, err := s.Unnamed(t.Context(), "omar")
		require.NoError(t, err)
		assert.Empty(t, all)
		all, err = s.Unnamed(t.Context(), "rosa", "x")
		require.NoError(t, err)
		assert.Empty(t, all)
		_, _, err = s.IdentifyAccount(t.Context(), "rosa", ids[1], old[1])
		require.NoError(t, err)
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", conn.ID))
		assert.Zero(t, count(t, s, "bankmux_unnamed"))
	})
	onEach(t, "the stored accounts that one may be are named", func(t *testing.T, db *database) {
		s := db.open(t)
		before := connection(t, s, "rosa", "1")
		old := name(t, s, before, checking("a", "11112222"), checking("b", "33334444"))
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", before.ID))
		conn := connection(t, s, "rosa", "2")
		unsure := checking("c", "")
		names := name(t, s, conn, unsure)
		all, err := s.Unnamed(t.Context(), "rosa", conn.ID)
		require.NoError(t, err)
		require.Equal(t, []string{""}, names)
		require.Len(t, all, 1)
		assert.NotEmpty(t, all[0].MayBe)
		for _, one := range all[0].MayBe {
			assert.Contains(t, old, one)
		}
		_, got, err := s.IdentifyAccount(t.Context(), "rosa", all[0].ID, all[0].MayBe[0])
		require.NoError(t, err)
		assert.Equal(t, []string{got}, name(t, s, conn, unsure))
	})
	onEach(t, "it is none that a later list of its connection has named", func(t *testing.T, db *database) {
		s := db.open(t)
		before := connection(t, s, "rosa", "1")
		old := name(t, s, before, checking("a", "11112222"), checking("b", "33334444"))
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", before.ID))
		conn := connection(t, s, "rosa", "2")
		require.Equal(t, []string{""}, name(t, s, conn, checking("c", "")))
		require.Equal(t, old, name(t, s, conn, checking("d", "11112222"), checking("e", "33334444")))
		all, err := s.Unnamed(t.Context(), "rosa", conn.ID)
		require.NoError(t, err)
		require.NotEmpty(t, all[0].MayBe, "as it was")
		_, _, err = s.IdentifyAccount(t.Context(), "rosa", all[0].ID, all[0].MayBe[0])
		require.ErrorIs(t, err, bankmux.ErrInvalid, "two accounts of a connection are not one")
	})
	onEach(t, "one that does not open is named by the error", func(t *testing.T, db *database) {
		s, conn, _, ids := open(t, db)
		lose(t, s, "bankmux_unnamed", "id = $1", ids[0])
		all, err := s.Unnamed(t.Context(), "rosa")
		assert.Equal(t, []string{conn.ID}, unopened(t, err))
		assert.Len(t, all, 1)
	})
	onEach(t, "a user is deleted with them", func(t *testing.T, db *database) {
		s, _, _, _ := open(t, db)
		require.NoError(t,
			deleteUser(t, s, "rosa", func(context.Context, bankmux.Connection) error { return nil }))
		assert.Zero(t, count(t, s, "bankmux_unnamed"))
	})
}

// TestReplaced specifies that a new connection doubles no account that only the user can identify.
// The connection that it replaces was deleted before its first sync.
func TestReplaced(t *testing.T) {
	named := func(id, name string) bankmux.Account {
		a := possible(id, "")
		a.Name = name
		return a
	}
	for name, lists := range map[string][2][]bankmux.Account{
		"two alike":        {{possible("a1", ""), possible("a2", "")}, {possible("b1", ""), possible("b2", "")}},
		"another name":     {{named("a1", "Daily")}, {named("b1", "Everyday")}},
		"as it was before": {{possible("a1", "")}, {possible("b1", "")}},
	} {
		onEach(t, "accounts of a replaced connection: "+name, func(t *testing.T, db *database) {
			s := db.open(t)
			old := connection(t, s, "rosa", "1")
			_, err := s.NameAccounts(t.Context(), old, lists[0])
			require.NoError(t, err)
			next := connection(t, s, "rosa", "2")
			require.NoError(t, s.DeleteConnection(t.Context(), "rosa", old.ID))
			got, err := s.NameAccounts(t.Context(), next, lists[1])
			require.NoError(t, err)
			unnamed, err := s.Unnamed(t.Context(), "rosa")
			require.NoError(t, err)
			assert.Len(t, unnamed, len(lists[1])-len(got), "the user is asked")
			stored, err := s.Accounts(t.Context(), "rosa")
			require.NoError(t, err)
			assert.Len(t, stored, len(lists[0]), "none is doubled")
		})
	}
}
