package main

// This file reads, compares and prints results.

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
)

// key names a figure in a file of results.
type key struct {
	adapter, op string
	callers     int
	way, figure string
}

func (k key) String() string {
	return fmt.Sprintf("%s\t%s\t%d\t%s\t%s", k.adapter, k.op, k.callers, k.way, k.figure)
}

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.adapter, o.adapter), cmp.Compare(k.op, o.op), cmp.Compare(k.callers, o.callers),
		cmp.Compare(k.way, o.way), cmp.Compare(k.figure, o.figure))
}

// measured is a figure, and how much it was measured.
type measured struct {
	Figure
	size
}

// read reads results, one per line.
func read(r io.Reader) (map[key]measured, error) {
	all := map[key]measured{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		var one Result
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		for name, f := range one.Figures {
			k := key{one.Adapter, one.Op, one.Callers, one.Way, name}
			if _, twice := all[k]; twice {
				return nil, fmt.Errorf("line %d: a second result of one way", n)
			}
			all[k] = measured{f, size{one.Rounds, one.Calls}}
		}
	}
	return all, lines.Err()
}

// difference is a figure of two files.
type difference struct {
	key      key
	old, new measured
	ratio    float64 // of the medians
	flag     string  // "worse" or "better" if the quartiles do not overlap
}

// differences returns the figures that both files have, and the keys that only one has. Less is
// better for every figure. It fails if a figure was measured by other numbers of rounds or calls.
func differences(old, new map[key]measured) (both []difference, alone []key, err error) {
	for k, was := range old {
		is, ok := new[k]
		if !ok {
			alone = append(alone, k)
			continue
		}
		if was.size != is.size {
			return nil, nil, fmt.Errorf("%d rounds of %d calls in one file, %d of %d in the other",
				was.rounds, was.calls, is.rounds, is.calls)
		}
		d := difference{key: k, old: was, new: is, ratio: is.Median / was.Median}
		switch {
		case is.Low > was.High:
			d.flag = "worse"
		case is.High < was.Low:
			d.flag = "better"
		}
		both = append(both, d)
	}
	for k := range new {
		if _, ok := old[k]; !ok {
			alone = append(alone, k)
		}
	}
	slices.SortFunc(both, func(a, b difference) int { return a.key.compare(b.key) })
	slices.SortFunc(alone, key.compare)
	return both, alone, nil
}

// compareFiles prints the differences between two files of results. It returns how many figures
// became worse.
func compareFiles(w io.Writer, old, new string) (worse int, err error) {
	var files [2]map[key]measured
	for i, name := range []string{old, new} {
		file, err := os.Open(name) //nolint:gosec // the user names the file
		if err != nil {
			return 0, err
		}
		files[i], err = read(file)
		_ = file.Close()
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
	}
	both, alone, err := differences(files[0], files[1])
	if err != nil {
		return 0, err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "adapter\top\tcallers\tway\tfigure\told\tnew\tratio\t")
	for _, d := range both {
		fmt.Fprintf(table, "%s\t%.4g\t%.4g\t%.3f\t%s\n", d.key, d.old.Median, d.new.Median, d.ratio, d.flag)
		if d.flag == "worse" {
			worse++
		}
	}
	for _, k := range alone {
		fmt.Fprintf(table, "%s\t\t\t\tin one file only\n", k)
	}
	return worse, table.Flush()
}

// show prints results as a table.
func show(w io.Writer, results []Result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range results {
		for _, name := range slices.Sorted(maps.Keys(r.Figures)) {
			f := r.Figures[name]
			fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%.4g\t(%.4g to %.4g)\n",
				r.Adapter, r.Op, r.Callers, r.Way, name, f.Median, f.Low, f.High)
		}
	}
	return table.Flush()
}
