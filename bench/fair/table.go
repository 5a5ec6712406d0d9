package main

// This file prints results as the tables of bench/README.md.

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux/bench/fixture"
)

// inFlight ends the name of an operation whose calls are held.
const inFlight = " in flight"

// titles are the names of the adapters in tables.
var titles = map[string]string{"moneykit": "MoneyKit", "dapi": "Dapi", "plaid": "Plaid"}

// goals are the largest ratios of the library to the same by hand, by operation and figure. A goal
// of an adapter stands before the one of all.
var goals = map[string]map[string]float64{
	"exchange": {"cpu_us/hand": 1.09, "p99_us/hand": 1.15, "allocs/hand": 1.15},
	"accounts": {"moneykit cpu_us/hand": 1, "dapi cpu_us/hand": 1.08},

	"exchange" + inFlight: {"stack_kib/hand": 1.3, "stack_gc_kib/hand": 1.3},
	"accounts" + inFlight: {"stack_kib/hand": 1.3, "stack_gc_kib/hand": 1.3},
}

// goalOf returns the goal of a figure of the library, 0 for none.
func goalOf(k key) float64 {
	if k.way != library {
		return 0
	}
	if own := goals[k.op][k.adapter+" "+k.figure]; own > 0 {
		return own
	}
	return goals[k.op][k.figure]
}

// row is a ratio in a table, with a row for each number of callers.
type row struct {
	way, figure, title string
	callers            []int
}

var rows = []row{
	{library, "cpu_us/hand", "processor time", []int{1, 64}},
	{library, "p99_us/hand", "p99", []int{1, 64}},
	{library, "p50_us/hand", "p50", []int{1, 64}},
	{library, "allocs/hand", "allocations", []int{1}},
	{libraryLog, "cpu_us/hand", "processor time", []int{1, 64}},
	{libraryLog, "allocs/hand", "allocations", []int{1}},
	{generated, "cpu_us/hand", "processor time", []int{1, 64}},
	{generated, "allocs/hand", "allocations", []int{1}},
	{bare, "cpu_us/hand", "processor time", []int{1, 64}},
	{bare, "allocs/hand", "allocations", []int{1}},
}

// printTables prints the tables of a file of results.
func printTables(w io.Writer, name string) error {
	file, err := os.Open(name) //nolint:gosec // the user names the file
	if err != nil {
		return err
	}
	all, err := read(file)
	_ = file.Close()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	out := tables{w, all}
	out.ratios("exchange", "Exchange, ratios to the same by hand. "+
		"An exchange at Plaid is three calls, and at Dapi two.")
	out.ratios("accounts", "Accounts, one call that lists three. Those of Plaid have no goal.")
	out.perCall()
	out.inFlight()
	out.atTheBank()
	return nil
}

// tables writes tables of figures.
type tables struct {
	io.Writer

	all map[key]measured
}

// line writes a row of cells.
func (t tables) line(cells ...string) {
	for _, cell := range cells {
		fmt.Fprint(t, strings.TrimRight("| "+cell, " "), " ")
	}
	fmt.Fprintln(t, "|")
}

// caption writes the sentences before a table.
func (t tables) caption(text string) { fmt.Fprintf(t, "%s\n\n", text) }

// head writes the head of a table with a column for each adapter.
func (t tables) head(first ...string) {
	for _, adapter := range fixture.Adapters {
		first = append(first, titles[adapter])
	}
	t.columns(first...)
}

// columns writes the head of a table.
func (t tables) columns(names ...string) {
	t.line(names...)
	t.line(slices.Repeat([]string{"---"}, len(names))...)
}

// none is the cell of a figure that was not measured.
const none = "–"

// byAdapter writes a row with a cell for each adapter, unless no adapter has one.
func (t tables) byAdapter(first []string, cell func(adapter string) string) {
	measured := false
	for _, adapter := range fixture.Adapters {
		first = append(first, cell(adapter))
		measured = measured || first[len(first)-1] != none
	}
	if measured {
		t.line(first...)
	}
}

// ratios writes the ratios of an operation to the same by hand. A ratio that misses its goal is
// bold. That of allocations has no quartiles.
func (t tables) ratios(op, caption string) {
	t.caption(caption)
	t.head("", "goal")
	for _, r := range rows {
		for _, callers := range r.callers {
			title := r.way + ", " + r.title
			if len(r.callers) > 1 {
				title += fmt.Sprintf(", %d caller%s", callers, map[bool]string{true: "s"}[callers > 1])
			}
			goal := goalText(key{op: op, way: r.way, figure: r.figure})
			t.byAdapter([]string{title, goal}, func(adapter string) string {
				k := key{adapter, op, callers, r.way, r.figure}
				f, ok := t.all[k]
				switch {
				case !ok:
					return none
				case len(r.callers) == 1:
					return ratio(f.Median, goalOf(k))
				}
				return ratio(f.Median, goalOf(k)) + fmt.Sprintf(" (%.2f to %.2f)", f.Low, f.High)
			})
		}
	}
	fmt.Fprintln(t)
}

// goalText is the goal of a figure, by adapter if they differ.
func goalText(k key) string {
	if g := goalOf(k); g > 0 {
		return fmt.Sprintf("%.2f", g)
	}
	var all []string
	for _, k.adapter = range fixture.Adapters {
		if g := goalOf(k); g > 0 {
			all = append(all, fmt.Sprintf("%s %.2f", titles[k.adapter], g))
		}
	}
	return strings.Join(all, ", ")
}

// ratio is a ratio with two digits, bold if it misses the goal. A goal of 0 is always met.
func ratio(r, goal float64) string {
	text := fmt.Sprintf("%.2f", r)
	if goal > 0 && r > goal+0.005 { // as it is printed
		return "**" + text + "**"
	}
	return text
}

// perCall writes processor time and allocations of one call.
func (t tables) perCall() {
	t.caption("Processor time and allocations of one call, with those of the transport:")
	t.head("one caller")
	for _, op := range []string{"exchange", "accounts"} {
		for _, way := range []string{hand, library} {
			t.byAdapter([]string{op + ", " + way}, func(adapter string) string {
				cpu, ok := t.all[key{adapter, op, 1, way, "cpu_us"}]
				if !ok {
					return none
				}
				return fmt.Sprintf("%.0f µs, %.0f", cpu.Median, t.all[key{adapter, op, 1, way, "allocs"}].Median)
			})
		}
	}
	fmt.Fprintln(t)
}

// inFlight writes the memory of calls in flight.
func (t tables) inFlight() {
	many := 0
	for k := range maps.Keys(t.all) {
		if strings.HasSuffix(k.op, inFlight) && k.adapter != virtual {
			many = k.callers
		}
	}
	t.caption(thousands(many) + " calls in flight, which the server holds: an exchange at its first request. A " +
		"process of its\nown measures each way, three times in turn.")
	t.head("bankmux / by hand, per call", "goal")
	for _, op := range []string{"exchange", "accounts"} {
		t.held(op, many)
	}
	fmt.Fprintln(t)
}

// held writes the memory of calls of an operation that are in flight.
func (t tables) held(op string, many int) {
	for _, m := range []struct{ figure, title string }{
		{"stack_kib", "stack"},
		{"stack_gc_kib", "stack, after a collection of garbage"},
		{"memory_gc_kib", "heap and stack, after a collection"},
		{"resident_kib", "resident memory"},
	} {
		relative := m.figure + "/hand"
		goal := goalText(key{op: op + inFlight, way: library, figure: relative})
		t.byAdapter([]string{op + ", " + m.title, goal}, func(adapter string) string {
			k := key{adapter, op + inFlight, many, library, relative}
			f, ok := t.all[k]
			if !ok {
				return none
			}
			of := func(way string) float64 { return t.all[key{adapter, op + inFlight, many, way, m.figure}].Median }
			return fmt.Sprintf("%.0f KiB / %.0f KiB = %s", of(library), of(hand), ratio(f.Median, goalOf(k)))
		})
	}
}

// atTheBank writes the memory of calls in flight at the virtual bank.
func (t tables) atTheBank() {
	for k, f := range t.all {
		if k.adapter != virtual || k.figure != "resident_kib" {
			continue
		}
		memory := t.all[key{k.adapter, k.op, k.callers, k.way, "memory_gc_kib"}]
		t.columns(thousands(k.callers)+" calls in flight at the virtual bank (MoneyKit), per call", "goal", "measured")
		t.line("resident memory", "less than 64 KiB", kib(f.Median, bankGoal))
		t.line("heap and stack, after a collection", "less than 64 KiB", kib(memory.Median, bankGoal))
	}
}

// bankGoal is what a call in flight at the virtual bank takes less than, in KiB.
const bankGoal = 64

// kib is a number of KiB, bold if it is not less than the goal.
func kib(n, goal float64) string {
	text := fmt.Sprintf("%.0f KiB", n)
	if n >= goal {
		return "**" + text + "**"
	}
	return text
}

// thousands is a number below a million with a comma.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
