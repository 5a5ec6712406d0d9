package e2e_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain collects garbage less often, since a bank allocates much and keeps little.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
