package guard_test

// This file specifies which leases count as lost.

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
)

// unlucky is a backend that can lose a lease, and cut the connections of its next
// releases of leases.
type unlucky struct {
	*backend
	cut  atomic.Int64
	lost atomic.Bool
}

func (u *unlucky) forget() { u.lost.Store(true) }

func (u *unlucky) Release(ctx context.Context, r guard.Release) (bool, error) {
	if r.Fence != 0 && u.cut.Add(-1) >= 0 {
		return false, errors.New("EOF")
	}
	held, err := u.backend.Release(ctx, r)
	return held && !u.lost.Load(), err
}

// TestFleetLost specifies the leases that count as lost, also if no call waits for their release.
func TestFleetLost(t *testing.T) {
	t.Parallel()
	const (
		late = "WARN bankmux: a call took longer than its lease, and another may have overlapped"
		lost = "WARN bankmux: the shared state lost a lease, and another call may have overlapped"
	)
	for name, test := range map[string]struct {
		slow   bool // the backend takes so long that the call has no time for its release
		during func(b *unlucky, other func())
		after  func(b *unlucky)
		want   string // empty if none is counted
	}{
		"one that the backend lost, without time for its release": {
			slow:   true,
			during: func(b *unlucky, _ func()) { b.forget() },
			want:   lost,
		},
		"one that a backend lost which was away when the call ended": {
			during: func(b *unlucky, other func()) { b.forget(); b.fail(errors.New("no")); other() },
			after:  func(b *unlucky) { b.fail(nil) },
			want:   lost,
		},
		"one of a call that took longer, while the backend was away": {
			during: func(b *unlucky, _ func()) { b.fail(errors.New("no")); time.Sleep(time.Hour) },
			after:  func(b *unlucky) { b.fail(nil) },
			want:   late,
		},
		"one of a call that took longer, and the backend comes back after a while": {
			during: func(b *unlucky, _ func()) { time.Sleep(time.Hour); b.fail(errors.New("no")) },
			after:  func(b *unlucky) { time.Sleep(time.Minute); b.fail(nil) },
			want:   late,
		},
		"not one that was released": {
			during: func(*unlucky, func()) {},
		},
		"not one whose release came later": {
			during: func(b *unlucky, other func()) { b.fail(errors.New("no")); other() },
			after:  func(b *unlucky) { time.Sleep(time.Minute); b.fail(nil) },
		},
		"not one whose release may have been carried out": {
			during: func(b *unlucky, _ func()) { b.forget(); b.cut.Store(1) },
		},
		"not one whose later release may have been carried out": {
			during: func(b *unlucky, other func()) { b.forget(); b.fail(errors.New("no")); other() },
			after:  func(b *unlucky) { b.cut.Store(1); b.fail(nil) },
		},
		"not one whose later release failed, and may have been carried out": {
			during: func(b *unlucky, other func()) { b.forget(); b.fail(errors.New("no")); other() },
			after:  func(b *unlucky) { b.cut.Store(2); b.fail(nil) },
		},
		"not one that ended before the backend was back": {
			during: func(b *unlucky, other func()) { b.fail(errors.New("no")); other() },
			after:  func(b *unlucky) { time.Sleep(time.Hour); b.fail(nil) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, log := &unlucky{backend: newBackend()}, &records{}
				f, err := guard.NewFleet(b, keyring(t), guard.FleetOptions{Logger: slog.New(log)})
				require.NoError(t, err)
				opts := guard.Options{OnePerConnection: true, Fleet: f, ProviderLimit: 4 * time.Minute}
				if test.slow {
					b.delay.Store(int64(119 * time.Millisecond))
					opts.Budgets = budgets(t, guard.Budget{Name: "b", Limit: 9, Window: time.Hour})
				}
				in, other := guard.New(opts).Interceptors(), read
				other.Connection = "other"
				require.NoError(t, chain(in, read, func(context.Context) error {
					test.during(b, func() { assert.NoError(t, chain(in, other, ok)(t.Context())) })
					return nil
				})(t.Context()))
				if test.after != nil {
					test.after(b)
				}
				time.Sleep(time.Hour) // what was started ends
				synctest.Wait()
				var got []string
				for _, line := range log.all {
					if text, _, about := strings.Cut(line, " lease="); about {
						got = append(got, text)
					}
				}
				if test.want == "" {
					assert.Empty(t, got)
					assert.Zero(t, f.Stats().Lost)
					return
				}
				assert.Equal(t, []string{test.want}, got)
				assert.EqualValues(t, 1, f.Stats().Lost)
			})
		})
	}
}
