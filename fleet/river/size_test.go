package riversync_test

// This file measures what docs/scale.md says of PostgreSQL.

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/pgserver"
	"github.com/bankmux/bankmux/internal/scale"
)

// sizes are the figures of package scale, in bytes.
type sizes struct{ connection, row, job, sync, coldSync, compressed int }

// TestSizes measures connections, rows, jobs and syncs, and compares them with the figures of
// docs/scale.md. With -v it prints them as the file of package scale has them.
func TestSizes(t *testing.T) {
	got := measureSizes(t, 200, 100)
	for _, c := range []struct {
		name           string
		page, measured int
	}{
		{"BytesPerConnection", scale.BytesPerConnection, got.connection},
		{"BytesPerRow", scale.BytesPerRow, got.row},
		{"BytesPerJob", scale.BytesPerJob, got.job},
		{"BytesPerSync", scale.BytesPerSync, got.sync},
		{"BytesPerColdSync", scale.BytesPerColdSync, got.coldSync},
		{"BytesPerCompressedSync", scale.BytesPerCompressedSync, got.compressed},
	} {
		t.Logf("%s = %d", c.name, c.measured)
		assert.InEpsilon(t, c.page, c.measured, 0.2, "%s of internal/scale/size.go", c.name)
	}
}

// measureSizes lets connections sync without rows, then with one row each, and then stores more.
func measureSizes(t *testing.T, connections, rows int) (s sizes) {
	t.Helper()
	d := newDatabaseAt(t, pgserver.Start(t).URL) // tests write to the log of the other one
	p := d.sizeProcess(t, nil)
	emptyJobs, empty := d.bytes(t)
	p.start(t)
	all := make([]bankmux.Connection, connections)
	for i := range all {
		all[i] = p.link(t, fmt.Sprintf("user-%06d", i))
		p.nudge(t, all[i])
	}
	p.waitFor(t, connections)
	p.stop(t)
	jobs, others := d.bytes(t)
	s.job, s.connection = (jobs-emptyJobs)/d.jobs(t), (others-empty)/connections

	row := []string{"1 Coffee and cake at the station"}
	p = d.sizeProcess(t, row).start(t)
	s.sync = p.writtenBy(t, d, all[:50], "SELECT 1")
	s.coldSync = p.writtenBy(t, d, all[50:61], "CHECKPOINT")
	p.stop(t)
	d.url += "&wal_compression=on"
	p = d.sizeProcess(t, row).start(t)
	s.compressed = p.writtenBy(t, d, all[61:72], "CHECKPOINT")
	p.stop(t)
	require.Len(t, p.texts(t, "user-000071"), 1, "each sync stored a row")
	require.Empty(t, p.texts(t, "user-000072"))

	_, before := d.bytes(t)
	for _, conn := range all {
		p.storeRows(t, conn, rows)
	}
	_, after := d.bytes(t)
	s.row = (after - before) / (connections * rows)
	return s
}

// writtenBy returns how much a sync writes to the log, the least of several. Each comes after a
// statement. The server and River write beside some of them, the more the slower the machine is.
func (p *process) writtenBy(t *testing.T, d *database, all []bankmux.Connection, first string) int {
	t.Helper()
	var written []int
	for _, conn := range all {
		d.exec(t, first)
		before := d.written(t)
		p.nudge(t, conn)
		p.waitFor(t, 1)
		written = append(written, d.written(t)-before)
	}
	return slices.Min(written)
}

// twoAccounts is a bank with two accounts, the first of which has the rows.
type twoAccounts struct{ *bank }

func (twoAccounts) Accounts(context.Context, bankmux.AccountsRequest) (res bankmux.AccountsResult, err error) {
	for _, id := range []string{"a", "b"} {
		res.Accounts = append(res.Accounts, bankmux.Account{
			ID: id, Kind: bankmux.AccountChecking, Name: "Everyday account", Number: "1234567" + id, Currency: "USD",
		})
	}
	return res, nil
}

// sizeProcess is a process whose bank has rows with these texts.
func (d *database) sizeProcess(t *testing.T, texts []string) *process {
	t.Helper()
	p := d.process(t, &bank{texts: texts})
	p.client = bankmux.NewClient("heron", twoAccounts{p.bank}, p.observe)
	return p
}

// waitFor waits until syncs have completed.
func (p *process) waitFor(t *testing.T, syncs int) {
	t.Helper()
	for range syncs {
		require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	}
}

// bytes returns the size of River's jobs, and that of all other tables, with their indexes.
func (d *database) bytes(t *testing.T) (jobs, others int) {
	t.Helper()
	const own = " FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"
	var names string
	require.NoError(t, d.db.QueryRowContext(t.Context(), "SELECT string_agg(c.relname, ', ')"+own).Scan(&names))
	d.exec(t, "VACUUM FULL "+names)
	const sum = "SELECT sum(pg_total_relation_size(c.oid))::bigint" + own + " AND c.relname "
	return d.count(t, sum+"= 'river_job'"), d.count(t, sum+"<> 'river_job'")
}

// written returns how much the server has written to its log.
func (d *database) written(t *testing.T) int {
	t.Helper()
	return d.count(t, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
}

// storeRows stores rows of a connection.
func (p *process) storeRows(t *testing.T, conn bankmux.Connection, rows int) {
	t.Helper()
	names, err := p.store.NameAccounts(t.Context(), conn, nil)
	require.NoError(t, err)
	require.Len(t, names, 2)
	amount, err := bankmux.NewMoney("-5.20", "USD")
	require.NoError(t, err)
	day := bankmux.NewDate(2026, 1, 2)
	from, to := p.state(t, conn), p.state(t, conn)
	to.Version++
	page := bankmux.Delta{Next: to.Cursor}
	for i := range rows {
		const text = "Coffee and cake at the station"
		key := fmt.Sprint("transaction-of-the-bank-", i)
		page.Added = append(page.Added, bankmux.Added{
			Known: bankmux.Known{
				Key: key, Account: names["a"], Status: bankmux.StatusBooked, Date: day, Amount: amount,
				Text: text, Aliases: []string{"id:heron:" + key},
			},
			Row: &bankmux.Transaction{
				ID: key, Account: "a", Status: bankmux.StatusBooked, Date: day, Amount: amount,
				Description:  text,
				Counterparty: &bankmux.Counterparty{Name: "Baker & Söhne", IBAN: "DE02120300000000202051"},
			},
		})
	}
	stored, err := p.store.StoreDelta(t.Context(), conn, from, page, to)
	require.NoError(t, err)
	require.True(t, stored)
}
