package riversync_test

// This file tests transactions that meet others on the same rows.

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	riversync "github.com/bankmux/bankmux/fleet/river"
	"github.com/bankmux/bankmux/schedule"
)

//go:embed testdata/deadlock.sql
var deadlock string

func TestLocks(t *testing.T) {
	t.Parallel()
	each(t, map[string]func(*testing.T, *database){
		"a transaction that PostgreSQL ends in favor of another runs again": runsAgain,
		"a role may have serializable transactions by default":              runsSerializable,
		"no two transactions wait for each other":                           waitsInOrder,
		"a process that starts does not wait for those that run":            migratesBeside,
	})
}

func runsAgain(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	d.exec(t, deadlock)
	p.nudge(t, conn)
	p.start(t)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, allTexts, p.texts(t, "rosa"))
	assert.Equal(t, []string{
		"accounts of rosa", "page 0 of rosa", "page 2 of rosa", "page 4 of rosa",
	}, p.bank.taken(), "one run")
	assert.Equal(t, schedule.ReasonSlot, p.plan(t, conn).Reason)
	assert.Equal(t, 1, d.jobs(t, "completed"))
	assert.Equal(t, 1, d.jobs(t, "scheduled"))
	assert.Equal(t, 4, d.count(t, "SELECT last_value FROM deadlock_river_job"), "two jobs, in their second tries")
}

// runsSerializable lets a run wait for a transaction, whose commit ends its first statement.
func runsSerializable(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	p.nudge(t, conn)
	d.url += "&default_transaction_isolation=serializable"
	levels := make(chan string, 100)
	strict := d.process(t, newBank(), func(p *process) {
		p.change = func(o *riversync.Options) {
			ledger := o.Ledger
			o.Ledger = func(tx *sql.Tx) bankmux.Ledger {
				if tx != nil {
					level := ""
					assert.NoError(t, tx.QueryRowContext(t.Context(), "SHOW transaction_isolation").Scan(&level))
					levels <- level
				}
				return ledger(tx)
			}
		}
	})
	tx, err := d.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	pid := 0
	require.NoError(t, tx.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid))
	_, err = tx.ExecContext(t.Context(), "UPDATE bankmux_river_connections SET turn = turn")
	require.NoError(t, err)
	strict.start(t)
	require.Eventually(t, func() bool {
		return d.count(t, "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))", pid) > 0
	}, patience, time.Millisecond)
	require.NoError(t, tx.Commit())
	require.Equal(t, river.EventKindJobCompleted, strict.wait(t).Kind)
	assert.Equal(t, allTexts, p.texts(t, "rosa"))
	require.NotEmpty(t, levels)
	for range len(levels) {
		assert.Equal(t, "read committed", <-levels)
	}
}

// deadlocks counts the transactions that PostgreSQL ended because they waited for each other.
type deadlocks struct{ n atomic.Int64 }

func (*deadlocks) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (c *deadlocks) TraceQueryEnd(_ context.Context, _ *pgx.Conn, q pgx.TraceQueryEndData) {
	if e, ok := errors.AsType[*pgconn.PgError](q.Err); ok && e.Code == "40P01" {
		c.n.Add(1)
	}
}

// waitsInOrder runs at once what locks rows, a number of times.
func waitsInOrder(t *testing.T, d *database) {
	const connections, turns = 6, 25
	found := &deadlocks{}
	d.tracer = found
	b := newBank()
	here, there := d.process(t, b), d.process(t, b)
	var conns []bankmux.Connection
	for i := range connections { // two of each user
		conns = append(conns, here.link(t, fmt.Sprint("user-", i/2)))
	}
	here.start(t)
	there.start(t)
	var all sync.WaitGroup
	for name, call := range map[string]func(conn bankmux.Connection) error{
		"Nudge":  func(conn bankmux.Connection) error { return there.fleet.Nudge(t.Context(), conn) },
		"Remove": func(conn bankmux.Connection) error { return here.fleet.Remove(t.Context(), conn) },
		"Replan": func(conn bankmux.Connection) error {
			return here.fleet.Replan(t.Context(), conn, schedule.Outcome{End: time.Now()})
		},
		"Repair": func(bankmux.Connection) error { _, err := there.fleet.Repair(t.Context()); return err },
		"SyncAll": func(conn bankmux.Connection) error {
			request := bankmux.SyncAllRequest{Connection: conn, Ledger: here.store, Force: true}
			_, err := here.client.SyncAll(t.Context(), request)
			return err
		},
		"a link": func(conn bankmux.Connection) error {
			tx, err := there.store.DB().BeginTx(t.Context(), nil)
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			if err := there.store.In(tx).SaveConnection(t.Context(), conn); err != nil {
				return err
			}
			if err := there.fleet.NudgeTx(t.Context(), tx, conn); err != nil {
				return err
			}
			return tx.Commit()
		},
		"an operator": func(conn bankmux.Connection) error {
			d.exec(t, "DELETE FROM river_job"+
				" WHERE state IN ('available', 'scheduled') AND args->>'connection' = $1", conn.ID)
			return nil
		},
	} {
		for shift := range 2 {
			all.Go(func() {
				for i := range turns {
					assert.NoError(t, call(conns[(i*(1+shift))%connections]), name)
				}
			})
		}
	}
	all.Wait()
	assert.Zero(t, found.n.Load())
	for _, conn := range conns {
		here.nudge(t, conn)
	}
	require.Eventually(t, func() bool { return d.waiting() == connections }, patience, 10*time.Millisecond)
}

func migratesBeside(t *testing.T, d *database) {
	p, next := d.process(t, newBank()), d.process(t, newBank())
	tx, err := p.store.DB().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	require.NoError(t, p.fleet.NudgeTx(t.Context(), tx, p.link(t, "rosa")))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, next.fleet.Migrate(ctx))
}
