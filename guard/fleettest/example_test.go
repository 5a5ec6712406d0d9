package fleettest_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/guard/fleettest"
)

// A test of a backend is one call. Yours opens a new namespace of a server here, and closes it by
// t.Cleanup. Advance moves the clock of the server.
func ExampleRun() { //nolint:testableexamples // it needs a testing.T
	var clock interface{ Advance(d time.Duration) } // of your server
	_ = func(t *testing.T) {                        // in a test file: func TestBackend(t *testing.T)
		fleettest.Run(t, func(*testing.T) fleettest.Fixture {
			return fleettest.Fixture{Backend: guard.NewMemory(), Advance: clock.Advance}
		})
	}
}

// A backend that lives in the process of the test has the clock of a bubble.
func ExampleChecks() {
	_ = func(t *testing.T) {
		for _, check := range fleettest.Checks() {
			t.Run(check.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					check.Test(t, fleettest.Fixture{Backend: guard.NewMemory(), Advance: time.Sleep})
				})
			})
		}
	}
	fmt.Println(len(fleettest.Checks()) > 10)
	// Output: true
}
