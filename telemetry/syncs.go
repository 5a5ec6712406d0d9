package telemetry

// This file reports how the syncs of all connections stand.

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/bankmux/bankmux/internal/isolate"
)

// Syncs counts connections.
type Syncs struct {
	States map[string]int // by state, such as "late" and "blocked"
	Latest time.Duration  // how long the connection waits that is late the longest
	Oldest time.Duration  // how long ago the last good run was, where it was the longest ago
}

// Limits of the reads of WatchSyncs.
const (
	// syncsTime is the longest time of a collection for a read. Prometheus waits for 10 s by
	// default.
	syncsTime = 5 * time.Second
	// syncsAge is how long a result or a failure is reported again.
	syncsAge = time.Minute
)

// WatchSyncs reports how the syncs of all connections stand, with each collection of the metrics.
// One process of an application suffices. read may ask a database, such as package fleet/river has
// it:
//
//	err = t.WatchSyncs(func(ctx context.Context) (telemetry.Syncs, error) {
//		s, err := fleet.Status(ctx)
//		return telemetry.Syncs{States: s.States(), Latest: s.Latest, Oldest: s.Oldest}, err
//	})
//
// A collection reports the result of the last minute again, so read runs at most once a minute. It
// is never called concurrently. ctx ends after 5 s, and no collection waits longer. A read that
// ignores ctx holds up later reads until it returns, but no other metric.
//
// If read fails, panics or takes too long, the collections of the next minute lack these metrics,
// and OpenTelemetry gets the error. So a database in trouble does not get more work. The error of
// WatchSyncs is that of the meter provider.
func (t *Telemetry) WatchSyncs(read func(context.Context) (Syncs, error)) error {
	connections, err := t.meter.Int64ObservableGauge("bankmux.sync.connections",
		metric.WithUnit("{connection}"), metric.WithDescription("Connections by the state of their syncs."))
	if err != nil {
		return err
	}
	latest, err := t.meter.Float64ObservableGauge("bankmux.sync.latest",
		metric.WithUnit("s"), metric.WithDescription("How long the connection waits that is late the longest."))
	if err != nil {
		return err
	}
	oldest, err := t.meter.Float64ObservableGauge("bankmux.sync.oldest", metric.WithUnit("s"),
		metric.WithDescription("How long ago the last good run was, of the connection where it was the longest ago."))
	if err != nil {
		return err
	}
	r := &syncsReader{read: read, turn: make(chan struct{}, 1)}
	_, err = t.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		s, err := r.latest(ctx)
		if err != nil {
			return err
		}
		for state, n := range s.States {
			o.ObserveInt64(connections, int64(n), metric.WithAttributes(syncStateKey.String(state)))
		}
		o.ObserveFloat64(latest, s.Latest.Seconds())
		o.ObserveFloat64(oldest, s.Oldest.Seconds())
		return nil
	}, connections, latest, oldest)
	return err
}

// syncStateKey is the state of a connection's syncs.
const syncStateKey = attribute.Key("bankmux.state")

// syncsReader runs the reads of WatchSyncs, one at a time.
type syncsReader struct {
	read func(context.Context) (Syncs, error)

	turn chan struct{} // full while a read runs; its holder may use the rest
	last ended
	at   time.Time // when last ended, zero if there was none
}

// ended is a read that has returned.
type ended struct {
	syncs Syncs
	err   error
}

// latest returns what a read of the last minute returned. It does not wait for longer than
// syncsTime.
func (r *syncsReader) latest(ctx context.Context) (Syncs, error) {
	ctx, cancel := context.WithTimeout(ctx, syncsTime)
	defer cancel()
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return Syncs{}, fmt.Errorf("telemetry: an earlier read of the syncs has not ended: %w", ctx.Err())
	}
	if !r.at.IsZero() && time.Since(r.at) < syncsAge {
		defer func() { <-r.turn }()
		return r.last.syncs, r.last.err
	}
	done := make(chan ended, 1)
	go func() {
		defer func() { <-r.turn }()
		s, err := isolate.Of("the read of the syncs", func() (Syncs, error) { return r.read(ctx) })
		r.last, r.at = ended{s, err}, time.Now()
		done <- r.last
	}()
	select {
	case end := <-done:
		return end.syncs, end.err
	case <-ctx.Done():
		return Syncs{}, fmt.Errorf("telemetry: the read of the syncs takes too long: %w", ctx.Err())
	}
}
