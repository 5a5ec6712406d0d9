package main

// This file measures ways in turn.

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Figure is the median of a measure over all rounds. Low and High are its quartiles.
type Figure struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// MarshalJSON writes four digits of each number.
func (f Figure) MarshalJSON() ([]byte, error) { //nolint:unparam // of json.Marshaler
	return fmt.Appendf(nil, `{"median":%.4g,"low":%.4g,"high":%.4g}`, f.Median, f.Low, f.High), nil
}

// Result has the figures of one way. Those that end in "/hand" are ratios to the way by hand. Each
// is the median of the ratios of the rounds.
type Result struct {
	Adapter string            `json:"adapter"`
	Op      string            `json:"op"`
	Callers int               `json:"callers"`
	Way     string            `json:"way"`
	Rounds  int               `json:"rounds"`
	Calls   int               `json:"calls"` // per round
	Figures map[string]Figure `json:"figures"`
}

// figureOf returns the median and the quartiles. It sorts the values.
func figureOf(values []float64) Figure {
	slices.Sort(values)
	at := func(quarters int) float64 { // between the two nearest values, if there is none
		whole, rest := (len(values)-1)*quarters/4, (len(values)-1)*quarters%4
		next := min(whole+1, len(values)-1)
		return values[whole] + (values[next]-values[whole])*float64(rest)/4
	}
	return Figure{at(2), at(1), at(3)}
}

// size is how much is measured.
type size struct{ rounds, calls int }

// inTurn runs the ways in turn, after a round that opens connections and does not count.
func inTurn(ctx context.Context, all []way, callers int, n size) ([]Result, error) {
	var names []string
	for _, w := range all {
		names = append(names, w.name)
		if _, err := round(ctx, w, callers, n.calls); err != nil {
			return nil, err
		}
	}
	of := Result{Callers: callers, Rounds: n.rounds, Calls: n.calls}
	return inRounds(of, names, func(w int) (map[string]float64, error) {
		return round(ctx, all[w], callers, n.calls)
	})
}

// inRounds measures each way once per round. Each round starts with another way, so that no way
// gains by its place. The results are copies of one, with name and figures.
func inRounds(one Result, names []string, measure func(way int) (map[string]float64, error)) ([]Result, error) {
	values := make([]map[string][]float64, len(names))
	for w := range values {
		values[w] = map[string][]float64{}
	}
	for i := range one.Rounds {
		rows := make([]map[string]float64, len(names))
		for k := range names {
			w := (k + i) % len(names)
			var err error
			if rows[w], err = measure(w); err != nil {
				return nil, err
			}
		}
		for w, row := range rows {
			for name, value := range row {
				values[w][name] = append(values[w][name], value)
				if w > 0 {
					values[w][name+"/hand"] = append(values[w][name+"/hand"], value/rows[0][name])
				}
			}
		}
	}
	var results []Result
	for w, name := range names {
		one.Way, one.Figures = name, map[string]Figure{}
		for figure, list := range values[w] {
			one.Figures[figure] = figureOf(list)
		}
		results = append(results, one)
	}
	return results, nil
}

// round makes calls by one way and returns the measures per call. Times are in microseconds.
func round(ctx context.Context, w way, callers, calls int) (map[string]float64, error) {
	took := make([][]time.Duration, callers)
	errs := make([]error, callers)
	for c := range took {
		took[c] = make([]time.Duration, 0, calls/callers+1)
	}
	runtime.GC() // the garbage of the way before
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, started := cpuTime(), time.Now()
	var group sync.WaitGroup
	for c := range callers {
		group.Go(func() {
			for i := c; i < calls && errs[c] == nil; i += callers {
				at := time.Now()
				errs[c] = w.run(ctx, c)
				took[c] = append(took[c], time.Since(at))
			}
		})
	}
	group.Wait()
	wall := time.Since(started)
	cpu = cpuTime() - cpu
	runtime.ReadMemStats(&after)
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
	}
	times := slices.Concat(took...)
	slices.Sort(times)
	micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	return map[string]float64{
		"cpu_us":  micros(cpu) / float64(calls),
		"wall_us": micros(wall) / float64(calls),
		"p50_us":  micros(times[len(times)/2]),
		"p99_us":  micros(times[len(times)*99/100]),
		"allocs":  float64(after.Mallocs-before.Mallocs) / float64(calls),
		"bytes":   float64(after.TotalAlloc-before.TotalAlloc) / float64(calls),
	}, nil
}

// cpuTime is the processor time of this process, with the garbage collector's. The server is
// another process. Unlike time, it barely depends on what else the machine does.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
