package guard

// This file has the log record of an operation and the attempts in it.

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/plain"
)

// Attempt is one attempt of an operation.
type Attempt struct {
	Started   time.Time
	Took      time.Duration
	Waited    time.Duration // before this attempt
	Kind      bankmux.Kind  // "" for success
	Status    int           // of the HTTP response, 0 if unknown
	RequestID string        // that the provider gave, "" if unknown
	NotSent   bool          // [bankmux.Error.NotSent] of its error
}

// Record collects the attempts of one operation, for interceptors outside [Retry]: [Trace] or an
// OpenTelemetry interceptor of the application. It is safe for concurrent use. A nil Record records
// nothing.
type Record struct {
	outer *Record // of the application, which gets the attempts too; nil if there is none
	own   bool    // of one operation alone: see WithOwnRecord

	mu       sync.Mutex
	attempts []Attempt
}

// Attempts returns the attempts so far.
func (r *Record) Attempts() []Attempt {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Attempt(nil), r.attempts...)
}

// attempt makes and records an attempt. waited is the time before it.
func (r *Record) attempt(ctx context.Context, waited time.Duration, next step) error {
	start := time.Now()
	err := next.run(ctx)
	r.add(start, waited, err)
	return err
}

// add adds an attempt that has ended.
func (r *Record) add(start time.Time, waited time.Duration, err error) {
	a := Attempt{Started: start, Took: time.Since(start), Waited: waited, Kind: bankmux.KindOf(err)}
	if e := bankmux.ErrorOf(err); e != nil {
		a.Status, a.RequestID, a.NotSent = e.Status, e.RequestID, e.NotSent
	}
	for ; r != nil; r = r.outer {
		r.mu.Lock()
		r.attempts = append(r.attempts, a)
		r.mu.Unlock()
	}
}

type recordKey struct{}

// WithRecord returns a context for one operation, and the record of its attempts.
func WithRecord(ctx context.Context) (context.Context, *Record) {
	r := &Record{}
	return context.WithValue(ctx, recordKey{}, r), r
}

// WithOwnRecord is [WithRecord] for an interceptor that counts the attempts of one operation. If
// the application has put a record into ctx, that one gets the attempts too. An interceptor may use
// its context for a call of another client, which gets a record of its own in the same way. The
// attempts of that call go to its own record and to the application's, but not to the
// interceptor's.
func WithOwnRecord(ctx context.Context) (context.Context, *Record) {
	r := &Record{outer: RecordFrom(ctx), own: true}
	if r.outer != nil && r.outer.own {
		r.outer = r.outer.outer
	}
	return context.WithValue(ctx, recordKey{}, r), r
}

// RecordFrom returns the record of the operation with this context, or nil.
func RecordFrom(ctx context.Context) *Record {
	r, _ := ctx.Value(recordKey{}).(*Record)
	return r
}

// Trace writes one log record per operation. The client refuses some calls before any interceptor,
// such as an invalid request; those have no record. The level is:
//
//   - Info for success
//   - Error if the operator must act, such as for rejected credentials, a used-up quota or an
//     unlisted code
//   - Warn for all other errors
//
// A record names the client, operation, institution and connection, and never the user. The
// provider's code and request id are the only texts from outside. If the handler of the logger
// panics, its record is lost and the call continues.
func Trace(logger *slog.Logger) bankmux.Interceptor { return joined(trace(logger)) }

//go:noinline
func trace(logger *slog.Logger) link {
	return func(ctx context.Context, op *bankmux.Op, next step) error {
		record := RecordFrom(ctx)
		if record == nil {
			ctx, record = WithRecord(ctx)
		}
		start := time.Now()
		err := next.run(ctx)
		logOperation(ctx, logger, finished{op: op, record: record, took: time.Since(start), err: err})
		return err
	}
}

// finished is an operation that has ended.
type finished struct {
	op     *bankmux.Op
	record *Record
	took   time.Duration
	err    error
}

// logOperation writes the record of one operation. It recovers from a panic of the handler, which
// must not affect the result of the call.
func logOperation(ctx context.Context, logger *slog.Logger, done finished) {
	defer func() { _ = recover() }()
	op, record, err := done.op, done.record, done.err
	level := level(err)
	if !logger.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs,
		slog.String("op", op.Name), slog.String("client", op.Client), slog.String("provider", op.Provider),
		slog.String("effect", string(op.Effect)), slog.Duration("took", done.took),
		slog.Int("attempts", len(record.Attempts())))
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, plain.Line(value)))
		}
	}
	add("connection", op.StoredConnection())
	add("institution", op.Institution)
	add("product", op.Product)
	if err != nil {
		add("kind", string(bankmux.KindOf(err)))
		if e := bankmux.ErrorOf(err); e != nil {
			add("scope", string(e.Affects()))
			add("code", e.Code)
			add("request_id", e.RequestID)
			add("detail", e.Detail)
			add("remedy", e.Remedy())
			if e.Status != 0 {
				attrs = append(attrs, slog.Int("status", e.Status))
			}
			if e.Unlisted {
				attrs = append(attrs, slog.Bool("unlisted", true))
			}
		}
		attrs = append(attrs, slog.Attr{Key: "tries", Value: slog.GroupValue(attemptAttrs(record.Attempts())...)})
	}
	logger.LogAttrs(ctx, level, "bankmux", attrs...)
}

// level returns the level of an operation's record.
func level(err error) slog.Level {
	if err == nil {
		return slog.LevelInfo
	}
	if e := bankmux.ErrorOf(err); e == nil || e.Unlisted {
		return slog.LevelError
	}
	return bankmux.KindOf(err).LogLevel()
}

// attemptAttrs returns one group per attempt, for at most nine.
func attemptAttrs(attempts []Attempt) []slog.Attr {
	names := [...]string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}
	var all []slog.Attr
	for i, a := range attempts[:min(len(attempts), len(names))] {
		all = append(all, slog.Group(
			names[i],
			slog.Duration(
				"waited",
				a.Waited,
			),
			slog.Duration("took", a.Took),
			slog.String("kind", string(a.Kind)),
			slog.Int("status", a.Status),
		))
	}
	return all
}
