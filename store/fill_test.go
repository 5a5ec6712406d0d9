package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/store"
)

// secretsOf are texts that no column may have in clear.
func secretsOf(user string) []string {
	return []string{
		"credential-" + user, "reference-" + user, "verifier-secret", "link-token-" + user, "public-token-" + user,
		"12345678-" + user, "DE89370400440532013000", "DE02120300000000202051", "code-sent-to-" + user,
		"read-before-" + user, "cursor-" + user, "failed-account-" + user, "raw-" + user,
	}
}

// fill stores something in every table for a user.
func fill(t *testing.T, s *store.Store, user string) bankmux.Connection {
	t.Helper()
	ctx := t.Context()
	l := startLink(t, s, user)
	open := session(t, user)
	open.Launch.Token = bankmux.NewLaunchToken("link-token-" + user)
	require.NoError(t, s.SaveSession(ctx, open))
	res, err := s.Exchange(ctx, l.session.Ref(), payload("public-token-"+user),
		func(ctx context.Context) (bankmux.ExchangeResult, error) {
			res, err := exchange(ctx, l.session, user)
			res.Failed = []bankmux.Failure{
				{Account: "failed-account-" + user, Err: &bankmux.Error{Kind: bankmux.ErrUserAction}},
			}
			return res, err
		})
	require.NoError(t, err)
	conn := res.Connection
	account := checking("provider-account-"+user, "12345678-"+user)
	account.IBAN = "DE89370400440532013000"
	a := name(t, s, conn, account)[0]
	unsure := possible("unsure-"+user, "")
	unsure.Name = "Unsure"
	require.Equal(t, []string{""}, name(t, s, conn, unsure), "only the user can identify it")
	ch := bankmux.Challenge{
		ID: "1", Op: bankmux.OpSyncAll, Connection: conn.ID, ExpiresAt: time.Now().Add(time.Hour),
		State:  fmt.Appendf(nil, `{"rows":"read-before-%s"}`, user),
		Inputs: []bankmux.Input{{Kind: bankmux.InputOTP, Query: "code-sent-to-" + user}},
	}
	kept, removed := movement(a, "kept", "2026-01-02", "-5", "Tea"), movement(a, "removed", "2026-01-03", "-6", "Cake")
	kept.Row.RawDescription = "raw-" + user
	later := movement(a, "later", "2026-01-04", "-5", "Tea room")
	stored, err := s.StoreDelta(ctx, conn, bankmux.SyncState{}, bankmux.Delta{
		Added:     []bankmux.Added{kept, removed, later},
		Suggested: []bankmux.Suggestion{{Was: &kept.Known, May: []*bankmux.Known{&later.Known}}},
	}, bankmux.SyncState{Version: 1})
	require.NoError(t, err)
	require.True(t, stored)
	require.NoError(t, s.SetNote(ctx, user, a, "removed", "a note"))
	stored, err = s.StoreDelta(ctx, conn, bankmux.SyncState{Version: 1}, bankmux.Delta{
		Removed: []bankmux.Absence{{Known: removed.Known, Reason: "taken back"}},
	}, bankmux.SyncState{Version: 2, Cursor: "cursor-" + user, Challenge: &ch})
	require.NoError(t, err)
	require.True(t, stored)
	money, err := bankmux.NewMoney("10.50", "USD")
	require.NoError(t, err)
	require.NoError(t, s.SaveBalances(ctx, conn, []bankmux.AccountBalances{{
		Account: account.ID, Balances: []bankmux.Balance{{Kind: bankmux.BalanceBooked, Money: money}},
	}}))
	_, err = s.SaveChallenge(ctx, user, ch)
	require.NoError(t, err)
	require.NoError(t, s.Mark(ctx, "delivery of "+user))
	require.NoError(t, s.Queue(ctx, event(conn, "about "+user)))
	require.NoError(t, s.Queue(ctx, bankmux.Event{
		Kind: bankmux.EventLinkFinished, Client: "heron", Key: "finished " + user, Session: l.session.ID,
	}.WithExchangePayload(bankmux.NewSecret(string(payload("public-token-"+user))))))
	return conn
}

// tables are all tables of a store, as the database lists them.
func tables(t *testing.T, s *store.Store) (names []string) {
	t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'bankmux%' ORDER BY name"
	if s.Dialect() == store.Postgres {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1"
	}
	rows, err := s.DB().QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	require.Len(t, names, 16)
	return names
}

// dump returns every row of every table as text, with bytes as they are.
func dump(t *testing.T, s *store.Store) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range tables(t, s) {
		all[table] = dumpTable(t, s.DB(), table)
	}
	return all
}

func dumpTable(t *testing.T, db *sql.DB, table string) (lines []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table) //nolint:unqueryvet // whatever columns there are
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(t, rows.Scan(into...))
		var line strings.Builder
		for i, v := range values {
			line.WriteString(columns[i] + "=" + string(v) + "\n")
		}
		lines = append(lines, line.String())
	}
	require.NoError(t, rows.Err())
	slices.Sort(lines)
	return lines
}

func TestDump(t *testing.T) {
	onEach(t, "no column has a secret, a number or an open question in clear", func(t *testing.T, db *database) {
		s := db.open(t)
		fill(t, s, "rosa")
		require.NoError(t,
			s.Backend().PutFact(t.Context(), "heron", guard.Fact{Value: []byte{1}, TTL: lease}))
		all := dump(t, s)
		for _, table := range slices.Sorted(maps.Keys(all)) {
			assert.NotEmpty(t, all[table], "%s must have a row, or the test shows nothing", table)
			for _, secret := range secretsOf("rosa") {
				assert.NotContains(t, strings.Join(all[table], ""), secret, table)
			}
		}
		assert.Contains(t, strings.Join(all["bankmux_transactions"], ""), "tea", "what is searched is in clear")
	})
	onEach(t, "a sealed value opens in no other row", func(t *testing.T, db *database) {
		s := db.open(t)
		fill(t, s, "rosa")
		fill(t, s, "omar")
		for _, table := range []string{
			"bankmux_accounts", "bankmux_transactions", "bankmux_syncs", "bankmux_challenges", "bankmux_exchanges",
			"bankmux_connections", "bankmux_sessions",
		} {
			_, err := s.DB().ExecContext(t.Context(), "UPDATE "+table+" SET sealed = (SELECT MAX(sealed) FROM "+table+
				" o WHERE o.user_id <> "+table+".user_id)")
			if db.dialect == store.Postgres { // it has no maximum of bytes
				_, err = s.DB().ExecContext(t.Context(), "UPDATE "+table+" SET sealed = (SELECT sealed FROM "+table+
					" o WHERE o.user_id <> "+table+".user_id LIMIT 1)")
			}
			require.NoError(t, err)
		}
		n, err := s.Reseal(t.Context(), 0)
		assert.Zero(t, n)
		require.NoError(t, err, "nothing is under an old key")
		_, err = s.Accounts(t.Context(), "rosa")
		require.ErrorIs(t, err, bankmux.ErrSeal)
		_, err = s.Connections(t.Context(), "rosa")
		require.ErrorIs(t, err, bankmux.ErrSeal)
		_, err = s.Sessions(t.Context(), "rosa")
		require.ErrorIs(t, err, bankmux.ErrSeal)
	})
}

// readAll reads everything of a user that is sealed.
func readAll(t *testing.T, s *store.Store, user string) {
	t.Helper()
	conns, err := s.Connections(t.Context(), user)
	require.NoError(t, err)
	require.Len(t, conns, 1)
	_, err = s.Sessions(t.Context(), user)
	require.NoError(t, err)
	state, err := s.SyncState(t.Context(), conns[0])
	require.NoError(t, err)
	assert.Equal(t, "cursor-"+user, state.Cursor)
	accounts, err := s.Accounts(t.Context(), user)
	require.NoError(t, err)
	require.Len(t, accounts, 1)
	assert.Equal(t, "12345678-"+user, accounts[0].Account.Number)
	page, err := s.Transactions(t.Context(), query(user))
	require.NoError(t, err)
	require.Len(t, page.Transactions, 2)
	assert.Equal(t, "raw-"+user, page.Transactions[1].Row.RawDescription)
	var id string
	require.NoError(t, s.DB().QueryRowContext(t.Context(),
		"SELECT id FROM bankmux_challenges WHERE user_id = '"+user+"'").Scan(&id))
	ch, err := s.Challenge(t.Context(), user, id)
	require.NoError(t, err)
	assert.Equal(t, "code-sent-to-"+user, ch.Inputs[0].Query)
}

func TestReseal(t *testing.T) {
	onEach(t, "everything moves to the new key, and the old one can go", func(t *testing.T, db *database) {
		const old = "before-the-rotation" // too long to occur by chance in what is sealed
		db.keys = ring(t, key(old))
		fill(t, db.open(t), "rosa")
		db.keys = ring(t, key("2027"), key(old))
		s := db.open(t)
		readAll(t, s, "rosa")
		var want int
		for _, table := range tables(t, s) {
			for _, line := range dumpTable(t, s.DB(), table) {
				want += strings.Count(line, old+"material") + strings.Count(line, string(rune(len(old)))+old)
			}
		}
		require.NotZero(t, want)
		n, err := s.Reseal(t.Context(), 1)
		require.NoError(t, err)
		assert.Equal(t, want, n)
		n, err = s.Reseal(t.Context(), 0)
		require.NoError(t, err)
		assert.Zero(t, n, "nothing is left")
		db.keys = ring(t, key("2027"))
		s = db.open(t)
		readAll(t, s, "rosa")
		all := dequeue(t, s, 10)
		require.Len(t, all, 2)
		for _, q := range all {
			if q.Connection == nil {
				assert.Equal(t, string(payload("public-token-rosa")), q.ExchangePayload.Reveal())
			}
		}
	})
	onEach(t, "what does not open stays, and the rest moves", func(t *testing.T, db *database) {
		fill(t, db.open(t), "rosa")
		db.keys = ring(t, key("2027"), key("2026"))
		s := db.open(t)
		lost := session(t, "omar")
		require.NoError(t, s.SaveSession(t.Context(), lost))
		sealed, err := lost.Seal(ring(t, key("2026")))
		require.NoError(t, err)
		sealed[len(sealed)-1] ^= 1
		_, err = s.DB().ExecContext(t.Context(), "UPDATE bankmux_sessions SET sealed = $1 WHERE user_id = 'omar'",
			sealed)
		require.NoError(t, err)
		n, err := s.Reseal(t.Context(), 2)
		require.ErrorIs(t, err, bankmux.ErrSeal)
		assert.Greater(t, n, 5)
		db.keys = ring(t, key("2027"))
		readAll(t, db.open(t), "rosa")
	})
	onEach(t, "what is under a key that the ring lacks is not passed over", func(t *testing.T, db *database) {
		fill(t, db.open(t), "rosa")
		db.keys = ring(t, key("2027"))
		n, err := db.open(t).Reseal(t.Context(), 0)
		require.ErrorIs(t, err, bankmux.ErrSeal)
		assert.Contains(t, err.Error(), "under another key")
		assert.Zero(t, n)
	})
	onEach(t, "a key management system that does not name its keys seals all again", func(t *testing.T, db *database) {
		fill(t, db.open(t), "rosa")
		s := db.open(t)
		plain, err := store.New(s.DB(), db.dialect, onlyAEAD{db.keys})
		require.NoError(t, err)
		n, err := plain.Reseal(t.Context(), 3)
		require.NoError(t, err)
		again, err := plain.Reseal(t.Context(), 0)
		require.NoError(t, err)
		assert.Equal(t, n, again)
		assert.Greater(t, n, 8)
		readAll(t, s, "rosa")
	})
}

// onlyAEAD hides the further methods of a keyring.
type onlyAEAD struct{ bankmux.AEAD }
