package reconcile

import (
	"cmp"
	"slices"
	"sort"

	"github.com/bankmux/bankmux"
)

// byContent pairs rows of the same day, amount, text and reference: as many as there are on both
// sides. Equal rows are as many rows. Among equals those go together first that agree in status,
// and in having an id or none, and were there the last time; so the same reading again finds the
// same pairs.
func (c *comparison) byContent() {
	if c.complete() {
		return
	}
	order := c.sorted()
	next := make([]int32, len(order)+1) // the first row from here on that may be taken
	for p := range next {
		next[p] = index(p)
		if p < len(order) && (c.old[order[p]].now != nil || !c.free(&c.old[order[p]])) {
			next[p]++
		}
	}
	for in := inAll; in >= inBase; in-- {
		for i := range c.new {
			n := &c.new[i]
			if n.known {
				continue
			}
			p, end := c.find(n, in)
			if p = skip(next, p); p < end && c.old[order[p]].like(n, in) == 0 {
				next[p]++
				c.pairEqual(&c.old[order[p]], n)
			}
		}
	}
}

// skip follows the marks of rows that are taken, and shortens the way for those who come after.
func skip(next []int32, p int) int {
	end := p
	for int(next[end]) != end {
		end = int(next[end])
	}
	for p != end {
		p, next[p] = int(next[p]), index(end)
	}
	return end
}

// pairEqual pairs two rows of one content.
func (c *comparison) pairEqual(k *entry, n *candidate) {
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

// index is a place in a list in half the memory.
func index(i int) int32 {
	return int32(i) //nolint:gosec // memory does not hold two thousand million rows
}

// sorted returns the order of the known rows by day, as they are, then base, then status, then
// whether they have an id: rows that are alike in more stand together among those that are alike in
// less.
func (c *comparison) sorted() []int32 {
	if c.order != nil {
		return c.order
	}
	c.order = make([]int32, len(c.old))
	for i := range c.order {
		c.order[i] = index(i)
	}
	for from := 0; from < len(c.old); {
		to := from + 1
		for to < len(c.old) && c.old[to].Date == c.old[from].Date {
			to++
		}
		slices.SortFunc(c.order[from:to], func(a, b int32) int {
			return cmp.Or(c.old[a].alike(c.old[b].base, c.old[b].Status, c.old[b].hasID(), inAll), cmp.Compare(a, b))
		})
		from = to
	}
	return c.order
}

// find returns where in the order the known rows of a day start that are alike, and where the day
// ends.
func (c *comparison) find(n *candidate, in int) (at, end int) {
	if order := c.sorted(); n.row.Date != c.day.date || c.day.to == 0 {
		c.day.date = n.row.Date
		c.day.from = sort.Search(len(order), func(i int) bool { return !c.old[order[i]].Date.Before(n.row.Date) })
		c.day.to = c.day.from + sort.Search(len(order)-c.day.from, func(i int) bool {
			return c.old[order[c.day.from+i]].Date.After(n.row.Date)
		})
	}
	at, _ = slices.BinarySearchFunc(c.order[c.day.from:c.day.to], n, func(i int32, n *candidate) int {
		return c.old[i].like(n, in)
	})
	return c.day.from + at, c.day.to
}

// How much rows are alike in.
const (
	inBase = iota
	inStatus
	inAll // in having an id or none, too
)

// alike compares a known row with what another says.
func (k *entry) alike(base string, status bankmux.TransactionStatus, hasID bool, in int) int {
	by := cmp.Compare(k.base, base)
	if by == 0 && in >= inStatus {
		by = cmp.Compare(k.Status, status)
	}
	if by == 0 && in >= inAll && k.hasID() != hasID {
		by = 1
		if hasID {
			by = -1
		}
	}
	return by
}

func (k *entry) like(n *candidate, in int) int {
	return k.alike(n.base, n.row.Status, n.row.ID != "", in)
}
