package guard_test

// This file specifies calls that start at once on a backend with a pool of connections.

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/guard"
)

// pooled is a backend whose requests wait for one of its connections.
type pooled struct {
	*backend
	conns chan struct{}
}

func newPooled(conns int) *pooled { return &pooled{newBackend(), make(chan struct{}, conns)} }

func (p *pooled) Conns() int { return cap(p.conns) }

func (p *pooled) Acquire(ctx context.Context, c guard.Claim) (guard.Lease, error) {
	select {
	case p.conns <- struct{}{}:
		defer func() { <-p.conns }()
		return p.backend.Acquire(ctx, c)
	case <-ctx.Done():
		return guard.Lease{}, ctx.Err()
	}
}

func (p *pooled) Release(ctx context.Context, r guard.Release) (bool, error) {
	select {
	case p.conns <- struct{}{}:
		defer func() { <-p.conns }()
		return p.backend.Release(ctx, r)
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// TestFleetBurst specifies how many calls may start at once.
func TestFleetBurst(t *testing.T) {
	t.Parallel()
	burst := func(t *testing.T, p *pooled, calls int) guard.FleetStats {
		t.Helper()
		c := newProcess(t, p, func(o *guard.Options) { o.OnePerConnection = true })
		var all sync.WaitGroup
		for i := range calls {
			op := read
			op.Connection = fmt.Sprint(i)
			all.Go(func() {
				start := time.Now()
				assert.NoError(t, c.call(t.Context(), op, func(context.Context) error {
					assert.LessOrEqual(t, time.Since(start), maxDelay)
					time.Sleep(8 * time.Second)
					return nil
				}))
				assert.LessOrEqual(t, time.Since(start), 8*time.Second+maxDelay)
			})
		}
		all.Wait()
		stats := c.fleet.Stats()
		time.Sleep(time.Hour) // what was started ends
		return stats
	}
	for _, c := range []struct {
		conns, calls int
		request      time.Duration
	}{
		{4, 900, time.Millisecond},
		{16, 3900, time.Millisecond},
		{16, 1000, 3 * time.Millisecond},
		{1, 3, 80 * time.Millisecond},
	} {
		name := fmt.Sprintf("%d calls have leases on %d connections if a request takes %s", c.calls, c.conns, c.request)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPooled(c.conns)
				p.delay.Store(int64(c.request))
				stats := burst(t, p, c.calls)
				assert.Zero(t, stats.Unleased)
				assert.Zero(t, stats.Failed)
				assert.False(t, stats.Down)
			})
		})
	}
	t.Run("calls for which no connection is free in time do not make the backend count as down", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPooled(4)
			p.delay.Store(int64(10 * time.Millisecond))
			stats := burst(t, p, 1000)
			assert.InDelta(t, 900, stats.Unleased, 10)
			assert.Zero(t, stats.Failed)
		})
	})
	t.Run("a backend that hangs delays none of many calls by more", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPooled(16)
			p.delay.Store(int64(time.Hour))
			stats := burst(t, p, 1000)
			assert.Equal(t, uint64(1000), stats.Unleased)
			assert.True(t, stats.Down)
		})
	})
}
