package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// BenchmarkSize measures on PostgreSQL how large a connection with two accounts is, and how large a
// transaction. It also measures what a sync without new rows writes. docs/scale.md uses it.
func BenchmarkSize(b *testing.B) {
	if serverURL == "" {
		b.Skip("set BANKMUX_POSTGRES to the URL of a server")
	}
	const connections, rows = 500, 100
	for b.Loop() {
		db := newDatabase(b, store.Postgres)
		c := newClock()
		s := db.open(b, store.WithNow(c.now))
		empty := databaseSize(b, s)
		for i := range connections {
			conn := connection(b, s, fmt.Sprintf("user-%06d", i), fmt.Sprint("token-", i))
			syncOnce(b, s, conn, 0)
		}
		connected := databaseSize(b, s)
		b.ReportMetric(float64(connected-empty)/connections, "B/connection")

		c.advance(time.Hour)
		wal := number(b, s, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
		due, err := s.TakeDue(b.Context(), connections, time.Minute)
		require.NoError(b, err)
		require.Len(b, due, connections)
		for _, d := range due {
			syncOnce(b, s, d.Connection, 0)
			require.NoError(b, s.SetDue(b.Context(), d, c.now().Add(24*time.Hour)))
		}
		written := number(b, s, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint") - wal
		b.ReportMetric(float64(written)/connections, "WAL-B/sync")

		before := databaseSize(b, s)
		for _, d := range due {
			syncOnce(b, s, d.Connection, rows)
		}
		b.ReportMetric(float64(databaseSize(b, s)-before)/(connections*rows), "B/row")
	}
}

// syncOnce stores what a sync reads: two accounts, and rows.
func syncOnce(b *testing.B, s *store.Store, conn bankmux.Connection, rows int) {
	b.Helper()
	names, err := s.NameAccounts(b.Context(), conn, []bankmux.Account{checking("a", "1000001"), checking("b", "1000002")})
	require.NoError(b, err)
	page := bankmux.Delta{Next: "cursor-of-a-hundred-bytes-or-so"}
	for i := range rows {
		page.Added = append(page.Added,
			movement(names["a"], fmt.Sprint("transaction-of-the-bank-", i), "2026-01-02", "-5.20", "Coffee and cake at the station"))
	}
	from, err := s.SyncState(b.Context(), conn)
	require.NoError(b, err)
	to := from
	to.Version++
	to.Cursor, to.SyncedAt, to.LinkedAt = page.Next, time.Now(), conn.LinkedAt
	stored, err := s.StoreDelta(b.Context(), conn, from, page, to)
	require.NoError(b, err)
	require.True(b, stored)
}

// databaseSize returns the bytes of all tables with their indexes.
func databaseSize(b *testing.B, s *store.Store) int64 {
	b.Helper()
	return number(b, s, `SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'`)
}

func number(b *testing.B, s *store.Store, query string) (n int64) {
	b.Helper()
	require.NoError(b, s.DB().QueryRowContext(context.Background(), query).Scan(&n))
	return n
}
