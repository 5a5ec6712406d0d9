// Package riversync keeps the connections of an application in step with their banks by jobs of
// River (riverqueue.com) in PostgreSQL. [Open] returns a [Fleet], with a client of River that works
// on its jobs:
//
//	fleet, err := riversync.Open(store.DB(), &river.Config{
//		Queues: map[string]river.QueueConfig{riversync.Queue: {MaxWorkers: 100}},
//	}, riversync.Options{
//		Connection: store.Connection,
//		Ledger:     func(tx *sql.Tx) bankmux.Ledger { return store.In(tx) },
//		Sync: func(ctx context.Context, req bankmux.SyncAllRequest) (bankmux.SyncAllResult, error) {
//			client, err := registry.For(req.Connection)
//			if err != nil {
//				return bankmux.SyncAllResult{}, err
//			}
//			return client.SyncAll(ctx, req)
//		},
//		Timetable: schedule.Night{},
//	})
//	…
//	err = fleet.Migrate(ctx)
//	err = fleet.Client().Start(ctx)
//
// River decides which process runs a job, and when. This package adds what banks need:
//
//   - A connection has one job at most. [Fleet.Nudge] makes it run at once: after a link, and when
//     a webhook delivery announces something. A nudge during a run leads to one more run after it.
//   - The transaction that stores the last page of a round also completes the job. It inserts the
//     next one, for the connection's slot of the timetable.
//   - After a failure the job snoozes as long as package schedule says. It ends if the user must
//     act, and it is canceled if the connection is dead.
//   - A run has a fencing number. A worker that lost its job stores nothing any more.
//   - A question of the bank is stored, and any process may answer it: see [Fleet.Replan].
//   - A provider or a bank that hangs takes no workers of others. The runs of a client that get no
//     data for a minute have a quarter of the workers, and those of a bank an eighth. If all
//     workers are busy, the others of these runs end. The next runs of the client or bank fail with
//     [bankmux.ErrCircuitOpen], until one gets data. All of them are tried again later. With a
//     single worker a hang lasts until the end of the run.
//   - A job runs [bankmux.Client.SyncAll] alone, and so it never runs a one-shot. No user waits for
//     it, and its context says so.
//
// All clients of River that are started in one schema need the same workers and the same periodic
// jobs. River elects one of them, which discards a stuck job whose worker it lacks. River does not
// let a client check that. So add the application's workers to the configuration of [Open], and use
// [Fleet.Client]. Or give the application or the fleet a schema of its own (river.Config.Schema). A
// fleet replaces its own jobs that were discarded: see [Fleet.Repair]. It cannot replace those of
// the application.
//
// The table bankmux_river_connections has one row per connection, with its plan. [Fleet.Status]
// counts what is due, late, parked, blocked and dead.
package riversync

import (
	"context"
	"database/sql"
	_ "embed"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/schedule"
)

// Queue is River's queue for the jobs of this package. A process works on them if its
// river.Config.Queues has it.
const Queue = "bankmux"

// Options configure [Open]. Connection, Ledger and Sync are required.
type Options struct {
	// Connection returns the stored connection of a user, with its credential. If the user has
	// deleted it, the error is [bankmux.ErrNotFound] or [bankmux.ErrGone].
	Connection func(ctx context.Context, user, id string) (bankmux.Connection, error)
	// Ledger returns the ledger that works inside a transaction, and neither commits nor rolls
	// back. nil means outside of one. If that one has the method AccountNames of store.Store, a
	// sync writes accounts only if they have changed.
	Ledger func(tx *sql.Tx) bankmux.Ledger
	// Sync runs [bankmux.Client.SyncAll] of the client that serves the connection. It may set
	// Progress and PageSize of the request. It keeps the Ledger of the request, through which the
	// job completes.
	Sync func(ctx context.Context, req bankmux.SyncAllRequest) (bankmux.SyncAllResult, error)

	// Timetable says when a connection that is well is due again. nil means once in 24 hours;
	// [schedule.Night] spreads millions over the night.
	Timetable schedule.Timetable
	// Timeout limits a run. The next run continues at the last stored page. 0 means 15 minutes.
	Timeout time.Duration
	// Patience is how long a run may get no data before it counts as one that hangs. See the
	// comment of the package. 0 means a minute.
	Patience time.Duration
	// Listen is a pool of the same database. River listens on it for new jobs, so they start at
	// once. nil means that it looks for them every river.Config.FetchPollInterval. A pooler that
	// shares connections between transactions passes no notifications on.
	Listen *pgxpool.Pool
	// Logger receives what a job could not do, without data of the user. nil logs nothing.
	Logger *slog.Logger
}

// Fleet plans and runs the syncs of all connections. Make one with [Open] in each process. It is
// safe for concurrent use.
type Fleet struct {
	db      *sql.DB
	driver  *riverdatabasesql.Driver
	client  *river.Client[*sql.Tx]
	opts    Options
	workers *workers
	schema  string // of the tables, "" for that of the search path

	extended  bool   // River has hooks of the application
	finishing string // the statement of finish
	repairs   repairs
}

// Open returns a fleet on a PostgreSQL database that was opened with the driver of pgx. It makes
// the client of River with a copy of cfg. It adds its workers to cfg.Workers, or makes them if that
// is nil. The package comment says what other clients in the same schema need. cfg.Schema is also
// the schema of the package's own table. A process whose cfg.Queues lacks [Queue] only plans.
// Hooks, middleware and plugins of cfg see each job that is inserted. With one of them a run ends
// with four statements, and otherwise with one.
//
// River's default for RescueStuckJobsAfter is an hour. That is how long the job of a process that
// died waits for another one. It should not be below [Options.Timeout].
//
// Open sends nothing. The error is [bankmux.ErrInvalid] for a missing argument, and River's own for
// a wrong cfg.
func Open(db *sql.DB, cfg *river.Config, opts Options) (*Fleet, error) {
	switch {
	case db == nil:
		return nil, invalid("db", "is nil")
	case cfg == nil:
		return nil, invalid("cfg", "is nil")
	case opts.Connection == nil || opts.Ledger == nil || opts.Sync == nil:
		return nil, invalid("Options", "lacks Connection, Ledger or Sync")
	}
	if opts.Timetable == nil {
		opts.Timetable = schedule.Every(0)
	}
	if opts.Timeout <= 0 {
		opts.Timeout = 15 * time.Minute
	}
	if opts.Patience <= 0 {
		opts.Patience = time.Minute
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	f := &Fleet{
		db: db, driver: riverdatabasesql.New(db), opts: opts, schema: cfg.Schema, extended: extended(cfg),
		workers: newWorkers(cfg.Queues[Queue].MaxWorkers, opts.Patience),
	}
	f.finishing = f.named(finishText)
	if opts.Listen != nil {
		f.driver = riverdatabasesql.NewWithPgxListener(db, opts.Listen)
	}
	own := *cfg
	if own.Workers == nil {
		own.Workers = river.NewWorkers()
	}
	if err := river.AddWorkerSafely(own.Workers, &syncWorker{fleet: f}); err != nil {
		return nil, err
	}
	if err := river.AddWorkerSafely(own.Workers, &repairWorker{fleet: f}); err != nil {
		return nil, err
	}
	own.Hooks = append(slices.Clip(own.Hooks), f.plansRepair())
	client, err := river.NewClient(f.driver, &own)
	f.client = client
	return f, err
}

// Client returns the client of River. Start it to work on jobs, and stop it at the end. Use it also
// for other jobs of the application.
func (f *Fleet) Client() *river.Client[*sql.Tx] { return f.client }

//go:embed schema/0001.sql
var table string

// tableIndex is what the last statement of schema/0001.sql makes.
const tableIndex = "bankmux_river_connections_at"

// lockMigrate is the advisory lock of a migration. It belongs to a transaction.
const lockMigrate = 0x62616e6b6d757804 // "bankmux", 4; packages store and fleet/postgres have 1 to 3

// Migrate makes River's tables and the one of this package, or brings them up to date. Call it at
// the start of each process, or once with a role that may make tables. It may be repeated, also by
// several processes at once. It needs two connections of the pool.
func (f *Fleet) Migrate(ctx context.Context) error {
	return failed("Migrate", f.within(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lockMigrate)); err != nil {
			return err
		}
		// River uses transactions of its own, since a new value of an enumeration needs a commit.
		migrator, err := rivermigrate.New(f.driver, &rivermigrate.Config{Schema: f.schema, Logger: f.opts.Logger})
		if err != nil {
			return err
		}
		if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return err
		}
		return f.makeTable(ctx, tx)
	}))
}

// makeTable makes the table of this package, unless it is there. Its last statement would lock the
// table even then, and all runs would wait for the oldest transaction on it.
func (f *Fleet) makeTable(ctx context.Context, tx *sql.Tx) error {
	var there bool
	const last = "SELECT to_regclass(quote_ident(COALESCE(NULLIF($1, ''), current_schema())) || '.' || $2) IS NOT NULL"
	if err := tx.QueryRowContext(ctx, last, f.schema, tableIndex).Scan(&there); err != nil || there {
		return err
	}
	for _, statement := range statements(table) {
		if _, err := tx.ExecContext(ctx, f.named(statement)); err != nil {
			return err
		}
	}
	return nil
}
