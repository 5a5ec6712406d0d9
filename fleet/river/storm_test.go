package riversync_test

// This file kills processes in mid-sync and takes jobs away from others. What is stored in the end
// is compared with a run of a single process.

import (
	"context"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/schedule"
)

// TestStorm specifies that processes may be killed at any moment, and that a worker that lost its
// job changes no row.
func TestStorm(t *testing.T) {
	if text := os.Getenv(memberVariable); text != "" {
		beMember(t, text)
	}
	t.Parallel()
	t.Run("after many kill -9 and late holders each ledger is equal to that of one run", stormEndsEqual)
	t.Run("a webhook delivery at one process during the run of another leads to one more run", hearsDuringARun)
}

// audit notes what a late holder writes.
//
//go:embed testdata/audit.sql
var audit string

// storm is the processes that run.
type storm struct {
	*shore

	all     map[string]*exec.Cmd // by their ids
	started int
	dice    *rand.Rand
}

func (s *storm) start(t *testing.T) {
	t.Helper()
	s.started++
	id := fmt.Sprintf("process-%03d", s.started)
	s.all[id] = s.member.start(t, id)
}

// kill kills a process as kill -9 does. Its jobs and its turns end, as if their time was over.
func (s *storm) kill(t *testing.T) {
	t.Helper()
	ids := make([]string, 0, len(s.all))
	for id := range s.all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	id := ids[s.dice.IntN(len(ids))]
	require.NoError(t, s.all[id].Process.Kill())
	require.Error(t, s.all[id].Wait())
	delete(s.all, id)
	s.db.disconnected(t, id)
	s.db.exec(t, "DELETE FROM bankmux_shared WHERE id LIKE 'lease:%' AND EXISTS (SELECT FROM river_job j"+
		" WHERE j.state = 'running' AND j.attempted_by[cardinality(j.attempted_by)] = $1"+
		" AND position(j.args->>'connection' in bankmux_shared.id) > 0)", id)
	s.db.giveAway(t, "attempted_by[cardinality(attempted_by)] = $1", id)
}

// disconnected waits until PostgreSQL has noticed that a process is gone. Until then it may carry
// out what the process sent, such as a request for jobs.
func (d *database) disconnected(t *testing.T, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return d.count(t, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", id) == 0
	}, patience, 10*time.Millisecond)
}

// giveAway lets other workers take jobs that run, as River does after RescueStuckJobsAfter. Each is
// a transaction of its own, since the workers change several jobs at once, in any order.
func (d *database) giveAway(t *testing.T, which string, args ...any) {
	t.Helper()
	const running = " WHERE state = 'running' AND kind = 'bankmux_sync' AND "
	for _, id := range d.texts(t, "SELECT id::text FROM river_job"+running+which, args...) {
		d.exec(t, "UPDATE river_job SET state = 'available'"+running+"id = $1::bigint", id)
	}
}

// late gives jobs of living processes to others.
func (s *storm) late(t *testing.T) {
	t.Helper()
	s.db.giveAway(t, "args->>'user' NOT LIKE 'dapi%' LIMIT 3")
}

// attend syncs connections outside of River, as users who are present.
func (s *storm) attend(ctx context.Context, all []bankmux.Connection) {
	for _, conn := range all {
		// Another run may have the connection. The ledgers are compared at the end.
		_, _ = s.clients[conn.Provider].SyncAll(ctx, bankmux.SyncAllRequest{
			Connection: conn, Ledger: s.store, PageSize: smallPage, Force: true,
		})
	}
}

// blow nudges all connections and kills a process amid their runs, again and again. Users sync some
// connections meanwhile, and the banks book payments.
func (s *storm) blow(t *testing.T, kills int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var users sync.WaitGroup
	defer users.Wait()
	defer cancel()
	for i := range kills {
		for _, conn := range s.conns {
			for j := range 1 + s.dice.IntN(2*smallPage) {
				s.book(t, conn, fmt.Sprintf("payment %d of storm %d", j, i))
			}
		}
		s.nudgeAll(t)
		goal := s.served.Load() + 5 + s.dice.Int64N(40)
		users.Wait()
		users.Go(func() { s.attend(ctx, s.conns[:2]) })
		require.Eventually(t, func() bool {
			done := s.served.Load() >= goal
			if !done && s.db.jobs(t, "available", "running") == 0 { // there were fewer calls than the goal
				s.nudgeAll(t)
			}
			return done
		}, patience, time.Millisecond)
		s.late(t)
		s.kill(t)
		s.start(t)
	}
	users.Wait()
}

// calm waits until each connection has been synced and has its slot of the night. A call that met
// one of a killed process has failed, and is not repeated by itself for a while.
func (s *shore) calm(t *testing.T) {
	t.Helper()
	for _, conn := range s.conns {
		require.NoError(t, s.fleet.Nudge(t.Context(), conn))
	}
	require.Eventually(t, func() bool {
		well := 0
		for _, conn := range s.conns {
			plan, err := s.fleet.Plan(t.Context(), conn)
			switch {
			case err != nil:
			case plan.Reason == schedule.ReasonSlot && s.db.count(t, "SELECT count(*) FROM river_job"+
				" WHERE state = 'scheduled' AND args->>'connection' = $1", conn.ID) == 1:
				well++
			case time.Until(plan.At) > 0:
				require.NoError(t, s.fleet.Nudge(t.Context(), conn))
			}
		}
		return well == len(s.conns)
	}, patience, 50*time.Millisecond, "each connection has its slot of the night")
}

func stormEndsEqual(t *testing.T) {
	t.Parallel()
	kills := 8
	if os.Getenv("BANKMUX_FULL") != "" {
		kills = 100
	}
	s := &storm{shore: newShore(t), all: map[string]*exec.Cmd{}, dice: rand.New(rand.NewPCG(1, 2))}
	s.db.exec(t, audit)
	for _, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
		for range 4 {
			s.link(t, provider)
		}
	}
	for range 3 {
		s.start(t)
	}
	s.blow(t, kills)
	s.calm(t)
	for len(s.all) > 0 {
		s.kill(t)
	}

	assert.Zero(t, s.db.jobs(t, "available", "running", "retryable"))
	assert.Equal(t, len(s.conns), s.db.jobs(t, "scheduled"), "each connection has one job")
	assert.Empty(t, s.db.texts(t, "SELECT finding FROM storm_findings"), "no late holder changed a row")
	assert.Greater(t, s.db.count(t, "SELECT count(DISTINCT process) FROM storm_writes"), 3, "many processes wrote")
	s.equalsOneRun(t)
}

// equalsOneRun compares all ledgers with those that a single process makes of the same banks.
func (s *storm) equalsOneRun(t *testing.T) {
	t.Helper()
	d := newDatabase(t)
	single := s.member
	single.Schema, single.URL = d.schema, d.url
	one := single.open(t)
	for _, conn := range s.conns {
		require.NoError(t, one.store.SaveConnection(t.Context(), conn))
		all := bankmux.SyncAllRequest{Connection: conn, Ledger: one.store}
		_, err := one.clients[conn.Provider].SyncAll(t.Context(), all)
		require.NoError(t, err)
		want, got := ledgerOf(t, one.store, conn.User), ledgerOf(t, s.store, conn.User)
		require.NotEmpty(t, want)
		slices.Sort(want) // payments of one day are in the order in which they came
		slices.Sort(got)
		require.True(t, slices.Equal(want, got), "%s has %d rows, and %d after one run", conn.User, len(got), len(want))
	}
}

// texts returns the column that a query selects.
func (d *database) texts(t *testing.T, query string, args ...any) (all []string) {
	t.Helper()
	rows, err := d.db.QueryContext(t.Context(), query, args...)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		require.NoError(t, rows.Scan(&text))
		all = append(all, text)
	}
	require.NoError(t, rows.Err())
	return all
}
