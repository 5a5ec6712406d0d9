package fleettest_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/guard/fleettest"
	"github.com/bankmux/bankmux/inbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inBubbles runs the checks on virtual time.
func inBubbles(t *testing.T, open func() guard.Backend) {
	t.Helper()
	for _, c := range fleettest.Checks() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &shifted{Backend: open()}
				c.Test(t, fleettest.Fixture{
					Backend: b,
					PutBack: func(d time.Duration) { b.back += d },
					Other:   func(*testing.T) guard.Backend { return open() },
					Advance: time.Sleep,
					Seen:    inbox.NewMemory(0, 0),
				})
			})
		})
	}
}

// shifted is a backend whose clock is put back, as its counters see it.
type shifted struct {
	guard.Backend
	back time.Duration
}

func (s *shifted) Take(ctx context.Context, t guard.Take) (guard.Taken, error) {
	t.Offset += s.back
	return s.Backend.Take(ctx, t)
}

func TestMemory(t *testing.T) {
	t.Parallel()
	inBubbles(t, func() guard.Backend { return new(guard.Memory) }) // a zero value is an empty backend
}

// slow is a backend whose counters take some time.
type slow struct{ guard.Backend }

// took is how long a slow backend takes.
const took = 10 * time.Millisecond

func (s slow) Take(ctx context.Context, t guard.Take) (guard.Taken, error) {
	time.Sleep(took)
	return s.Backend.Take(ctx, t)
}

// TestMidnight specifies that no check fails because a day ends while it runs.
func TestMidnight(t *testing.T) {
	t.Parallel()
	for calls := range 10 {
		t.Run(fmt.Sprintf("a day ends after %d calls", calls), func(t *testing.T) {
			t.Parallel()
			inBubbles(t, func() guard.Backend {
				now := time.Now()
				midnight := now.Truncate(24 * time.Hour).Add(24 * time.Hour)
				time.Sleep(midnight.Sub(now) - time.Duration(calls)*took - took/2)
				return slow{guard.NewMemory()}
			})
		})
	}
}
