package providertest

import (
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

// TestMain collects garbage less often, since the suite allocates much and keeps little.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	goleak.VerifyTestMain(m)
}
