package main

// This file is a worker process, and what a job does there.

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/riverqueue/river"

	"github.com/bankmux/bankmux"
	riversync "github.com/bankmux/bankmux/fleet/river"
	"github.com/bankmux/bankmux/schedule"
)

// work is a worker process. It reads its setup from in, and works until in ends. So it ends with
// the process that started it, however that one ends. It writes its tally to out.
func work(ctx context.Context, in io.Reader, out io.Writer) error {
	var s setup
	reader := json.NewDecoder(in)
	if err := reader.Decode(&s); err != nil {
		return err
	}
	m, err := open(ctx, s, s.Clock.now, map[string]river.QueueConfig{riversync.Queue: {MaxWorkers: s.Jobs}})
	if err != nil {
		return err
	}
	defer m.close()
	if err := m.fleet.Client().Start(ctx); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, reader.Buffered())
	_, _ = io.Copy(io.Discard, in) // an error ends the worker as well
	ending, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := m.fleet.Client().Stop(ending); err != nil { // after the jobs that run
		return err
	}
	_ = m.guard.Flush(ending) // a lease that it could not release ends by itself
	return json.NewEncoder(out).Encode(tally{m.guard.Stats().Unleased})
}

// tally is what a worker counted. It writes it at its end.
type tally struct {
	Unleased uint64 `json:"unleased"` // calls without a lease
}

// timetable gives each connection its slot of the night.
type timetable struct{ clock clock }

// window ends at eight in UTC. It starts after the margin of PSD2's budget, which refuses calls in
// the two minutes after midnight.
var window = schedule.Night{Start: 5 * time.Minute, Length: hoursOfNight*time.Hour - 5*time.Minute}

// Next returns the next slot in the machine's time, as the jobs need it.
func (t timetable) Next(connection string, after time.Time) time.Time {
	return t.clock.machine(window.Next(connection, t.clock.at(after)))
}

// kept is what a job has stored so far.
type kept struct{ notBefore time.Time }

type keptKey struct{}

// sync runs the job of a connection, and writes it into the journal.
func (m *member) sync(ctx context.Context, req bankmux.SyncAllRequest) (bankmux.SyncAllResult, error) {
	client, err := m.registry.For(req.Connection)
	if err != nil {
		return bankmux.SyncAllResult{}, err
	}
	started := time.Now()
	k := &kept{}
	res, err := client.SyncAll(context.WithValue(ctx, keptKey{}, k), req)
	if !k.notBefore.IsZero() {
		res.State.NotBefore = k.notBefore
	}
	return res, errors.Join(err, m.record(context.WithoutCancel(ctx), &req.Connection, started, outcome{res, err}))
}

// fastLedger shortens the waits after a failure, which SyncAll measures in the machine's time. An
// application does not need it: its nights are as long as nights are.
type fastLedger struct {
	bankmux.Ledger

	clock clock
}

// StoreSyncState is a method of [bankmux.Ledger].
func (l *fastLedger) StoreSyncState(
	ctx context.Context, conn bankmux.Connection, from, to bankmux.SyncState,
) (bool, error) {
	// What a budget or a circuit breaker asked for is in the machine's time already.
	if wait := time.Until(to.NotBefore); wait > 0 && to.Err != nil && !to.Err.NotSent {
		to.NotBefore = time.Now().Add(l.clock.wait(wait))
	}
	if k, ok := ctx.Value(keptKey{}).(*kept); ok {
		k.notBefore = to.NotBefore
	}
	return l.Ledger.StoreSyncState(ctx, conn, from, to)
}

// journalTable has a row per run. An application would rather count them in metrics.
const journalTable = "CREATE TABLE nightly_runs (connection TEXT NOT NULL, started TIMESTAMPTZ NOT NULL," +
	" ended TIMESTAMPTZ NOT NULL, kind TEXT NOT NULL, refused BOOLEAN NOT NULL, changed INTEGER NOT NULL)"

// outcome is how a run ended.
type outcome struct {
	res bankmux.SyncAllResult
	err error
}

// record writes a run into the journal. Only the kind of its error is stored.
func (m *member) record(ctx context.Context, conn *bankmux.Connection, started time.Time, o outcome) error {
	kind, refused := "", false
	if o.err != nil {
		kind = string(bankmux.KindOf(o.err))
		e := bankmux.ErrorOf(o.err)
		refused = e != nil && e.NotSent && (e.Code == bankmux.CodeBudget || e.Kind == bankmux.ErrCircuitOpen)
	}
	_, err := m.db.ExecContext(ctx, "INSERT INTO nightly_runs VALUES ($1, $2, $3, $4, $5, $6)",
		conn.ID, started, time.Now(), kind, refused, o.res.Added+o.res.Changed+o.res.Removed)
	if errors.Is(err, sql.ErrConnDone) {
		return nil // the process ends
	}
	return err
}
