package guard_test

// This file specifies what an operator sees of a backend that fails: the log and the counts.

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
)

// records keeps what is logged, as "LEVEL text attribute=value …".
type records struct {
	slog.Handler

	mu  sync.Mutex
	all []string
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }

func (r *records) Handle(_ context.Context, record slog.Record) error {
	line := record.Level.String() + " " + record.Message
	record.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, line)
	return nil
}

// TestFleetLog specifies the records and the counts of a fleet.
func TestFleetLog(t *testing.T) {
	t.Parallel()
	const lease = ` lease="turn""c""conn"`
	type caller = func(send func())
	for name, test := range map[string]func(*testing.T, *backend, *guard.Fleet, caller, *records){
		"a backend that works is not mentioned": func(t *testing.T, _ *backend, f *guard.Fleet, call caller, log *records) {
			for range 3 {
				call(nil)
			}
			assert.Empty(t, log.all)
			assert.Zero(t, f.Stats())
		},
		"one record when it fails, and one when it is back": func(
			t *testing.T, b *backend, f *guard.Fleet, call caller, log *records,
		) {
			b.fail(errors.New("connection refused"))
			failed := time.Now()
			for range 3 {
				call(nil)
				time.Sleep(100 * time.Millisecond)
			}
			assert.Equal(t, []string{
				"WARN bankmux: the shared state is unavailable, and each process judges alone error=connection refused",
			}, log.all)
			assert.Equal(t, guard.FleetStats{
				Down: true, Since: failed, LastFail: "connection refused", Failed: 1, Unleased: 3,
			}, f.Stats())

			b.fail(errors.New("still refused"))
			time.Sleep(time.Second)
			call(nil) // the release that waits has started probes
			synctest.Wait()
			assert.Len(t, log.all, 1)
			assert.Equal(t, guard.FleetStats{
				Down: true, Since: failed, LastFail: "still refused", Failed: 3, Unleased: 4,
			}, f.Stats())

			b.fail(nil)
			time.Sleep(700 * time.Millisecond)
			call(nil)
			synctest.Wait()
			assert.Equal(t, []string{
				"INFO bankmux: the shared state is available again after=1.5s unleased_calls=4 uncounted_calls=0",
			}, log.all[1:])
			assert.Equal(t, guard.FleetStats{
				Since: failed.Add(1500 * time.Millisecond), LastFail: "still refused", Failed: 3, Unleased: 4,
			}, f.Stats())
			call(nil)
			assert.EqualValues(t, 4, f.Stats().Unleased, "calls have leases again")
		},
		"one pair of records in a minute, if it fails again and again": func(
			t *testing.T, b *backend, f *guard.Fleet, call caller, log *records,
		) {
			for range 120 { // of a second each
				b.fail(errors.New("no"))
				call(nil)
				b.fail(nil)
				time.Sleep(time.Second)
				call(nil) // it starts a probe if none was sent
				require.False(t, f.Stats().Down)
			}
			assert.Len(t, log.all, 4, "of two minutes")
			b.fail(errors.New("no"))
			call(nil)
			assert.Len(t, log.all, 5, "the pair of the third minute")
			b.fail(nil)
			time.Sleep(time.Second)
			call(nil)
			b.fail(errors.New("no"))
			call(nil)
			assert.Len(t, log.all, 6)
			time.Sleep(time.Minute)
			call(nil)
			time.Sleep(time.Second)
			assert.Len(t, log.all, 7, "a longer outage has its record, a minute later")
			for range 5 {
				time.Sleep(time.Minute)
				call(nil)
			}
			assert.Len(t, log.all, 7, "and only one")
		},
		"a lease that the backend has lost": func(t *testing.T, b *backend, f *guard.Fleet, call caller, log *records) {
			call(func() { *b.Memory = *guard.NewMemory() })
			assert.Equal(t, []string{
				"WARN bankmux: the shared state lost a lease, and another call may have overlapped" + lease,
			}, log.all)
			assert.Equal(t, guard.FleetStats{Lost: 1}, f.Stats())
		},
		"a lease that ended during its call": func(t *testing.T, _ *backend, f *guard.Fleet, call caller, log *records) {
			call(func() { time.Sleep(time.Hour) })
			assert.Equal(t, []string{
				"WARN bankmux: a call took longer than its lease, and another may have overlapped" + lease,
			}, log.all)
			assert.Equal(t, guard.FleetStats{Lost: 1}, f.Stats())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, log := newBackend(), &records{}
				f, err := guard.NewFleet(b, keyring(t), guard.FleetOptions{Logger: slog.New(log)})
				require.NoError(t, err)
				in := guard.New(guard.Options{OnePerConnection: true, Fleet: f}).Interceptors()
				op := read
				op.Client, op.Connection = "c", "conn"
				test(t, b, f, func(send func()) {
					assert.NoError(t, chain(in, op, func(context.Context) error {
						if send != nil {
							send()
						}
						return nil
					})(t.Context()))
					synctest.Wait()
				}, log)
				time.Sleep(time.Hour) // what was started ends
			})
		})
	}
}

// halfway carries out releases and loses the first response.
type halfway struct {
	*backend
	releases int
}

func (h *halfway) Release(ctx context.Context, r guard.Release) (bool, error) {
	held, err := h.backend.Release(ctx, r)
	if h.releases++; h.releases == 1 {
		return false, errors.New("connection reset")
	}
	return held, err
}

func TestFleetLogOfCallsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, log := newBackend(), &records{}
		b.delay.Store(int64(time.Hour))
		f, err := guard.NewFleet(b, keyring(t), guard.FleetOptions{Logger: slog.New(log)})
		require.NoError(t, err)
		in := guard.New(guard.Options{OnePerConnection: true, Fleet: f}).Interceptors()
		var all sync.WaitGroup
		for _, connection := range []string{"a", "b", "c"} {
			op := read
			op.Connection = connection
			all.Go(func() { assert.NoError(t, chain(in, op, ok)(t.Context())) })
		}
		all.Wait()
		assert.Len(t, log.all, 1, "an outage has one record")
		assert.EqualValues(t, 3, f.Stats().Failed)
		time.Sleep(2 * time.Hour) // what was started ends
	})
}

func TestFleetLogOfARepeatedRelease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &halfway{backend: newBackend()}
		p := newProcess(t, b)
		require.NoError(t, p.call(t.Context(), read, ok))
		assert.Equal(t, 2, b.releases)
		assert.Zero(t, p.fleet.Stats(), "the lease was not lost")
	})
}
