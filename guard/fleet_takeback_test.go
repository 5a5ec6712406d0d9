package guard

// This file specifies the next call on a lease whose release still waits.

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// mute is a backend that does not respond to claims, if it is set so.
type mute struct {
	*Memory
	on      atomic.Bool
	claimed func() // if not nil, called after a claim was carried out
}

func (m *mute) Acquire(ctx context.Context, c Claim) (Lease, error) {
	if m.on.Load() {
		<-ctx.Done()
		return Lease{}, ctx.Err()
	}
	got, err := m.Memory.Acquire(ctx, c)
	if m.claimed != nil {
		m.claimed()
	}
	return got, err
}

// waiting is a fleet that has a lease whose release waits. The release leaves a fact.
type waiting struct {
	*Fleet
	backend *mute
	fence   int64
}

func newWaiting(t *testing.T, left string) waiting {
	t.Helper()
	keys, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	require.NoError(t, err)
	b := &mute{Memory: NewMemory()}
	f, err := NewFleet(b, keys, FleetOptions{})
	require.NoError(t, err)
	l, err := f.acquire(t.Context(), "turn", time.Minute)
	require.NoError(t, err)
	sealed, ok := f.seal("turn", []byte(left))
	require.True(t, ok)
	f.releasing = maxReleasing // as many are sent as may be
	f.later(pendingRelease{until: l.until, Release: Release{
		Key: "turn", Holder: l.holder, Fence: l.fence, Fact: &Fact{Value: sealed, TTL: time.Hour},
	}})
	return waiting{f, b, l.fence}
}

// sent lets the fleet send what waits, and returns what the next holder finds.
func (w waiting) sent(t *testing.T) (found string) {
	t.Helper()
	w.mu.Lock()
	w.releasing = 0
	w.sendPending()
	w.mu.Unlock()
	synctest.Wait()
	got, err := w.backend.Memory.Acquire(t.Context(), Claim{Key: "turn", Holder: "other", TTL: time.Minute, Place: 1})
	require.NoError(t, err)
	require.Greater(t, got.Fence, w.fence, "the lease is free")
	plain, _ := w.open("turn", got.Fact.Value)
	return string(plain)
}

// stillPending returns how many releases still wait after a while.
func (w waiting) stillPending(d time.Duration) int {
	time.Sleep(d)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropEnded()
	return len(w.pending)
}

// sentElsewhere lets another process have the lease for a moment.
func (w waiting) sentElsewhere(t *testing.T) {
	t.Helper()
	got, err := w.backend.Memory.Acquire(t.Context(), Claim{Key: "turn", Holder: "other", TTL: time.Minute, Place: 1})
	require.NoError(t, err)
	_, err = w.backend.Release(t.Context(), Release{Key: "turn", Holder: "other", Fence: got.Fence})
	require.NoError(t, err)
}

func TestFleetTakeBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, w waiting){
		"the next call goes on with it at once, and finds what was left": func(t *testing.T, w waiting) {
			start := time.Now()
			l, err := w.acquire(t.Context(), "turn", time.Minute)
			require.NoError(t, err)
			assert.Zero(t, time.Since(start))
			assert.Equal(t, w.fence, l.fence)
			assert.Equal(t, "left", string(l.fact))
			w.release(t.Context(), l)
			assert.Equal(t, "left", w.sent(t))
			assert.Zero(t, w.Stats())
		},
		"its time starts again": func(t *testing.T, w waiting) {
			time.Sleep(50 * time.Second)
			l, err := w.acquire(t.Context(), "turn", time.Minute)
			require.NoError(t, err)
			time.Sleep(50 * time.Second)
			w.release(t.Context(), l)
			assert.Equal(t, "left", w.sent(t))
			assert.Zero(t, w.Stats().Lost)
		},
		"what the next call leaves counts": func(t *testing.T, w waiting) {
			l, err := w.acquire(t.Context(), "turn", time.Minute)
			require.NoError(t, err)
			l.change = &Fact{}
			w.release(t.Context(), l)
			assert.Empty(t, w.sent(t))
		},
		"one that has ended is claimed as any other": func(t *testing.T, w waiting) {
			time.Sleep(2 * time.Minute)
			l, err := w.acquire(t.Context(), "turn", time.Minute)
			require.NoError(t, err)
			assert.Greater(t, l.fence, w.fence)
			assert.Nil(t, l.fact, "a late holder changes nothing")
			w.release(t.Context(), l)
			assert.Empty(t, w.sent(t))
		},
		"a call whose claim gets no response loses nothing": func(t *testing.T, w waiting) {
			w.backend.on.Store(true)
			l, err := w.acquire(t.Context(), "turn", time.Minute)
			require.NoError(t, err)
			assert.Zero(t, l.fence)
			w.backend.on.Store(false)
			time.Sleep(time.Second)
			w.available() // starts the probe
			synctest.Wait()
			assert.Equal(t, "left", w.sent(t))
			time.Sleep(time.Hour) // the release is repeated, and does not end the lease of another
		},
		"a call without time for a claim loses nothing": func(t *testing.T, w waiting) {
			ctx := context.Background()
			w.maxDelay = 0 // the allowance is used up
			l, err := w.acquire(ctx, "turn", time.Minute)
			require.NoError(t, err)
			assert.Zero(t, l.fence)
			assert.Equal(t, "left", w.sent(t))
		},
		"a claim that is carried out after its release was sent is given up too": func(t *testing.T, w waiting) {
			w.backend.on.Store(true)
			_, err := w.acquire(t.Context(), "turn", time.Minute)
			require.NoError(t, err)
			w.mu.Lock()
			holder := w.pending[0].Holder
			w.mu.Unlock()
			w.backend.on.Store(false)
			time.Sleep(time.Second)
			w.available()
			synctest.Wait()
			assert.Equal(t, "left", w.sent(t))
			_, err = w.backend.Release(t.Context(), Release{Key: "turn", Holder: "other"})
			require.NoError(t, err)
			claim := Claim{Key: "turn", Holder: holder, TTL: time.Minute, Place: time.Minute}
			late, err := w.backend.Acquire(t.Context(), claim)
			require.NoError(t, err)
			require.Greater(t, late.Fence, w.fence, "it has another fence")
			time.Sleep(2 * time.Second)
			free, err := w.backend.Acquire(t.Context(), Claim{Key: "turn", Holder: "next", TTL: time.Minute, Place: 1})
			require.NoError(t, err)
			assert.NotZero(t, free.Fence)
			time.Sleep(time.Hour)
		},
		"a call that ends during its claim loses nothing": func(t *testing.T, w waiting) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := w.acquire(ctx, "turn", time.Minute)
			require.ErrorIs(t, err, context.Canceled)
			assert.Equal(t, "left", w.sent(t))
			time.Sleep(time.Hour)
		},
		"a call that ends after its claim was carried out gives up the lease until its new end": func(
			t *testing.T, w waiting,
		) {
			time.Sleep(50 * time.Second)
			ctx, cancel := context.WithCancel(t.Context())
			w.backend.claimed = cancel
			_, err := w.acquire(ctx, "turn", time.Minute)
			require.ErrorIs(t, err, context.Canceled)
			assert.Equal(t, 1, w.stillPending(40*time.Second))
			assert.Zero(t, w.stillPending(20*time.Second))
		},
		"a call whose claim gets no response gives up the lease until its new end": func(t *testing.T, w waiting) {
			time.Sleep(50 * time.Second)
			w.backend.on.Store(true)
			_, err := w.acquire(t.Context(), "turn", time.Minute)
			require.NoError(t, err)
			assert.Equal(t, 1, w.stillPending(40*time.Second))
			assert.Zero(t, w.stillPending(21*time.Second))
			w.backend.on.Store(false)
			time.Sleep(time.Minute) // what was started ends
		},
		"a lease ends as seen from before its claim": func(t *testing.T, w waiting) {
			w.backend.claimed = func() { time.Sleep(100 * time.Millisecond) }
			start := time.Now()
			l, err := w.acquire(t.Context(), "another", time.Minute)
			require.NoError(t, err)
			assert.Equal(t, start.Add(time.Minute), l.until)
			w.release(t.Context(), l)
		},
		"one that the backend has lost is counted": func(t *testing.T, w waiting) {
			w.pending[0].unsent, w.pending[0].ends = true, w.pending[0].until
			*w.backend.Memory = *NewMemory()
			w.sentElsewhere(t)
			l, err := w.acquire(t.Context(), "turn", time.Minute)
			require.NoError(t, err)
			assert.NotEqual(t, w.fence, l.fence)
			assert.EqualValues(t, 1, w.Stats().Lost)
			w.release(t.Context(), l)
			assert.EqualValues(t, 1, w.Stats().Lost)
		},
		"a fleet that is down leaves it": func(t *testing.T, w waiting) {
			w.failed(errors.New("no"))
			_, ok := w.takeBack("turn")
			assert.False(t, ok)
			synctest.Wait()
		},
		"the lease of another connection is not taken": func(t *testing.T, w waiting) {
			_, ok := w.takeBack("another")
			assert.False(t, ok)
			assert.Equal(t, "left", w.sent(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, newWaiting(t, "left")) })
		})
	}
	t.Run("a hold that it left is shared when its release was sent", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			all, op := newHolds(), &bankmux.Op{Connection: "1"}
			key := loginOf(op)
			left, err := json.Marshal(sharedHold{Login: key.login(), Cause: &bankmux.Error{Kind: bankmux.ErrReauth}})
			require.NoError(t, err)
			w := newWaiting(t, string(left))
			for _, unshared := range []bool{true, false} {
				l, err := w.acquire(t.Context(), "turn", time.Minute)
				require.NoError(t, err)
				found, before := all.adopt(key, l)
				require.NotNil(t, found.Cause)
				assert.Equal(t, unshared, all.byKey[key].unshared)
				all.leave(key, l, found, before)
				w.release(t.Context(), l)
				assert.False(t, all.byKey[key].unshared)
			}
			w.sent(t)
		})
	})
}

// TestFleetNotShared specifies that a hold counts as shared only if its release left it.
func TestFleetNotShared(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		claim  bool          // the next call claims the lease, and gets no response
		unsent bool          // nothing was sent before
		lose   bool          // the backend loses its data
		later  time.Duration // when the backend is back; the lease lasts a minute
		shared bool
	}{
		"the lease had ended":                              {later: 80 * time.Second},
		"the lease had ended, and a claim got no response": {claim: true, later: 80 * time.Second},
		"the backend lost the lease":                       {unsent: true, lose: true},
		"the release may have come before":                 {lose: true, shared: true},
		"the lease was held":                               {unsent: true, shared: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				all, op := newHolds(), &bankmux.Op{Connection: "1"}
				key := loginOf(op)
				w := newWaiting(t, "left")
				all.add(&hold{key: key, cause: &bankmux.Error{Kind: bankmux.ErrReauth}, unshared: true})
				waits := &w.pending[0]
				waits.shared, waits.unsent, waits.ends = all.sharing(all.byKey[key]), test.unsent, waits.until
				if test.claim {
					time.Sleep(50 * time.Second)
					w.backend.on.Store(true)
					l, err := w.acquire(t.Context(), "turn", time.Minute)
					require.NoError(t, err)
					require.Zero(t, l.fence)
					w.backend.on.Store(false)
					test.later -= 50 * time.Second
				}
				time.Sleep(test.later)
				if test.lose {
					*w.backend.Memory = *NewMemory()
				}
				w.available()
				synctest.Wait()
				w.mu.Lock()
				w.releasing = 0
				w.sendPending()
				w.mu.Unlock()
				synctest.Wait()
				assert.Equal(t, test.shared, !all.byKey[key].unshared)
				time.Sleep(time.Hour) // what was started ends
				assert.Equal(t, test.shared, !all.byKey[key].unshared, "a repeat changes nothing")
			})
		})
	}
}
