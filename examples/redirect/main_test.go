package redirect

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain collects garbage less often, since conformance allocates much and keeps little.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
