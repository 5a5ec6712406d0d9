package telemetry_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/telemetry"
)

// TestWatchSyncs specifies when syncs are read, and what a read that fails takes away.
func TestWatchSyncs(t *testing.T) {
	t.Run("syncs that cannot be read are left out", syncsThatCannotBeReadAreLeftOut)
	t.Run("a read that hangs takes away only its metrics", aReadThatHangs)
	t.Run("a result is reported again for a minute", aResultIsReportedAgain)
	t.Run("a failure is reported again for a minute", aFailureIsReportedAgain)
	t.Run("a read that panics is left out", aReadThatPanicsIsLeftOut)
}

// collected returns a Telemetry, and a function that returns the names of the metrics of a
// collection.
func collected(t *testing.T) (o *telemetry.Telemetry, collect func() ([]string, error)) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	o, err := telemetry.New(telemetry.Config{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
	require.NoError(t, err)
	require.NoError(t, o.Interceptor()(t.Context(), readAccounts, func(context.Context) error { return nil }))
	return o, func() (names []string, err error) {
		var got metricdata.ResourceMetrics
		err = reader.Collect(t.Context(), &got)
		for _, s := range got.ScopeMetrics {
			for _, m := range s.Metrics {
				names = append(names, m.Name)
			}
		}
		return names, err
	}
}

var (
	withSyncs = []string{
		"bankmux.operation.duration", "bankmux.sync.connections", "bankmux.sync.latest", "bankmux.sync.oldest",
	}
	withoutSyncs = withSyncs[:1]
	late         = telemetry.Syncs{States: map[string]int{"late": 2}, Latest: time.Minute}
)

func syncsThatCannotBeReadAreLeftOut(t *testing.T) {
	o, collect := collected(t)
	away := errors.New("the database is away")
	require.NoError(t, o.WatchSyncs(func(context.Context) (telemetry.Syncs, error) { return late, away }))
	got, err := collect()
	require.ErrorIs(t, err, away)
	assert.Equal(t, withoutSyncs, got)
}

func aReadThatHangs(t *testing.T) {
	for name, heeds := range map[string]bool{"until its context ends": true, "whatever its context says": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, collect := collected(t)
				free := make(chan struct{})
				var reads atomic.Int64 // a collection need not wait for its read
				require.NoError(t, o.WatchSyncs(func(ctx context.Context) (telemetry.Syncs, error) {
					reads.Add(1)
					if heeds {
						select {
						case <-ctx.Done():
							return telemetry.Syncs{}, ctx.Err()
						case <-free:
							return late, nil
						}
					}
					<-free
					return late, nil
				}))
				for range 3 {
					started := time.Now()
					got, err := collect()
					require.ErrorIs(t, err, context.DeadlineExceeded)
					assert.Equal(t, withoutSyncs, got)
					assert.Equal(t, 5*time.Second, time.Since(started))
					time.Sleep(map[bool]time.Duration{true: time.Minute}[heeds])
				}
				assert.Equal(t, map[bool]int64{true: 3, false: 1}[heeds], reads.Load(), "one read runs at a time")
				close(free)
				synctest.Wait()
				got, err := collect()
				require.NoError(t, err)
				assert.Equal(t, withSyncs, got)
			})
		})
	}
}

// readAt is a collection of a test, and how many reads there were until then.
type readAt struct {
	after time.Duration
	reads int
}

// eachMinute has collections within a minute and after it.
var eachMinute = []readAt{{0, 1}, {0, 1}, {time.Minute - 1, 1}, {1, 2}, {time.Minute, 3}}

func aResultIsReportedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, collect := collected(t)
		reads := 0
		require.NoError(t, o.WatchSyncs(func(context.Context) (telemetry.Syncs, error) { reads++; return late, nil }))
		for _, want := range eachMinute {
			time.Sleep(want.after)
			got, err := collect()
			require.NoError(t, err)
			assert.Equal(t, withSyncs, got)
			assert.Equal(t, want.reads, reads)
		}
	})
}

func aFailureIsReportedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, collect := collected(t)
		reads, away := 0, bankmux.ErrUnavailable
		require.NoError(t, o.WatchSyncs(func(context.Context) (telemetry.Syncs, error) {
			if reads++; reads > 3 {
				return late, nil
			}
			return late, away
		}))
		for _, want := range eachMinute {
			time.Sleep(want.after)
			got, err := collect()
			require.ErrorIs(t, err, away)
			assert.Equal(t, withoutSyncs, got)
			assert.Equal(t, want.reads, reads)
		}
		time.Sleep(time.Minute)
		got, err := collect()
		require.NoError(t, err)
		assert.Equal(t, withSyncs, got)
	})
}

func aReadThatPanicsIsLeftOut(t *testing.T) {
	o, collect := collected(t)
	require.NoError(t, o.WatchSyncs(func(context.Context) (telemetry.Syncs, error) { panic("planted") }))
	got, err := collect()
	require.ErrorIs(t, err, bankmux.ErrApplication)
	assert.NotContains(t, err.Error(), "planted")
	assert.Equal(t, withoutSyncs, got)
}
