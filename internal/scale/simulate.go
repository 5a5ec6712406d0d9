package scale

// This file simulates a night, run by run.

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
)

// Night is a night to simulate.
type Night struct {
	Load
	// Headroom is how many times the average load the provider serves. The calls of a second above
	// it wait, as under a budget that is paced. 0 means no limit.
	Headroom float64
	AtOnce   bool // every connection is due at midnight, instead of in its slot
	// From and Outage say when the provider serves nothing. Runs that it interrupts start again.
	From, Outage time.Duration
}

// Result is what a night was like.
type Result struct {
	Calls         int
	BusiestMinute int           // calls of the runs that started in the busiest minute
	PeakInFlight  int           // runs under way at the busiest moment; each has one call at a time
	Last          time.Duration // start of the last run
	MeanWait      time.Duration // between due and start
	MaxWait       time.Duration
	CaughtUp      time.Duration // after the end of the outage, until no run waits
}

// run is one sync of a connection.
type run struct {
	due, start, took time.Duration
	calls            int
}

// Simulate runs a night, run by run, in the order in which they are due. It is deterministic.
func Simulate(n Night) Result {
	runs := n.runs()
	var free, perCall time.Duration // free is when the provider serves the next call
	if n.Headroom > 0 {
		perCall = time.Duration(float64(time.Second) / (n.PerSecond() * n.Headroom))
	}
	back := n.From + n.Outage
	var caughtUp time.Duration
	waiting := n.Outage > 0
	for i := range runs {
		r := &runs[i]
		r.start = max(r.due, free)
		if n.Outage > 0 && r.start < back && r.start+r.took > n.From {
			r.start = back // it breaks off, or does not start
		}
		if waiting && r.start > back && r.start == r.due {
			caughtUp, waiting = max(free-back, 0), false
		}
		free = r.start + perCall*time.Duration(r.calls)
	}
	return measure(runs, caughtUp)
}

// runs returns the runs of the night in the order in which they are due.
func (n Night) runs() []run {
	runs := make([]run, n.Connections)
	for i := range runs {
		r := &runs[i]
		r.calls = int(math.Floor(float64(i+1)*n.Calls+1e-6)) - int(math.Floor(float64(i)*n.Calls+1e-6))
		r.took = time.Duration(r.calls) * n.Call
		if !n.AtOnce {
			r.due = Window.Slot(n.Provider + " connection " + strconv.Itoa(i))
		}
	}
	slices.SortFunc(runs, func(a, b run) int { return cmp.Compare(a.due, b.due) })
	return runs
}

// measure returns what a night was like.
func measure(runs []run, caughtUp time.Duration) Result {
	res := Result{CaughtUp: caughtUp}
	minutes := map[time.Duration]int{}
	type step struct {
		at     time.Duration
		change int // of the calls under way
	}
	steps := make([]step, 0, 2*len(runs))
	var waits time.Duration
	for _, r := range runs {
		res.Calls += r.calls
		minutes[r.start/time.Minute] += r.calls
		res.Last = max(res.Last, r.start)
		waits += r.start - r.due
		res.MaxWait = max(res.MaxWait, r.start-r.due)
		steps = append(steps, step{r.start, 1}, step{r.start + r.took, -1})
	}
	res.MeanWait = waits / time.Duration(len(runs))
	for _, n := range minutes {
		res.BusiestMinute = max(res.BusiestMinute, n)
	}
	slices.SortFunc(steps, func(a, b step) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.change, b.change))
	})
	inFlight := 0
	for _, s := range steps {
		inFlight += s.change
		res.PeakInFlight = max(res.PeakInFlight, inFlight)
	}
	return res
}
