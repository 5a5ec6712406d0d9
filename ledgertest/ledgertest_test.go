package ledgertest_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/ledgertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryLedger(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(*testing.T) ledgertest.Fixture {
		l := new(bankmux.MemoryLedger) // a zero value is an empty ledger
		return ledgertest.Fixture{Ledger: l, Delete: func(_ context.Context, conn bankmux.Connection) error {
			l.Delete(conn)
			return nil
		}}
	})
}
