package bankhttp_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
)

// replaces returns the older connections that a response names, by connection.
func replaces(t *testing.T, w *httptest.ResponseRecorder) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, one := range object[struct {
		Connections []struct {
			ID              string
			PerhapsReplaces []string `json:"perhaps_replaces"`
		}
	}](t, w, 200).Connections {
		all[one.ID] = one.PerhapsReplaces
	}
	return all
}

// TestSameBank specifies what a user sees who links a bank twice.
func TestSameBank(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
		t.Run(provider+": the new connection names the older one, which can end alone", func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			post := func(user string) (string, *httptest.ResponseRecorder) {
				s := a.start(t, user, provider)
				w := a.send(t, user, "POST", "/sessions/"+s.Session, a.connect(t, s.Launch))
				conns := object[linked](t, w, 200).Connections
				require.Len(t, conns, 1)
				return conns[0].ID, w
			}
			post("user-omar")
			old, w := post("user-rosa")
			assert.Equal(t, map[string][]string{old: nil}, replaces(t, w), "another user's is not named")
			id, w := post("user-rosa")
			require.NotEqual(t, old, id)
			assert.Equal(t, map[string][]string{id: {old}}, replaces(t, w))
			list := func() map[string][]string { return replaces(t, a.send(t, "user-rosa", "GET", "/connections", "")) }
			assert.Equal(t, map[string][]string{old: nil, id: {old}}, list())

			assert.Equal(t, 204, a.send(t, "user-rosa", "DELETE", "/connections/"+old, "").Code)
			assert.Equal(t, map[string][]string{id: nil}, list())
			assert.Empty(t, a.read(t, "user-rosa").Failed, "the new one can be read")
		})
	}
	t.Run("the accounts stay with the older connection if the newer one ends", func(t *testing.T) {
		t.Parallel()
		a := newApp(t)
		old := a.link(t, "user-rosa", dapi.Name).ID // its accounts have IBANs
		a.read(t, "user-rosa")
		id := a.link(t, "user-rosa", dapi.Name).ID
		get := func(query string) map[string]string {
			byName := map[string]string{}
			all := object[accounts](t, a.send(t, "user-rosa", "GET", "/accounts"+query, ""), 200).Accounts
			for _, one := range all {
				assert.False(t, one.Ended)
				byName[one.ID] = one.Connection
			}
			return byName
		}
		both := object[accounts](t, a.send(t, "user-rosa", "POST", "/accounts?connection="+id, ""), 200).Accounts
		require.NotEmpty(t, both)
		want := map[string]string{}
		for _, one := range both {
			require.Equal(t, id, one.Connection)
			want[one.ID] = id
		}
		assert.Equal(t, want, get("?connection="+old), "it lists them too")
		assert.Equal(t, want, get("?connection="+id))
		require.Equal(t, 204, a.send(t, "user-rosa", "DELETE", "/connections/"+id, "").Code)
		for name := range want {
			want[name] = old
		}
		assert.Equal(t, want, get(""))
		assert.Equal(t, want, get("?connection="+old))
		left := object[accounts](t, a.send(t, "user-rosa", "GET", "/accounts", ""), 200).Accounts
		assert.Equal(t, both[0].Balances, left[0].Balances)
	})
	t.Run("two logins of one exchange do not replace each other", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		old := a.harborLink(t, "rosa")
		p.twin = true
		session := a.harborStart(t, "rosa")
		for range 2 {
			got := replaces(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "two")))
			require.Len(t, got, 2)
			for _, older := range got {
				assert.Equal(t, []string{old}, older)
			}
		}
	})
	t.Run("another client's and an unnamed bank's connection is not named", func(t *testing.T) {
		t.Parallel()
		for name, c := range map[string]struct {
			change func(*bankmux.Connection)
			both   int // older connections that are named if both are changed
		}{
			"another client":  {func(conn *bankmux.Connection) { conn.Client = "another" }, 1},
			"an unnamed bank": {func(conn *bankmux.Connection) { conn.Institution.ID = "" }, 0},
		} {
			a := newHarborApp(t, newHarbor())
			first := a.harborLink(t, "rosa")
			second := a.harborLink(t, "rosa")
			list := func() []string { return replaces(t, a.send(t, "rosa", "GET", "/connections", ""))[second] }
			change := func(id string) {
				require.NoError(t, a.store.Update(t.Context(), a.stored(t, "rosa", id),
					func(_ context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
						c.change(&stored)
						return stored, nil
					}))
			}
			require.Equal(t, []string{first}, list(), name)
			change(first)
			assert.Empty(t, list(), name)
			change(second)
			assert.Len(t, list(), c.both, name)
		}
	})
	t.Run("another bank is not named", func(t *testing.T) {
		t.Parallel()
		a := newApp(t)
		a.link(t, "user-rosa", plaid.Name)
		conn := a.link(t, "user-rosa", dapi.Name)
		assert.Nil(t, replaces(t, a.send(t, "user-rosa", "GET", "/connections", ""))[conn.ID])
	})
	t.Run("a store that cannot list connections does not make a link fail", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *bankhttp.Config) { c.Store = &listless{c.Store} })
		conn := a.link(t, "user-rosa", moneykit.Name)
		assert.Equal(t, bankmux.StateActive, conn.State)
	})
}

// TestSameBankInPart specifies what a link shows if the list of connections is not complete.
func TestSameBankInPart(t *testing.T) {
	t.Parallel()
	link := func(t *testing.T, list func([]bankmux.Connection) ([]bankmux.Connection, error)) ([]string, string) {
		t.Helper()
		var log bytes.Buffer
		store := &partialList{Store: bankhttp.NewMemory(), list: list}
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
			c.Store, c.Logger = store, slog.New(slog.NewTextHandler(&log, nil))
		})
		a.harborLink(t, "rosa")
		session := a.harborStart(t, "rosa")
		named := replaces(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")))
		require.Len(t, named, 1)
		for _, older := range named {
			return older, log.String()
		}
		return nil, ""
	}
	t.Run("a connection that does not open hides no other one, and is not a fault of the link", func(t *testing.T) {
		t.Parallel()
		older, log := link(t, func(all []bankmux.Connection) ([]bankmux.Connection, error) {
			return all, errors.Join(&bankmux.Error{Kind: bankmux.ErrSeal, Connection: "lost"})
		})
		assert.Len(t, older, 1)
		assert.Empty(t, log)
	})
	t.Run("a link that is not listed itself names none", func(t *testing.T) {
		t.Parallel()
		older, _ := link(t, func(all []bankmux.Connection) ([]bankmux.Connection, error) {
			return all[:len(all)-1], nil
		})
		assert.Empty(t, older)
	})
}

// partialList is a store with another list of connections.
type partialList struct {
	bankhttp.Store

	list func([]bankmux.Connection) ([]bankmux.Connection, error)
}

func (s *partialList) Connections(ctx context.Context, user string) ([]bankmux.Connection, error) {
	all, err := s.Store.Connections(ctx, user)
	if err != nil {
		return nil, err
	}
	return s.list(all)
}

// listless is a store that does not list connections.
type listless struct{ bankhttp.Store }

func (*listless) Connections(context.Context, string) ([]bankmux.Connection, error) {
	return nil, errors.New("the list is away: " + planted)
}
