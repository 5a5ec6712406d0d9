package providertest

// This file has what a sync is compared with: the application's rows and the bank's rows.

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// rowStore is an application's store of transactions.
type rowStore struct {
	rows     map[string]bankmux.Known
	cursor   string
	accounts []string            // the requested accounts; nil means all
	name     func(string) string // the application's name for an account
	size     int                 // rows per page
}

func newRowStore() *rowStore { return &rowStore{rows: map[string]bankmux.Known{}, size: 50} }

func (s *rowStore) known(_ context.Context, account string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		for _, k := range s.rows {
			if k.Account == account && !k.Date.Before(from) && !k.Date.After(to) && !yield(k, nil) {
				return
			}
		}
	}
}

// save stores a page and its cursor, as one database transaction does.
func (s *rowStore) save(t *testing.T, d bankmux.Delta) {
	t.Helper()
	for _, a := range d.Added {
		assert.NotContains(t, s.rows, a.Known.Key, "each row has its own key")
		s.rows[a.Known.Key] = a.Known
	}
	for _, c := range slices.Concat(d.Modified, d.Replaced) {
		require.Contains(t, s.rows, c.Was.Key, "what was is what was stored")
		delete(s.rows, c.Was.Key)
		s.rows[c.Known.Key] = c.Known
	}
	for _, m := range d.Missing {
		require.Contains(t, s.rows, m.Known.Key)
		s.rows[m.Known.Key] = m.Known
	}
	for _, m := range d.Removed {
		require.Contains(t, s.rows, m.Known.Key)
		delete(s.rows, m.Known.Key)
	}
	require.NotEmpty(t, d.Next)
	s.cursor = d.Next
}

func (s *rowStore) request(conn bankmux.Connection) bankmux.SyncRequest {
	return bankmux.SyncRequest{
		Connection: conn,
		Cursor:     s.cursor,
		Accounts:   s.accounts,
		Name:       s.name,
		Known:      s.known,
		PageSize:   s.size,
	}
}

// syncAll syncs until there is no further page, and returns all changes.
func (b *bench) syncAll(conn bankmux.Connection, s *rowStore) (all bankmux.Delta) {
	b.t.Helper()
	for range 200 {
		d, err := b.client.Sync(b.t.Context(), s.request(conn))
		require.NoError(b.t, err)
		require.Empty(b.t, d.Failed)
		assert.Less(b.t, len(d.Next), 1024, "a cursor stays small")
		s.save(b.t, d)
		all.Added = append(all.Added, d.Added...)
		all.Modified = append(all.Modified, d.Modified...)
		all.Replaced = append(all.Replaced, d.Replaced...)
		all.Removed = append(all.Removed, d.Removed...)
		all.Missing = append(all.Missing, d.Missing...)
		all.Gaps = append(all.Gaps, d.Gaps...)
		if !d.More {
			return all
		}
	}
	require.Fail(b.t, "a sync that does not end")
	return all
}

// changes counts the changes, without new ids of pending rows: some providers change these at each
// refresh.
func changes(d bankmux.Delta) int {
	n := len(d.Added) + len(d.Modified) + len(d.Removed) + len(d.Missing)
	for _, c := range d.Replaced {
		if c.Was.Status != bankmux.StatusPending {
			n++
		}
	}
	return n
}

// settleRounds is the number of rounds until the application must have the bank's rows. Without a
// record of changes a row counts as removed after two complete readings.
const settleRounds = 4

// settle syncs that many rounds.
func (b *bench) settle(conn bankmux.Connection, s *rowStore) {
	b.t.Helper()
	for range settleRounds {
		time.Sleep(time.Hour)
		b.refetch(conn)
		b.syncAll(conn, s)
	}
}

// statement has the rows of one account at the bank, by their text.
type statement map[string]Row

// add adds a row at the bank.
func (b *bench) add(conn bankmux.Connection, account string, st statement, r Row) {
	b.t.Helper()
	if r.Date.IsZero() {
		r.Date = bankmux.DateOf(time.Now().UTC())
	}
	b.row(conn, account, r)
	st[r.Text] = r
}

// lines returns amount, day and status of the rows.
func (st statement) lines() []string {
	var all []string
	for _, r := range st {
		sign := "-"
		if r.In {
			sign = ""
		}
		all = append(all, line(sign+r.Amount, r.Date, r.Pending))
	}
	slices.Sort(all)
	return all
}

func line(amount string, on bankmux.Date, pending bool) string {
	state := ""
	if pending {
		state = " pending"
	}
	return fmt.Sprintf("%s on %s%s", amount, on, state)
}

// agrees checks that the application has the bank's rows.
func (b *bench) agrees(s *rowStore, account string, st statement, after string) {
	b.t.Helper()
	var stored []string
	for _, k := range s.rows {
		if k.Account == account {
			amount := k.Amount.Decimal()
			stored = append(stored, line(amount.Pad(2).String(), k.Date, k.Status == bankmux.StatusPending))
		}
	}
	slices.Sort(stored)
	assert.Equal(b.t, st.lines(), stored, "the application must have the bank's rows after %s", after)
}

// history links a user, adds an account with rows, and syncs once.
func (b *bench) history(rows ...Row) (conn bankmux.Connection, account string, st statement, s *rowStore) {
	b.t.Helper()
	conn = b.connect(b.t.Context())
	account = b.account(conn, bankmux.AccountChecking, "USD")
	st, s = statement{}, newRowStore()
	for _, r := range rows {
		b.add(conn, account, st, r)
	}
	b.refetch(conn)
	b.syncAll(conn, s)
	b.agrees(s, account, st, "the first round")
	time.Sleep(time.Minute)
	return conn, account, st, s
}

// groceries returns rows of the last days.
func groceries() []Row {
	today := bankmux.DateOf(time.Now().UTC())
	return []Row{
		{Amount: "11.10", Text: "bakery", Date: today.AddDays(-4)},
		{Amount: "22.20", Text: "butcher", Date: today.AddDays(-3)},
		{Amount: "33.30", Text: "market", Date: today.AddDays(-2)},
		{Amount: "44.40", In: true, Text: "refund", Date: today.AddDays(-2)},
	}
}
