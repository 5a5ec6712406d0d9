package rest_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain collects garbage less often, since a response that is too long allocates much.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
