package telemetry

// This file reports how the syncs of all connections stand.

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Syncs counts connections.
type Syncs struct {
	States map[string]int // by state, such as "late" and "blocked"
	Latest time.Duration  // how long the connection waits that is late the longest
}

// WatchSyncs reports how the syncs of all connections stand, with each collection of the metrics.
// One process of an application suffices. read may ask a database, such as package fleet/river has
// it:
//
//	err = t.WatchSyncs(func(ctx context.Context) (telemetry.Syncs, error) {
//		s, err := fleet.Status(ctx)
//		return telemetry.Syncs{States: s.States(), Latest: s.Latest}, err
//	})
//
// If read fails, that collection lacks these metrics, and OpenTelemetry gets the error. The error
// of WatchSyncs is that of the meter provider.
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
	_, err = t.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		s, err := read(ctx)
		if err != nil {
			return err
		}
		for state, n := range s.States {
			o.ObserveInt64(connections, int64(n), metric.WithAttributes(syncStateKey.String(state)))
		}
		o.ObserveFloat64(latest, s.Latest.Seconds())
		return nil
	}, connections, latest)
	return err
}

// syncStateKey is the state of a connection's syncs.
const syncStateKey = attribute.Key("bankmux.state")
