package riversync

// This file tests which runs keep their workers while a provider or a bank hangs.

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestWorkers specifies the shares of eight workers.
func TestWorkers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T, *pool){
		"a client that hangs keeps a quarter":                      hangingClient,
		"a bank that hangs keeps an eighth":                        hangingBank,
		"a client hangs until a run gets data":                     hangsOn,
		"a run that gets data keeps its worker":                    busyClient,
		"no run ends while a worker is free":                       freeWorker,
		"data of one run lets the next ones of its client run":     clientResponds,
		"the end of a run that went well does so too":              runGoesWell,
		"a run that leaves late changes nothing for the next ones": leavesLate,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &pool{workers: newWorkers(8, time.Minute)}
				test(t, p)
				for _, r := range p.runs {
					r.leave(false)
				}
				assert.Zero(t, p.busy)
				for at, left := range p.at {
					assert.Equal(t, presence{hangs: true}, *left, "%v", at)
				}
			})
		})
	}
}

// pool is the workers with the runs that did not leave.
type pool struct {
	*workers

	runs []*pooled
	made int // runs that started
}

// pooled is a run of a pool.
type pooled struct {
	*turn

	ctx context.Context
}

// start starts n runs of a client. Each is of a bank of its own, unless one is named.
func (p *pool) start(t *testing.T, n int, client, bank string) (all []*pooled) {
	t.Helper()
	for range n {
		p.made++
		conn := bankmux.Connection{ID: fmt.Sprint("connection ", p.made), Client: client}
		conn.Institution.ID = bank
		if bank == "" {
			conn.Institution.ID = "bank of " + conn.ID
		}
		ctx, turn, err := p.enter(t.Context(), &conn)
		require.NoError(t, err)
		all = append(all, &pooled{turn, ctx})
	}
	p.runs = append(p.runs, all...)
	return all
}

// refuses checks that a client or a bank gets no worker.
func (p *pool) refuses(t *testing.T, client, bank string) {
	t.Helper()
	conn := bankmux.Connection{ID: "next", Provider: "heron", Client: client}
	conn.Institution.ID = bank
	_, turn, err := p.enter(t.Context(), &conn)
	assert.Nil(t, turn)
	e := bankmux.ErrorOf(err)
	require.NotNil(t, e, "a worker of %s is given to %s", client, bank)
	assert.Equal(t, bankmux.ErrCircuitOpen, e.Kind)
	assert.True(t, e.NotSent)
	assert.Equal(t, []string{"heron", client, "next"}, []string{e.Provider, e.Client, e.Connection})
}

// end lets the runs leave whose context has ended, and returns how many they are.
func (p *pool) end(t *testing.T) (n int) {
	t.Helper()
	synctest.Wait()
	var left []*pooled
	for _, r := range p.runs {
		if r.ctx.Err() == nil {
			left = append(left, r)
			continue
		}
		assert.ErrorIs(t, context.Cause(r.ctx), errSilent)
		r.leave(false)
		n++
	}
	p.runs = left
	return n
}

func hangingClient(t *testing.T, p *pool) {
	p.start(t, 8, "far", "")
	time.Sleep(time.Minute - 1)
	assert.Zero(t, p.end(t))
	time.Sleep(time.Nanosecond)
	assert.Equal(t, 6, p.end(t))
	p.refuses(t, "far", "another bank")
	p.start(t, 6, "near", "")
	time.Sleep(15 * time.Minute)
	assert.Equal(t, 4, p.end(t), "the other client hangs too")
	p.start(t, 4, "third", "")
}

func hangsOn(t *testing.T, p *pool) {
	p.start(t, 8, "far", "")
	time.Sleep(time.Minute)
	p.end(t)
	for _, r := range p.runs {
		r.leave(false) // its time is over
	}
	p.runs = nil
	p.start(t, 2, "far", "")
	p.refuses(t, "far", "another bank")
}

func hangingBank(t *testing.T, p *pool) {
	p.start(t, 8, "far", "hung")
	time.Sleep(time.Minute)
	assert.Equal(t, 7, p.end(t))
	p.refuses(t, "far", "hung")
	p.start(t, 1, "near", "hung")
	p.start(t, 6, "far", "")
}

func busyClient(t *testing.T, p *pool) {
	all := p.start(t, 8, "far", "hung")
	for range 10 {
		time.Sleep(59 * time.Second)
		for _, r := range all {
			r.hears()
		}
		assert.Zero(t, p.end(t))
	}
	p.start(t, 1, "far", "hung")
}

func freeWorker(t *testing.T, p *pool) {
	p.start(t, 7, "far", "")
	time.Sleep(10 * time.Minute)
	assert.Zero(t, p.end(t))
	p.refuses(t, "far", "another bank")
	p.start(t, 1, "near", "")
	time.Sleep(15 * time.Second)
	assert.Equal(t, 5, p.end(t), "all workers are busy now")
}

func clientResponds(t *testing.T, p *pool) {
	p.start(t, 8, "far", "")
	time.Sleep(time.Minute)
	p.end(t)
	p.refuses(t, "far", "another bank")
	p.runs[0].hears()
	p.start(t, 6, "far", "")
	time.Sleep(time.Minute - 1)
	assert.Zero(t, p.end(t), "the run that is silent since is within the share")
}

func runGoesWell(t *testing.T, p *pool) {
	p.start(t, 8, "far", "")
	time.Sleep(time.Minute)
	p.end(t)
	p.runs[0].leave(true)
	p.runs = p.runs[1:]
	p.start(t, 7, "far", "")
}

func leavesLate(t *testing.T, p *pool) {
	all := p.start(t, 8, "far", "hung")
	time.Sleep(time.Minute)
	assert.Equal(t, 7, p.end(t))
	for _, r := range all[1:] {
		r.hears() // the code of the application did not heed its context
		r.quiet()
	}
	p.refuses(t, "far", "hung")
}

// TestDefaults specifies the times of a fleet whose Options name none.
func TestDefaults(t *testing.T) {
	t.Parallel()
	f, err := Open(new(sql.DB), &river.Config{}, Options{ // it sends nothing
		Connection: func(context.Context, string, string) (bankmux.Connection, error) {
			return bankmux.Connection{}, nil
		},
		Ledger: func(*sql.Tx) bankmux.Ledger { return nil },
		Sync: func(context.Context, bankmux.SyncAllRequest) (bankmux.SyncAllResult, error) {
			return bankmux.SyncAllResult{}, nil
		},
	})
	require.NoError(t, err)
	assert.Equal(t, 15*time.Minute, (&syncWorker{fleet: f}).Timeout(nil), "of a run")
	assert.Equal(t, time.Minute, f.workers.patience, "without data")
}
