// Package postgres lets the processes of an application share state through PostgreSQL 13 or later.
// That is turns on connections, challenges, rejected logins, open circuits, the application's token
// and budgets. [Open] returns a [guard.Backend] for [guard.NewFleet]:
//
//	shared, err := postgres.Open(ctx, os.Getenv("DATABASE_URL"), postgres.Options{})
//	…
//	defer shared.Close()
//	if err := shared.Migrate(ctx); err != nil { … }
//	fleet, err := guard.NewFleet(shared, keys, guard.FleetOptions{Logger: slog.Default()})
//	…
//	g := guard.New(guard.Options{Fleet: fleet})
//
// Each method is one statement in one round trip, and holds no lock afterwards. The package uses no
// locks, settings, prepared statements or notifications of a session. So it works behind a pooler
// that shares connections between transactions, such as PgBouncer. A process that waits for a lease
// asks again from time to time, because notifications would need a session of its own.
//
// If transactions of the role are repeatable read or serializable by default, PostgreSQL may end a
// statement in favor of another. The statement has then changed nothing, and is sent again.
//
// The backend has a small pool of its own. So a call that holds a lease never waits for a
// connection that another call keeps while it waits for the lease.
package postgres

import (
	"context"
	"errors"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/inbox"
)

// Options configure [Open]. The zero value is suitable for production.
type Options struct {
	// Namespace separates applications that share a database: one to 64 letters, digits, dots,
	// hyphens or underscores. All processes of an application have the same. The default is
	// "bankmux".
	Namespace string
	// Conns is the largest number of connections of the pool, which are opened when they are
	// needed. They limit how many calls may start at once: see [guard.Pooled]. The default is 16.
	// The connections of all processes must fit max_connections of the server.
	Conns int
}

// Backend is a [guard.Backend] and an [inbox.Seen] in a PostgreSQL database. It is safe for
// concurrent use.
type Backend struct {
	pool      *pgxpool.Pool
	namespace string
}

// Backend fulfils these interfaces.
var (
	_ guard.Backend = (*Backend)(nil)
	_ guard.Pooled  = (*Backend)(nil)
	_ inbox.Seen    = (*Backend)(nil)
)

// defaultConns serve a thousand calls that start at once, as [guard.Fleet] says.
const defaultConns = 16

// maxConns is the largest pool. Processes share the connections that a server has.
const maxConns = 1000

// namespaces are one to 64 of these characters, as in package fleet/redis.
var namespaces = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// connectTimeout limits a connection attempt if the URL has no connect_timeout.
const connectTimeout = 5 * time.Second

// Open returns a backend for the database at a URL, such as "postgres://app@db.example/app". It
// needs no server yet: connections are made when they are needed. Close the backend at the end.
//
// The error is [bankmux.ErrInvalid] if the URL or an option is wrong. It does not quote the URL.
func Open(ctx context.Context, url string, opts Options) (*Backend, error) {
	if opts.Namespace == "" {
		opts.Namespace = "bankmux"
	}
	if !namespaces.MatchString(opts.Namespace) {
		return nil, invalid("Options.Namespace", "is not 1 to 64 letters, digits, dots, hyphens or underscores")
	}
	if opts.Conns < 0 || opts.Conns > maxConns {
		return nil, invalid("Options.Conns", "is not in 0 to 1,000")
	}
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, invalid("url", "is invalid")
	}
	// One round trip without a prepared statement, as a pooler requires.
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.ConnConfig.StatementCacheCapacity, cfg.ConnConfig.DescriptionCacheCapacity = 0, 0
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	closeReadOnly(cfg.ConnConfig)
	if opts.Conns == 0 {
		opts.Conns = defaultConns
	}
	cfg.MaxConns = int32(opts.Conns)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, invalid("url", "is invalid")
	}
	return &Backend{pool: pool, namespace: opts.Namespace}, nil
}

func invalid(field, detail string) error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "postgres.Open: " + field, Detail: detail, NotSent: true}
}

// readOnly is the code of a server that refuses to write.
const readOnly = "25006"

// closeReadOnly lets the pool close a connection to a standby. After a failover, some may have been
// made before the address led to the new primary.
func closeReadOnly(cfg *pgx.ConnConfig) {
	keep := cfg.OnPgError
	cfg.OnPgError = func(c *pgconn.PgConn, err *pgconn.PgError) bool { return err.Code != readOnly && keep(c, err) }
}

// Conns implements [guard.Pooled].
func (b *Backend) Conns() int { return int(b.pool.Config().MaxConns) }

// Close closes the connections. It waits for requests that are under way.
func (b *Backend) Close() { b.pool.Close() }

// Acquire implements [guard.Leases].
func (b *Backend) Acquire(ctx context.Context, c guard.Claim) (guard.Lease, error) {
	var l guard.Lease
	var ttl int64
	err := b.row(ctx, "Acquire", []any{&l.Fence, &l.Fact.Value, &ttl},
		"SELECT got_fence, got_fact, got_ttl FROM bankmux_fleet_acquire($1, $2, $3, $4, $5)",
		b.namespace, c.Key, c.Holder, c.TTL.Milliseconds(), c.Place.Milliseconds())
	l.Fact.TTL = time.Duration(ttl) * time.Millisecond
	return l, err
}

// Release implements [guard.Leases].
func (b *Backend) Release(ctx context.Context, r guard.Release) (held bool, err error) {
	var fact guard.Fact
	ttl := int64(-1)
	if r.Fact != nil {
		fact, ttl = *r.Fact, r.Fact.TTL.Milliseconds()
	}
	err = b.row(ctx, "Release", []any{&held}, "SELECT bankmux_fleet_release($1, $2, $3, $4, $5, $6)",
		b.namespace, r.Key, r.Holder, r.Fence, fact.Value, ttl)
	return held, err
}

// PutFact implements [guard.Facts].
func (b *Backend) PutFact(ctx context.Context, name string, f guard.Fact) error {
	return b.exec(ctx, "PutFact", "SELECT bankmux_fleet_put($1, $2, $3, $4)",
		b.namespace, name, f.Value, f.TTL.Milliseconds())
}

// Facts implements [guard.Facts].
func (b *Backend) Facts(ctx context.Context) (map[string]guard.Fact, error) {
	var facts map[string]guard.Fact
	err := again(ctx, func() (err error) {
		facts, err = b.facts(ctx)
		return err
	})
	return facts, failed("Facts", err)
}

func (b *Backend) facts(ctx context.Context) (map[string]guard.Fact, error) {
	rows, err := b.pool.Query(ctx, "WITH clock AS (SELECT bankmux_fleet_now() AS t)"+
		" SELECT name, value, expires_at - t FROM bankmux_fleet_facts, clock"+
		" WHERE namespace = $1 AND expires_at > t", b.namespace)
	if err != nil {
		return nil, err
	}
	facts := map[string]guard.Fact{}
	var name string
	var value []byte
	var ttl int64
	_, err = pgx.ForEachRow(rows, []any{&name, &value, &ttl}, func() error {
		facts[name] = guard.Fact{Value: value, TTL: time.Duration(ttl) * time.Millisecond}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return facts, nil
}

// Take implements [guard.Counters].
func (b *Backend) Take(ctx context.Context, t guard.Take) (guard.Taken, error) {
	if t.Window < time.Millisecond {
		return guard.Taken{}, &Error{Op: "Take", Err: errWindow}
	}
	var taken guard.Taken
	var ends int64
	err := b.row(ctx, "Take", []any{&taken.N, &ends},
		"SELECT granted, ends FROM bankmux_fleet_take($1, $2, $3, $4, $5, $6)",
		b.namespace, t.Key, t.N, t.Limit, t.Window.Milliseconds(), t.Offset.Milliseconds())
	taken.Ends = time.Duration(ends) * time.Millisecond
	return taken, err
}

// seenFor is how long a delivery is remembered. Adapters refuse those that are older than a day.
const seenFor = 48 * time.Hour

// Seen implements [inbox.Seen].
func (b *Backend) Seen(ctx context.Context, key string) (known bool, err error) {
	err = b.row(ctx, "Seen", []any{&known}, "SELECT EXISTS (SELECT FROM bankmux_fleet_seen"+
		" WHERE namespace = $1 AND key = $2 AND expires_at > bankmux_fleet_now())", b.namespace, key)
	return known, err
}

// Mark implements [inbox.Seen]. A delivery is remembered for two days.
func (b *Backend) Mark(ctx context.Context, key string) error {
	return b.exec(ctx, "Mark", "SELECT bankmux_fleet_mark($1, $2, $3)", b.namespace, key, seenFor.Milliseconds())
}

// row runs a statement that returns one row.
func (b *Backend) row(ctx context.Context, op string, into []any, query string, args ...any) error {
	return failed(op, again(ctx, func() error { return b.pool.QueryRow(ctx, query, args...).Scan(into...) }))
}

// exec runs a statement whose result does not matter.
func (b *Backend) exec(ctx context.Context, op, query string, args ...any) error {
	return failed(op, again(ctx, func() error {
		_, err := b.pool.Exec(ctx, query, args...)
		return err
	}))
}

// again runs a statement, and runs it again while PostgreSQL ends it in favor of another.
func again(ctx context.Context, statement func() error) error {
	for {
		err := statement()
		of, ok := errors.AsType[*pgconn.PgError](err)
		if aborted := ok && (of.Code == "40001" || of.Code == "40P01"); !aborted || ctx.Err() != nil {
			return err
		}
	}
}

// Error is the error of a [Backend]. Its text has the method and PostgreSQL's code or what happened
// to the connection. It never has a value, a statement or an address.
type Error struct {
	Op    string // the method that failed
	State string // SQLSTATE, "" if there was no response
	Err   error  // the error of the context or of an argument, nil if there is none
}

var errWindow = errors.New("Take.Window is shorter than a millisecond")

// Error returns one line.
func (e *Error) Error() string {
	switch {
	case e.State == "42883", e.State == "42P01":
		return "postgres: " + e.Op + ": the schema is missing: call Migrate"
	case e.State != "":
		return "postgres: " + e.Op + ": SQLSTATE " + e.State
	case e.Err != nil:
		return "postgres: " + e.Op + ": " + e.Err.Error()
	}
	return "postgres: " + e.Op + ": the connection failed"
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// failed returns the error of a method, and nil for nil.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	out := &Error{Op: op}
	if of, ok := errors.AsType[*pgconn.PgError](err); ok {
		out.State = of.Code
	}
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			out.Err = end
		}
	}
	return out
}
