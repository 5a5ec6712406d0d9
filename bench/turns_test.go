package bench

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

// measured is what each of several ways took.
type measured struct {
	medians []float64 // nanoseconds of one call
	cpu     []float64 // nanoseconds of processor time of all calls, with the garbage collector's
}

// inTurn runs the ways in turn, and each time another one is first.
func inTurn(b *testing.B, all []way) measured {
	b.Helper()
	return inTurns(b, all, 1, func() {})
}

// inTurns is inTurn with several calls of a way per turn. It calls between before each turn.
func inTurns(b *testing.B, all []way, calls int, between func()) measured {
	b.Helper()
	m := measured{make([]float64, len(all)), make([]float64, len(all))}
	took := make([][]time.Duration, len(all))
	i := 0
	for b.Loop() {
		for k := range all {
			w := (k + i) % len(all)
			between()
			before := cpuTime(b)
			for range calls {
				started := time.Now()
				if err := all[w].run(b.Context()); err != nil {
					b.Fatal(all[w].name, err)
				}
				took[w] = append(took[w], time.Since(started))
			}
			m.cpu[w] += float64(cpuTime(b) - before)
		}
		i++
	}
	for w := range all {
		slices.Sort(took[w])
		m.medians[w] = float64(took[w][len(took[w])/2])
	}
	return m
}

// cpuTime is the processor time that this process has used. Unlike time, it barely depends on what
// else the machine does.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
