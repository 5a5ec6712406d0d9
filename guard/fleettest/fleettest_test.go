package fleettest_test

import (
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
				c.Test(t, fleettest.Fixture{
					Backend: open(),
					Other:   func(*testing.T) guard.Backend { return open() },
					Advance: time.Sleep,
					Seen:    inbox.NewMemory(0, 0),
				})
			})
		})
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	inBubbles(t, func() guard.Backend { return guard.NewMemory() })
}
