package ledgertest_test

import (
	"context"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/ledgertest"
)

// A test of a ledger is one call. Yours opens an empty database here, and closes it by t.Cleanup.
func ExampleRun() { //nolint:testableexamples // it needs a testing.T
	_ = func(t *testing.T) { // in a test file: func TestLedger(t *testing.T)
		ledgertest.Run(t, func(*testing.T) ledgertest.Fixture {
			ledger := bankmux.NewMemoryLedger()
			return ledgertest.Fixture{Ledger: ledger, Delete: func(_ context.Context, conn bankmux.Connection) error {
				ledger.Delete(conn)
				return nil
			}}
		})
	}
}
