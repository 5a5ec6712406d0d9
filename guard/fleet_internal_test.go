package guard

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/allowance"
)

// TestFleetTake specifies how a budget is shared.
func TestFleetTake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
		require.NoError(t, err)
		f, err := NewFleet(NewMemory(), keys, FleetOptions{})
		require.NoError(t, err)
		chunk := Take{Key: "b", N: 6, Limit: 10, Window: time.Minute}
		for _, want := range []int64{6, 4, 0} {
			taken, ok := f.take(t.Context(), chunk)
			assert.True(t, ok)
			assert.Equal(t, want, taken.N)
		}
		f.failed(errNoResponse)
		_, ok := f.take(t.Context(), chunk)
		assert.False(t, ok, "the process judges alone")
		synctest.Wait()
	})
}

// slow is a backend whose claims take a while.
type slow struct{ *Memory }

func (s slow) Acquire(ctx context.Context, c Claim) (Lease, error) {
	time.Sleep(50 * time.Millisecond)
	return s.Memory.Acquire(ctx, c)
}

// TestFleetWait specifies that the wait for a turn does not use up the allowance of a call.
func TestFleetWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
		require.NoError(t, err)
		f, err := NewFleet(slow{NewMemory()}, keys, FleetOptions{})
		require.NoError(t, err)
		held, err := f.acquire(t.Context(), "turn", time.Minute)
		require.NoError(t, err)
		time.AfterFunc(time.Second, func() { f.release(context.Background(), held) })
		waited := allowance.New(250 * time.Millisecond)
		l, err := f.acquire(allowance.NewContext(t.Context(), waited), "turn", time.Minute)
		require.NoError(t, err)
		assert.Greater(t, l.fence, held.fence)
		assert.Equal(t, 250*time.Millisecond, waited.Left())
		f.release(t.Context(), l)
		free := allowance.New(250 * time.Millisecond)
		l, err = f.acquire(allowance.NewContext(t.Context(), free), "turn", time.Minute)
		require.NoError(t, err)
		assert.Equal(t, 200*time.Millisecond, free.Left())
		f.release(t.Context(), l)
	})
}

// TestReleaseOf specifies how long what a claim gets may be given up.
func TestReleaseOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []Claim{{TTL: time.Minute, Place: time.Second}, {TTL: time.Second, Place: time.Minute}} {
			assert.Equal(t, time.Now().Add(time.Minute), releaseOf(c).until, "it may be the lease, or a place")
			assert.Equal(t, time.Now().Add(c.Place), placeOf(c).until)
		}
	})
}

// TestMemoryClock specifies how far the clock may be put back. A bubble's clock cannot be put back,
// so the test moves the windows.
func TestMemoryClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for back := range 200 {
			m, window := NewMemory(), time.Hour
			take := Take{Key: "k", N: 6, Limit: 10, Window: window}
			first, err := m.Take(t.Context(), take)
			require.NoError(t, err)
			take.Offset = time.Duration(back) * window
			got, err := m.Take(t.Context(), take)
			require.NoError(t, err)
			switch back {
			case 0:
				assert.Equal(t, Taken{N: 4, Ends: first.Ends}, got)
			case 1:
				assert.Equal(t, Taken{N: 4, Ends: first.Ends + window}, got, "the window goes on")
			default:
				assert.Equal(t, Taken{N: 6, Ends: first.Ends}, got, "it is another window, back by %d", back)
			}
		}
	})
}

// gated is a backend that keeps releases waiting until the gate is open.
type gated struct {
	*Memory
	gate  chan struct{}
	mu    sync.Mutex
	heard map[string]int // releases, by their key
}

func (g *gated) Release(_ context.Context, r Release) (bool, error) {
	g.mu.Lock()
	g.heard[r.Key]++
	g.mu.Unlock()
	<-g.gate
	return true, nil
}

// TestFleetPending specifies the releases that wait for the backend while it works on others.
func TestFleetPending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
		require.NoError(t, err)
		b := &gated{Memory: NewMemory(), gate: make(chan struct{}), heard: map[string]int{}}
		f, err := NewFleet(b, keys, FleetOptions{})
		require.NoError(t, err)
		all := maxReleasing + maxPendingReleases
		for i := range all {
			f.later(pendingRelease{Release: Release{Key: strconv.Itoa(i)}, until: time.Now().Add(time.Minute)})
		}
		synctest.Wait()
		assert.Len(t, b.heard, maxReleasing, "they are sent at once, but not all")
		close(b.gate)
		synctest.Wait()
		times := 0
		for _, n := range b.heard {
			times += n
		}
		assert.Equal(t, all, len(b.heard), "each was sent") //nolint:testifylint // the map is long
		assert.Equal(t, all, times, "once")
	})
}

func TestPlace(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `"turn""c""id"`, place("turn", "c", "id"))
	t.Run("different parts give different names", func(t *testing.T) {
		t.Parallel()
		names := map[string][]string{}
		for _, parts := range [][]string{
			{"a", "b"},
			{"ab"},
			{"a", "", "b"},
			{"a", "b", ""},
			{"", "a", "b"},
			{},
			{""},
			{`a""b`},
			{`a"`, "b"},
			{`a\"`, "b"},
			{"a:b"},
			{"a/b"},
			{"a\x00b"},
			{`a\x00b`},
			{"a\xffb"},
			{`a\xffb`},
			{"a\ufffdb"},
			{"é"},
			{"e\u0301"},
			{strings.Repeat("x", 300)},
			{strings.Repeat("x", 301)},
			{strings.Repeat("x", 150), strings.Repeat("x", 150)},
		} {
			name := place(parts...)
			assert.NotContains(t, names, name, "%q and %q", names[name], parts)
			names[name] = parts
		}
	})
	t.Run("every name is printable text without NUL, of up to 200 bytes", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			name := place("turn", string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "part")))
			require.LessOrEqual(t, len(name), maxName)
			for _, r := range name {
				require.True(t, r != utf8.RuneError && strconv.IsPrint(r), "%q", name)
			}
		})
	})
}

// TestEndedBound specifies how many ended challenges a process remembers during an outage.
func TestEndedBound(t *testing.T) {
	t.Parallel()
	all := newHolds()
	for i := range maxHolds + 10 {
		op := &bankmux.Op{Connection: strconv.Itoa(i), Challenge: "x"}
		all.end(loginOf(op), op, nil)
	}
	assert.Equal(t, maxHolds, len(all.ended)) //nolint:testifylint // the map is long
}

// TestPendingBound specifies how many releases wait for a backend that is away.
func TestPendingBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWaiting(t, "left") // as many are sent as may be
		for i := range maxPendingReleases + 5 {
			w.later(pendingRelease{Release: Release{Key: strconv.Itoa(i)}, until: time.Now().Add(time.Minute)})
		}
		assert.Equal(t, maxPendingReleases, len(w.pending)) //nolint:testifylint // the list is long
		assert.Equal(t, "5", w.pending[0].Key, "the oldest are dropped")
	})
}
