package riversync_test

// This file tests the statement that ends a run that went well.

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// insertHook counts what River inserts.
type insertHook struct {
	river.HookDefaults

	inserts atomic.Int32
}

// InsertBegin implements rivertype.HookInsertBegin.
func (h *insertHook) InsertBegin(_ context.Context, params *rivertype.JobInsertParams) error {
	if params.Kind == "bankmux_sync" {
		h.inserts.Add(1)
	}
	return nil
}

func TestFinish(t *testing.T) {
	t.Parallel()
	t.Run("a hook of the application sees each insert", func(t *testing.T) {
		t.Parallel()
		hook := &insertHook{}
		p := newDatabase(t).process(t, newBank(), func(p *process) { p.hooks = []rivertype.Hook{hook} })
		p.nudge(t, p.link(t, "rosa"))
		p.start(t)
		require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
		assert.EqualValues(t, 2, hook.inserts.Load(), "that of the nudge and that of the night")
	})
	for name, failure := range map[string]error{
		"":                       nil,
		", also after a failure": &bankmux.Error{Kind: bankmux.ErrUnavailable},
		", also after a failure that only the user ends": &bankmux.Error{Kind: bankmux.ErrReauth},
	} {
		t.Run("both jobs and the plan are as River's own functions leave them"+name, func(t *testing.T) {
			t.Parallel()
			finishesAsRiver(t, failure)
		})
	}
	for _, more := range []bool{false, true} {
		for _, asked := range []bool{false, true} {
			for _, refused := range []bool{false, true} {
				state := fmt.Sprintf("more %t, asked %t, refused cursor %t", more, asked, refused)
				t.Run("a run reads what SyncAll reads, "+state, func(t *testing.T) {
					t.Parallel()
					readsAll(t, more, func(s *bankmux.SyncState) {
						if asked {
							s.AskedAt = bankmux.Moment(time.Now())
						}
						if refused {
							s.Cursor = "refused"
						}
					})
				})
			}
		}
	}
	t.Run("a run that lost its connection ends nothing, also if its job still runs", func(t *testing.T) {
		t.Parallel()
		d := newDatabase(t)
		p := d.process(t, newBank())
		conn := p.link(t, "rosa")
		last := newGate()
		p.bank.failing(last.at("page 4"))
		p.nudge(t, conn)
		p.start(t)
		<-last.reached
		d.exec(t, "UPDATE bankmux_river_connections SET running = FALSE") // as a worker that takes it over
		version := p.state(t, conn).Version
		close(last.open)
		require.Equal(t, river.EventKindJobCancelled, p.wait(t).Kind)
		assert.Equal(t, version, p.state(t, conn).Version)
		assert.Equal(t, allTexts[:4], p.texts(t, "rosa"))
		assert.Zero(t, d.jobs(t, "scheduled"), "no next one")
	})
}

// finishesAsRiver compares the end of a run by one statement with that by River's own functions.
// failure is that of a run before it.
func finishesAsRiver(t *testing.T, failure error) {
	t.Helper()
	plain, hooked := newDatabase(t), newDatabase(t)
	ours := plain.process(t, newBank())
	rivers := hooked.process(t, newBank(), func(p *process) { p.hooks = []rivertype.Hook{&insertHook{}} })
	for _, p := range []*process{ours, rivers} {
		conn := p.link(t, "rosa")
		if failure != nil {
			p.bank.failing(fails(failure))
		}
		p.nudge(t, conn)
		p.start(t)
		if failure != nil {
			p.wait(t)
			require.NotZero(t, p.plan(t, conn).Kind)
			p.bank.failing(nil)
			p.nudge(t, conn)
		}
		require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
		p.stop(t)
	}
	for _, rows := range []string{
		"SELECT to_jsonb(j) - '{id,args,created_at,attempted_at,attempted_by,scheduled_at,finalized_at}'::text[]" +
			" || jsonb_build_object('keys', (SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(j.args) k)," +
			" 'ended', finalized_at IS NOT NULL, 'waits', scheduled_at > now())" +
			" FROM river_job j WHERE kind = 'bankmux_sync' ORDER BY id",
		"SELECT to_jsonb(c) - '{connection,job,at,ended_at}'::text[] ||" +
			" jsonb_build_object('ended', ended_at IS NOT NULL," +
			" 'at', at = (SELECT scheduled_at FROM river_job j WHERE j.id = c.job))" +
			" FROM bankmux_river_connections c",
	} {
		want := hooked.texts(t, rows)
		require.NotEmpty(t, want)
		assert.Equal(t, want, plain.texts(t, rows))
	}
}

// readsAll syncs two connections in the same state, one by a job and one without. The transaction
// that ends the job must not be one after which SyncAll goes on.
func readsAll(t *testing.T, more bool, change func(*bankmux.SyncState)) {
	t.Helper()
	p := newDatabase(t).process(t, newBank(), func(p *process) {
		p.attend = true
		p.ran = func(err error) { assert.NoError(t, err) }
	})
	p.start(t)
	pages := map[string][]string{}
	for _, user := range []string{"rosa", "omar"} {
		conn := p.link(t, user)
		if more {
			p.bank.failing(func(_ context.Context, call string, _ *bankmux.Answers) error {
				if call == "page 2" {
					return &bankmux.Error{Kind: bankmux.ErrUnavailable}
				}
				return nil
			})
		}
		request := bankmux.SyncAllRequest{Connection: conn, Ledger: p.store, Force: true}
		_, err := p.client.SyncAll(t.Context(), request)
		require.Equal(t, more, err != nil)
		p.bank.failing(nil)
		state := p.state(t, conn)
		require.Equal(t, more, state.More)
		to := state
		to.Version++
		change(&to)
		stored, err := p.store.StoreSyncState(t.Context(), conn, state, to)
		require.NoError(t, err)
		require.True(t, stored)
		p.bank.taken()
		if user == "rosa" {
			p.nudge(t, conn)
			require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
		} else {
			_, err = p.client.SyncAll(t.Context(), request)
			require.NoError(t, err)
		}
		for _, call := range p.bank.taken() {
			pages[user] = append(pages[user], strings.TrimSuffix(call, " of "+user))
		}
		assert.Equal(t, allTexts, p.texts(t, user))
	}
	assert.NotEmpty(t, pages["omar"])
	assert.Equal(t, pages["omar"], pages["rosa"])
}
