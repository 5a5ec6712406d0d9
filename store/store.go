package store

// This file opens stores.

import (
	"context"
	"database/sql"
	"reflect"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/inbox"
)

// Store is a store in one database. Make one with package store/sqlite or store/postgres, or with
// [New]. It is safe for concurrent use.
type Store struct {
	db      *sql.DB
	tx      *sql.Tx // of the application, or nil: see In
	dialect Dialect
	aead    bankmux.AEAD
	limits  Limits
	now     func() time.Time

	ownClock bool          // the application has set now
	endFor   time.Duration // how long an exchange that ended tries to store its result

	endedClaims *endedClaims
}

// Store fulfils these interfaces.
var (
	_ bankmux.Keeper = (*Store)(nil)
	_ bankmux.Ledger = (*Store)(nil)
	_ inbox.Seen     = (*Store)(nil)
	_ bankhttp.Store = (*Store)(nil)
)

// Limits bound what a store keeps, and for how long a process owns work. Zero means the default.
type Limits struct {
	// Lease is how long a process that died holds an exchange, an update of a connection or an
	// event. A process that lives extends the first two. The default is 30 s.
	Lease time.Duration
	// Events is the number of queued events. The default is 10,000. Half of them may be of
	// connections and sessions that are not stored.
	Events int
	// EventBytes is the size of all queued events together, half of it for the same ones. The
	// default is 16 MiB.
	EventBytes int64
	// EventAge is how long an event stays queued whose connection or session is not stored. The
	// default is 72 h.
	EventAge time.Duration
	// Seen is how long a handled delivery is remembered. The default is 48 h.
	Seen time.Duration
	// Results is how long the result of an exchange outlives its session. The default is 24 h.
	Results time.Duration
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.Lease, 30*time.Second)
	setDefault(&l.Events, 10_000)
	setDefault(&l.EventBytes, 16<<20)
	setDefault(&l.EventAge, 72*time.Hour)
	setDefault(&l.Seen, 48*time.Hour)
	setDefault(&l.Results, 24*time.Hour)
	return l
}

// setDefault sets a limit that is not positive.
func setDefault[T ~int | ~int64](limit *T, fallback T) {
	if *limit <= 0 {
		*limit = fallback
	}
}

// Option configures a [Store].
type Option func(*Store)

// WithLimits sets the limits.
func WithLimits(l Limits) Option { return func(s *Store) { s.limits = l.withDefaults() } }

// WithNow sets the clock. The default is time.Now. All processes of one database need the same
// time, to a few seconds.
func WithNow(now func() time.Time) Option {
	return func(s *Store) { s.now, s.ownClock = now, true }
}

// New returns a store in a database that the application has opened. Call [Store.Migrate] before
// anything else.
//
// For PostgreSQL behind a pooler that shares connections between transactions, set pgx's
// default_query_exec_mode to exec. Package store/postgres does.
//
// For SQLite set the pragmas busy_timeout, foreign_keys and secure_delete on every connection, and
// journal_mode to WAL. Package store/sqlite does. Another driver than those of [Dialect] works too,
// if its errors have the same methods. The error is [bankmux.ErrInvalid] for a nil database or
// AEAD, for a zero [bankmux.Keyring] and for an unknown dialect.
func New(db *sql.DB, dialect Dialect, aead bankmux.AEAD, options ...Option) (*Store, error) {
	if db == nil {
		return nil, invalid("db", "is nil")
	}
	if dialect != SQLite && dialect != Postgres {
		return nil, invalid("dialect", "is neither SQLite nor Postgres")
	}
	if v := reflect.ValueOf(aead); !v.IsValid() || (v.Kind() == reflect.Pointer && v.IsNil()) {
		return nil, invalid("aead", "is nil")
	}
	if ring, ok := aead.(*bankmux.Keyring); ok && ring.IsZero() {
		return nil, invalid("aead", "has no key: use what NewKeyring returned")
	}
	s := &Store{
		db: db, dialect: dialect, aead: aead, limits: Limits{}.withDefaults(), now: time.Now, endFor: releaseFor,
		endedClaims: &endedClaims{},
	}
	for _, option := range options {
		option(s)
	}
	return s, nil
}

// Open is [New] for a database that the store closes: it checks that the database responds, and
// otherwise closes it. Packages store/sqlite and store/postgres call it. A database that does not
// respond is an [*Error].
func Open(ctx context.Context, db *sql.DB, dialect Dialect, aead bankmux.AEAD, options ...Option) (*Store, error) {
	s, err := New(db, dialect, aead, options...)
	if err == nil {
		err = failed("Open", db.PingContext(ctx))
	}
	if err != nil {
		if db != nil {
			_ = db.Close()
		}
		return nil, err
	}
	return s, nil
}

// DB returns the database, for tables of the application beside those of the store.
func (s *Store) DB() *sql.DB { return s.db }

// Dialect returns the dialect of the database.
func (s *Store) Dialect() Dialect { return s.dialect }

// Close closes the database. Calls that still run fail.
func (s *Store) Close() error { return failed("Close", s.db.Close()) }

// In returns the store inside a transaction of the application. Its methods neither commit nor roll
// back. After an error of a method roll back, because PostgreSQL refuses further statements.
//
// What a method has written stays locked until your transaction ends, so let it end soon. On SQLite
// that is the whole file. On PostgreSQL it is the rows. [Store.Queue] locks the whole queue if it
// is nearly full: less than 1,000 events or 1 MiB are free.
//
// On SQLite start the transaction with a write, or open the database with _txlock=immediate.
// Otherwise a write after a read may fail at once with "busy". [Store.Exchange], [Store.Reseal],
// [Store.DeleteUser] and [Store.Migrate] need transactions of their own, so they return
// [bankmux.ErrInvalid].
func (s *Store) In(tx *sql.Tx) *Store {
	in := *s
	in.tx = tx
	return &in
}

// alone refuses a method that needs transactions of its own.
func (s *Store) alone(op string) error {
	if s.tx == nil {
		return nil
	}
	return within(op, invalid("Store", "is inside a transaction of the application"))
}

// nowMillis returns the time now in milliseconds since 1970.
func (s *Store) nowMillis() int64 { return s.now().UnixMilli() }
