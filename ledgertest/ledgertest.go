// Package ledgertest checks implementations of [bankmux.Ledger].
//
// A test of an implementation is one call of [Run]:
//
//	func TestLedger(t *testing.T) {
//		ledgertest.Run(t, func(t *testing.T) ledgertest.Fixture {
//			db := open(t)
//			return ledgertest.Fixture{Ledger: db, Save: db.SaveConnection, Delete: db.DeleteConnection}
//		})
//	}
//
// Run has a subtest for each promise in the documentation of [bankmux.Ledger]. It also lets
// [bankmux.Client.SyncAll] use the ledger in two syncs at once.
package ledgertest

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// Fixture is an empty ledger, and what the checks need beside it.
type Fixture struct {
	Ledger bankmux.Ledger
	// Second opens the same data once more, as another process does. If it is nil, the checks use
	// Ledger for both.
	Second func(t *testing.T) bankmux.Ledger
	// Save stores a connection that was linked. It may be nil if the ledger needs no connection.
	Save func(ctx context.Context, conn bankmux.Connection) error
	// Delete removes a connection and what belongs to it. If it is nil, a subtest "not checked"
	// names the promise.
	Delete func(ctx context.Context, conn bankmux.Connection) error
}

// promise is a statement that is true of every ledger.
type promise struct {
	name string
	test func(*testing.T, *fixture)
}

// fixture is a Fixture with connections.
type fixture struct {
	Fixture
	other  bankmux.Ledger // the second process
	links  int
	client *bankmux.Client
	bank   *bank
}

// Run checks that a ledger keeps its promises. It calls open for each subtest. Open must return a
// new and empty ledger each time, and close it by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	t.Helper()
	for _, p := range promises() {
		t.Run(p.name, func(t *testing.T) {
			f := &fixture{Fixture: open(t), bank: &bank{}}
			if f.Ledger == nil {
				t.Fatal("Fixture.Ledger is nil")
			}
			f.client = bankmux.NewClient("ledgertest", f.bank)
			f.other = f.Ledger
			if f.Second != nil {
				f.other = f.Second(t)
			}
			p.test(t, f)
		})
	}
}

// connect links a new connection of a user and saves it.
func (f *fixture) connect(t *testing.T, user string) bankmux.Connection {
	t.Helper()
	f.links++
	session, err := f.client.CreateSession(t.Context(), bankmux.SessionRequest{User: user, Country: "US"})
	require.NoError(t, err)
	payload := fmt.Sprintf(`{"token":"ledgertest-%d"}`, f.links)
	linked, err := f.client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
		Session: session, User: user, Payload: bankmux.NewSecret(payload),
	})
	require.NoError(t, err)
	if f.Save != nil {
		require.NoError(t, f.Save(t.Context(), linked.Connection))
	}
	return linked.Connection
}

// name lets the ledger name accounts, and returns the names in the order of the accounts.
func (f *fixture) name(t *testing.T, conn bankmux.Connection, accounts ...bankmux.Account) []string {
	t.Helper()
	names, err := f.Ledger.NameAccounts(t.Context(), conn, accounts)
	require.NoError(t, err)
	all := make([]string, len(accounts))
	for i, a := range accounts {
		all[i] = names[a.ID]
	}
	return all
}

// account returns an account that has an IBAN if iban is not "".
func account(id, iban string) bankmux.Account {
	return bankmux.Account{
		ID: id, Kind: bankmux.AccountChecking, ProviderKind: "checking", Name: "Account " + id,
		IBAN: iban, Currency: "USD",
	}
}

// store stores a page on the present state, and requires that it is stored.
func (f *fixture) store(t *testing.T, conn bankmux.Connection, delta bankmux.Delta) {
	t.Helper()
	from := f.state(t, conn)
	stored, err := f.Ledger.StoreDelta(t.Context(), conn, from, delta, after(from, delta.Next))
	require.NoError(t, err)
	require.True(t, stored, "a page on the stored state is stored")
}

// state reads the stored state.
func (f *fixture) state(t *testing.T, conn bankmux.Connection) bankmux.SyncState {
	t.Helper()
	state, err := f.Ledger.SyncState(t.Context(), conn)
	require.NoError(t, err)
	return state
}

// after returns the state after another page.
func after(from bankmux.SyncState, cursor string) bankmux.SyncState {
	to := from
	to.Version++
	to.Cursor = cursor
	return to
}
