package reconcile

// This file sorts rows by day without moving them.

import (
	"slices"

	"github.com/bankmux/bankmux"
)

// dayIndex is the day of a row and its index in one number. Sorting these numbers first reads and
// moves much less memory than sorting rows.
type dayIndex uint64

func dayIndexOf(d bankmux.Date, i int) dayIndex {
	return dayIndex(uint64(dayNumber(d))<<32 | uint64(i)) //nolint:gosec // no memory holds four thousand million rows
}

func (p dayIndex) row() int { return int(p & (1<<32 - 1)) }

// dayNumber returns a number that grows with the day. Days that are in no calendar may share one.
func dayNumber(d bankmux.Date) uint32 {
	const most = 1 << 21
	switch {
	case d.Year > most:
		return 1<<32 - 1
	case d.Year < -most:
		return 0
	}
	month, day := min(max(int(d.Month), 0), 15), min(max(d.Day, 0), 31)
	return uint32((d.Year+most)<<9|month<<5|day) + 1 //nolint:gosec // not negative, and 31 bits
}

// sortDays sorts the rows of each day. The rows are in the order of places.
func sortDays[T any](places []dayIndex, rows []T, compare func(a, b T) int) {
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && places[to]>>32 == places[from]>>32 {
			to++
		}
		slices.SortFunc(rows[from:to], compare)
		from = to
	}
}
