package reconcile

// This file pairs rows of equal content.

import (
	"cmp"
	"slices"
	"sort"

	"github.com/bankmux/bankmux"
)

// byContent pairs rows of the same day, amount, text and reference. Several equal rows are several
// rows: as many are paired as there are on both sides. Among equals, rows that agree in status and
// in having an id go first. Then come rows that the last reading had. So the same reading finds the
// same pairs again.
func (c *comparison) byContent() {
	if c.allPaired() {
		return
	}
	order := c.sortByContent()
	next := make([]int32, len(order)+1) // from each position, the next one that is free
	for p := range next {
		next[p] = int32Of(p)
		if p < len(order) && (c.known[order[p]].match != nil || !c.mayHaveAnotherID(&c.known[order[p]])) {
			next[p]++
		}
	}
	for in := alikeInID; in >= alikeInContent; in-- {
		for i := range c.read {
			n := &c.read[i]
			if n.paired {
				continue
			}
			p, end := c.findAlike(n, in)
			if p = nextFree(next, p); p < end && c.known[order[p]].compareRow(n, in) == 0 {
				next[p]++
				c.pairEqual(&c.known[order[p]], n)
			}
		}
	}
}

// nextFree follows the links over taken rows, and shortens them for later calls.
func nextFree(next []int32, p int) int {
	end := p
	for int(next[end]) != end {
		end = int(next[end])
	}
	for p != end {
		p, next[p] = int(next[p]), int32Of(end)
	}
	return end
}

// pairEqual pairs two rows of equal content.
func (c *comparison) pairEqual(k *knownRow, n *readRow) {
	sameID := n.row.ID == "" || slices.Contains(k.Aliases, Alias(c.in.Provider, n.row.ID))
	switch {
	case k.Status == statusPending && n.row.Status == bankmux.StatusBooked:
		c.pair(k, n, ReasonPosted, true)
	case !sameID:
		c.pair(k, n, ReasonID, true)
	case k.Status != n.row.Status && n.row.Status != "", k.Reference != n.ref && n.ref != "", k.Text != n.text:
		c.pair(k, n, ReasonContent, false)
	default:
		c.pair(k, n, sameRowNothing, false)
	}
}

// int32Of halves the memory of an index.
func int32Of(i int) int32 {
	return int32(i) //nolint:gosec // memory does not hold two thousand million rows
}

// sortByContent returns the known rows by day, key without number, status, and whether they have an
// id. So rows that agree in more are neighbours within those that agree in less.
func (c *comparison) sortByContent() []int32 {
	if c.contentOrder != nil {
		return c.contentOrder
	}
	c.contentOrder = make([]int32, len(c.known))
	for i := range c.contentOrder {
		c.contentOrder[i] = int32Of(i)
	}
	for from := 0; from < len(c.known); {
		to := from + 1
		for to < len(c.known) && c.known[to].Date == c.known[from].Date {
			to++
		}
		slices.SortFunc(c.contentOrder[from:to], func(a, b int32) int {
			other := &c.known[b]
			by := c.known[a].compareTo(other.base, other.Status, other.hasID(), alikeInID)
			return cmp.Or(by, cmp.Compare(a, b))
		})
		from = to
	}
	return c.contentOrder
}

// findAlike returns the position of the first known row of a day that is alike, and where the day
// ends.
func (c *comparison) findAlike(n *readRow, in int) (at, end int) {
	if order := c.sortByContent(); n.row.Date != c.foundDay.date || c.foundDay.to == 0 {
		c.foundDay.date = n.row.Date
		c.foundDay.from = sort.Search(len(order), func(i int) bool {
			return !c.known[order[i]].Date.Before(n.row.Date)
		})
		c.foundDay.to = c.foundDay.from + sort.Search(len(order)-c.foundDay.from, func(i int) bool {
			return c.known[order[c.foundDay.from+i]].Date.After(n.row.Date)
		})
	}
	at, _ = slices.BinarySearchFunc(c.contentOrder[c.foundDay.from:c.foundDay.to], n, func(i int32, n *readRow) int {
		return c.known[i].compareRow(n, in)
	})
	return c.foundDay.from + at, c.foundDay.to
}

// What rows must agree in to be alike. Each includes those before it.
const (
	// the key without number.
	alikeInContent = iota
	// and the status.
	alikeInStatus
	alikeInID // and whether they have an id
)

// compareTo orders a known row against the facts of another row.
func (k *knownRow) compareTo(base string, status bankmux.TransactionStatus, hasID bool, in int) int {
	by := cmp.Compare(k.base, base)
	if by == 0 && in >= alikeInStatus {
		by = cmp.Compare(k.Status, status)
	}
	if by == 0 && in >= alikeInID && k.hasID() != hasID {
		by = 1
		if hasID {
			by = -1
		}
	}
	return by
}

// compareRow orders a known row against a row of the reading.
func (k *knownRow) compareRow(n *readRow, in int) int {
	return k.compareTo(n.base, n.row.Status, n.row.ID != "", in)
}
