package dapi_test

import (
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

// TestMain collects garbage less often, since conformance allocates much and keeps little.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	goleak.VerifyTestMain(m)
}
