package fleettest_test

import (
	"context"
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
	inBubbles(t, func() guard.Backend { return guard.NewMemory() })
}
