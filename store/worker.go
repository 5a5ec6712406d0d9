package store

// This file has the worker that keeps all connections in step.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/schedule"
)

// Worker does what webhooks announced, and syncs each connection after it was linked and then from
// time to time, because webhooks can be lost. Store, Follow and Sync are required.
//
// Any number of processes may have workers on one database. Each event and each connection is taken
// by one of them. If that process dies, another one takes it after [Worker.Lease].
type Worker struct {
	Store *Store
	// Follow does what an event asks for: bankhttp.Service.Follow. After an error it is called
	// again later, with a growing pause, at most ten times. It does not get
	// [bankhttp.EventLinked], because Sync is called after each link.
	Follow func(ctx context.Context, event bankmux.Event, conn bankmux.Connection) error
	// Finish exchanges a link that the user finished, perhaps without returning to the application.
	// The event is a [bankmux.EventLinkFinished] with its ExchangePayload. After an error Finish is
	// called again as Follow is, so it returns nil if a repeat cannot help.
	//
	// It may be nil if bankhttp.Service.Webhooks queues the events, because that finishes links
	// itself. Without Finish, such an event stays queued and is logged each hour.
	Finish func(ctx context.Context, event bankmux.Event) error
	// Sync syncs a connection: bankhttp.Service.SyncConnection, or [bankmux.Client.SyncAll] with
	// the Store as Ledger. The result says when to try again after an error.
	Sync func(ctx context.Context, conn bankmux.Connection) (bankmux.SyncAllResult, error)

	// Balances reads and stores the balances of a connection, after each sync of it that reached
	// its end: bankhttp.Service.ReadBalances. It gets the result of that sync. So a chart of
	// balances has a point for each day. Its error is logged. nil reads none.
	Balances func(ctx context.Context, conn bankmux.Connection, synced bankmux.SyncAllResult) error

	Every time.Duration // between two syncs of a connection; 0 means 24 h
	// Timetable says when a connection that is well is due again, such as [schedule.Night]. nil
	// means Every after its last sync.
	Timetable schedule.Timetable

	Poll time.Duration // between two looks for work; 0 means 1 s
	// Parallel is how many jobs of each client run at a time. Half of them may be of one bank. So a
	// provider that hangs leaves the other ones alone, and a bank that hangs the other banks. 0
	// means 4.
	Parallel int
	// Timeout limits a job. After it, a sync continues at the last stored page, and an event is
	// tried again. 0 means 5 min.
	Timeout time.Duration
	// Lease is how long a process that died holds its jobs; one that lives extends it. A job that
	// two workers have stores nothing twice, because a sync compares and swaps its state. 0 means
	// 30 s.
	Lease  time.Duration
	Logger *slog.Logger // receives the errors of jobs and of the database; nil logs nothing
}

// Run works until ctx ends, and returns nil after its last job has ended. Jobs get a context that
// ends with ctx and says that no user waits. A job that panics counts as one that failed.
//
// If the clock was ahead, it has set syncs and events for too late. Run looks for them at its
// start, one lease later and then each hour. It logs that there are some and does them.
//
// If the database fails, Run logs it and goes on: it takes no new job then. The error is
// [bankmux.ErrInvalid] for a worker that lacks a field.
func (w Worker) Run(ctx context.Context) error {
	if w.Store == nil || w.Follow == nil || w.Sync == nil {
		return invalid("Worker", "lacks Store, Follow or Sync")
	}
	w.setDefaults()
	ctx = bankmux.WithoutUser(ctx)
	var jobs sync.WaitGroup
	defer jobs.Wait()
	slots := newSlots(w.Parallel)
	var look time.Time
	pause := w.Store.limits.Lease // that of a process that died before may last so long
	for ctx.Err() == nil {
		full := slots.full()
		job, err := w.next(ctx, full)
		if err != nil && ctx.Err() == nil {
			w.log(ctx, "no job could be taken", err)
		}
		// A look that is too far ahead was set by a clock that was ahead.
		if ahead := look.Sub(w.Store.now()); err == nil && (ahead <= 0 || ahead > pause) {
			w.correctTimes(ctx)
			w.lookForUnfinished(ctx)
			look, pause = w.Store.now().Add(pause), lookEvery
		}
		if job == nil {
			slots.wait(ctx, w.Poll, full)
			continue
		}
		slots.add(job.of, 1)
		jobs.Go(func() {
			defer slots.end(job.of)
			if err := noPanic(func() error { job.run(ctx); return nil }); err != nil {
				w.log(ctx, "a job could not be given back; it is taken again after the lease", err)
			}
		})
	}
	return nil
}

func (w *Worker) setDefaults() {
	setDefault(&w.Every, 24*time.Hour)
	setDefault(&w.Poll, time.Second)
	setDefault(&w.Parallel, 4)
	setDefault(&w.Timeout, 5*time.Minute)
	setDefault(&w.Lease, 30*time.Second)
	if w.Timetable == nil {
		w.Timetable = schedule.Every(w.Every)
	}
	if w.Logger == nil {
		w.Logger = slog.New(slog.DiscardHandler)
	}
}

// next takes a job: an event if there is one, else a connection that is due. It returns nil if
// there is none. Jobs of full clients and banks wait.
func (w *Worker) next(ctx context.Context, full []jobOf) (*job, error) {
	events, lost, err := w.Store.dequeue(ctx, 1, w.Lease, full)
	if err != nil {
		return nil, err
	}
	w.logUnreadable(ctx, "events do not open and are tried again later, or are given up", lost)
	if len(events) > 0 {
		return w.eventJob(ctx, events[0], full)
	}
	due, lost, err := w.Store.takeDue(ctx, 1, w.Lease, full)
	w.logUnreadable(ctx, "connections do not open and are tried again later", lost)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	return w.syncJob(due[0]), nil
}

// eventJob returns the job of an event. That of a link is the sync for which the connection is due.
// If that sync has started, the next job is another one.
func (w *Worker) eventJob(ctx context.Context, q Queued, full []jobOf) (*job, error) {
	if q.Connection == nil {
		return &job{jobOf{client: q.Event.Client}, func(ctx context.Context) { w.follow(ctx, q) }}, nil
	}
	if q.Event.Name != bankhttp.EventLinked {
		return &job{jobOfConnection(q.Connection), func(ctx context.Context) { w.follow(ctx, q) }}, nil
	}
	due, err := w.Store.takeLinked(ctx, q, w.Lease)
	switch {
	case err != nil:
		return nil, err
	case due == nil:
		return w.next(ctx, full)
	}
	return w.syncJob(*due), nil
}

// syncJob returns the job of a connection that is due.
func (w *Worker) syncJob(d Due) *job {
	return &job{jobOfConnection(&d.Connection), func(ctx context.Context) { w.sync(ctx, d) }}
}

// errNoFinish is the error for a link that the worker cannot finish.
var errNoFinish = errors.New("the worker lacks Finish")

// handle calls the function for an event. An event that names nothing needs none.
func (w *Worker) handle(ctx context.Context, q Queued) error {
	switch {
	case q.Event.Kind == bankmux.EventLinkFinished && w.Finish == nil:
		return errNoFinish
	case q.Event.Kind == bankmux.EventLinkFinished:
		return w.Finish(ctx, q.Event.WithExchangePayload(q.ExchangePayload))
	case q.Connection != nil:
		return w.Follow(ctx, q.Event, *q.Connection)
	}
	return nil
}

// follow does what an event asks for.
func (w *Worker) follow(ctx context.Context, q Queued) {
	stop := w.hold(ctx, func(ctx context.Context) error {
		return w.Store.Postpone(ctx, q, w.Store.now().Add(w.Lease))
	})
	err := w.limited(ctx, func(ctx context.Context) error { return w.handle(ctx, q) })
	stop()
	stopped := stoppedBy(ctx, err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseFor)
	defer cancel()
	switch {
	case err == nil:
		err = w.Store.Done(ctx, q)
	case stopped:
		err = w.Store.Release(ctx, q)
	case errors.Is(err, errNoFinish):
		w.log(ctx, "a link that a user finished stays queued", err)
		err = w.Store.Postpone(ctx, q, w.Store.now().Add(longestPause))
	case q.Attempt >= maxAttempts && q.Connection == nil:
		w.log(ctx, "a link that a user finished is given up; the user may link again", err)
		err = w.Store.Done(ctx, q)
	case q.Attempt >= maxAttempts:
		w.log(ctx, "an event is given up; the connection's next sync reads what it announced", err)
		err = w.Store.Done(ctx, q)
	default:
		w.log(ctx, "an event is tried again later", err)
		err = w.Store.Postpone(ctx, q, w.Store.now().Add(pauseAfter(q.Attempt)))
	}
	if err != nil {
		w.log(ctx, "an event could not be given back; it is taken again after the lease", err)
	}
}

// sync syncs a connection and says when it is due again.
func (w *Worker) sync(ctx context.Context, d Due) {
	stop := w.hold(ctx, func(ctx context.Context) error { return w.Store.extendDue(ctx, &d, w.Lease) })
	var res bankmux.SyncAllResult
	err := w.limited(ctx, func(ctx context.Context) (err error) {
		res, err = w.Sync(ctx, d.Connection)
		return err
	})
	w.readBalances(ctx, d.Connection, res, err)
	stop()
	now := w.Store.now()
	outcome := schedule.Outcome{State: res.State, Err: err, Attempts: 1, End: now}
	plan := schedule.After(d.Connection, outcome, w.Timetable)
	next := plan.At
	switch {
	case stoppedBy(ctx, err):
		next = now // another worker, or the next process, continues
	case plan.State != schedule.Due:
		next = now.Add(w.Every) // Sync sends nothing then, unless the user has acted meanwhile
	}
	if err != nil && !stoppedBy(ctx, err) {
		w.log(ctx, "a sync ended with an error", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseFor)
	defer cancel()
	if err := w.Store.SetDue(ctx, d, next); err != nil {
		w.log(ctx, "a connection could not be given back; it is taken again after the lease", err)
	}
}

// readBalances reads balances after a sync that reached its end.
func (w *Worker) readBalances(
	ctx context.Context, conn bankmux.Connection, synced bankmux.SyncAllResult, err error,
) {
	_, partial := errors.AsType[*bankmux.PartialError](err)
	if w.Balances == nil || (err != nil && !partial) {
		return
	}
	err = w.limited(ctx, func(ctx context.Context) error { return w.Balances(ctx, conn, synced) })
	if err != nil && !stoppedBy(ctx, err) {
		w.log(ctx, "the balances of a connection could not be read", err)
	}
}

// limited calls the application's code. A panic becomes an error, and a call that takes too long
// ends.
func (w *Worker) limited(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	return noPanic(func() error { return call(ctx) })
}

// noPanic turns a panic of the application's code into an error. Otherwise it would end the
// process.
func noPanic(job func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic (%T) at\n%s", p, debug.Stack()) // the value may hold anything
		}
	}()
	return job()
}

// stoppedBy reports whether a job broke off because the worker ends.
func stoppedBy(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, bankmux.ErrContextDone))
}

// hold extends the lease of a job until stop is called.
func (w *Worker) hold(ctx context.Context, extend func(context.Context) error) (stop func()) {
	return keepLease(ctx, w.Lease, func(ctx context.Context) {
		if err := extend(ctx); err != nil && ctx.Err() == nil {
			w.log(ctx, "a lease could not be extended", err)
		}
	})
}

func (w *Worker) logUnreadable(ctx context.Context, text string, lost unreadable) {
	if lost.err != nil {
		w.Logger.LogAttrs(ctx, slog.LevelWarn, text, slog.Int("count", lost.rows),
			slog.Int("given_up", lost.dropped), slog.Any("error", lost.err))
	}
}

func (w *Worker) log(ctx context.Context, text string, err error) {
	w.Logger.LogAttrs(ctx, slog.LevelWarn, text, slog.Any("error", err))
}
