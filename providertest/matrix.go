package providertest

import (
	"flag"
	"testing"
	"time"

	"github.com/bankmux/bankmux/guard"
)

// The fault matrix: every fault of the list crossed with every operation the adapter has. What must
// come of a cell is concluded from two small tables: what the fault is (matrix_faults.go) and what
// sending the call twice would do (the effect). Nothing is taken from what the adapter does.

var (
	printMatrix  = flag.Bool("matrix", false, "print the fault matrix as a table")
	updateMatrix = flag.Bool("matrix.update", false, "write the fault matrix to the harness's file")
)

// The guard of the matrix: deadlines that the suite knows, and breakers that count everything and
// open never.
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

// matrix runs all cells and compares the table with the one that is kept.
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
	t.Run("cells", func(t *testing.T) {
		for i, op := range ops {
			t.Run(op.name, func(t *testing.T) {
				t.Parallel()
				inBubble(t, newHarness, func(t *testing.T, b *bench) {
					crossed(t, b, crossable(b, has)[i], table)
				})
			})
		}
	})
	if t.Failed() || table.size() != len(ops)*len(matrixFaults) {
		return // a part was run, or there is no truth to write down
	}
	table.keep(t, doc)
}

// crossed is one operation under the faults of the run.
func crossed(t *testing.T, b *bench, op operation, table *matrixTable) {
	b.newClient(matrixGuard(), overPlain)
	op.setUp(b)
	idle := b.goroutines() // with no client at work; to count them takes long
	for _, f := range faultsOfRun() {
		b.newClient(matrixGuard(), f.carrier())
		f.stateless = op.decides
		cell := &matrixCell{bench: b, t: t, op: op, fault: f, idle: idle}
		table.add(cell.run())
		if t.Failed() {
			return // what follows would only repeat it
		}
	}
}
