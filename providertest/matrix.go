package providertest

import (
	"flag"
	"testing"
	"time"

	"github.com/bankmux/bankmux/guard"
)

// The fault matrix runs every operation of the adapter under every fault. The expected result of a
// cell follows from two small tables. matrix_faults.go says what the fault is. The effect of the
// operation says what sending the call twice would do. Nothing follows from what the adapter does.

var (
	printMatrix  = flag.Bool("matrix", false, "print the fault matrix as a table")
	updateMatrix = flag.Bool("matrix.update", false, "write the fault matrix to the harness's file")
)

// The guard of the matrix has known deadlines, and circuit breakers that count everything and never
// open.
const (
	matrixDeadline = 40 * time.Second
	matrixAttempts = 3
)

func matrixGuard() guard.Options {
	return guard.Options{
		Retry:        guard.RetryOptions{MaxAttempts: matrixAttempts},
		Deadline:     guard.DeadlineOptions{Link: matrixDeadline, Data: matrixDeadline, Pay: matrixDeadline},
		Breaker:      guard.BreakerOptions{Consecutive: 1 << 30, MinRequests: 1 << 30, Window: 1000 * time.Hour},
		Institutions: guard.InstitutionOptions{Consecutive: 1 << 30},
	}
}

// matrix runs all cells and compares the table with the stored one.
func matrix(t *testing.T, newHarness func(*testing.T) Harness, has capabilities) {
	table := &matrixTable{}
	var doc Table
	var ops []operation
	inBubble(t, newHarness, func(_ *testing.T, b *bench) {
		doc = b.Table
		ops = crossable(b, has)
	})
	if doc.Title == "" {
		doc.Title = "an adapter"
	}
	printed := &printedKinds{}
	t.Run("cells", func(t *testing.T) {
		for i, op := range ops {
			t.Run(op.name, func(t *testing.T) {
				t.Parallel()
				inBubble(t, newHarness, func(t *testing.T, b *bench) {
					b.seen.shared = printed
					crossed(t, b, crossable(b, has)[i], table)
				})
			})
		}
	})
	if t.Failed() || table.size() != len(ops)*len(matrixFaults) {
		return // only a part ran, or a cell is wrong
	}
	table.keep(t, doc)
}

// crossed runs one operation under all faults of the run.
func crossed(t *testing.T, b *bench, op operation, table *matrixTable) {
	b.newClient(matrixGuard(), overPlain)
	op.setUp(b)
	idle := b.goroutines() // without an active client; counting takes long
	for _, f := range faultsOfRun() {
		b.newClient(matrixGuard(), f.carrier())
		f.stateless = op.decides
		cell := &matrixCell{bench: b, t: t, op: op, fault: f, idle: idle}
		table.add(cell.run())
		if t.Failed() {
			return // the following cells would fail in the same way
		}
	}
}
