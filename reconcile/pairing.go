package reconcile

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/bankmux/bankmux"
)

// idTable finds known rows by an id of the provider. Two rows may have one id.
type idTable struct {
	first map[string]int32
	rest  map[string][]int32
	n     int // rows
}

func (t *idTable) add(id string, i int32) {
	if t.first == nil {
		t.first = map[string]int32{}
	}
	t.n++
	t.first[id] = i
}

// share notes a row beside those of its id.
func (t *idTable) share(id string, i int32) {
	if first, taken := t.first[id]; !taken || first == i {
		t.first[id] = i
		return
	}
	t.rest[id] = append(t.rest[id], i)
}

// take returns the first row of an id that was not found yet. Rows that were are dropped.
func (c *comparison) take(t *idTable, id string) *entry {
	for {
		i, ok := t.first[id]
		switch rest := t.rest[id]; {
		case !ok:
			return nil
		case c.old[i].now == nil:
			return &c.old[i]
		case len(rest) == 0:
			return nil
		default:
			t.first[id], t.rest[id] = rest[0], rest[1:]
		}
	}
}

// index notes the known rows' ids: those they have now, and those they had before.
func (c *comparison) index() {
	c.ids.first = make(map[string]int32, len(c.old))
	c.each((*idTable).add)
	if c.ids.n == len(c.ids.first) && c.former.n == len(c.former.first) {
		return
	}
	for _, t := range []*idTable{&c.ids, &c.former} { // some rows have one id, so it is looked up before it is noted
		clear(t.first)
		t.rest = map[string][]int32{}
	}
	if c.former.first == nil {
		c.former.first = map[string]int32{}
	}
	c.each((*idTable).share)
}

// each gives every id of the provider to its table.
func (c *comparison) each(add func(t *idTable, id string, i int32)) {
	for i := range c.old {
		into := &c.ids
		for _, a := range c.old[i].Aliases {
			if id, ours := strings.CutPrefix(a, c.prefix); ours {
				add(into, id, index(i))
				into = &c.former
			}
		}
	}
}

// byReplaces pairs rows that name the pending row that they replace, and are not known yet.
func (c *comparison) byReplaces() {
	c.index()
	for i := range c.new {
		n := &c.new[i]
		if n.row.Replaces == "" {
			continue
		}
		if _, known := c.ids.first[n.row.ID]; known {
			continue
		}
		for _, t := range []*idTable{&c.ids, &c.former} {
			if k := c.take(t, n.row.Replaces); k != nil && !n.known {
				reason := ReasonAmount
				if k.Amount.Equal(n.row.Amount) {
					reason = ReasonPosted
				}
				c.pair(k, n, reason, true)
			}
		}
	}
}

// byID pairs rows whose provider's id is known and which are what they were, or were posted as they
// were.
func (c *comparison) byID() {
	for i := range c.new {
		n := &c.new[i]
		if n.row.ID == "" || n.known {
			continue
		}
		first, ok := c.ids.first[n.row.ID]
		if !ok {
			continue
		}
		k := &c.old[first]
		if k.now != nil {
			continue
		}
		if why := changeOf(k, n); why == sameRowNothing || k.stays(n) { // mostly nothing has changed
			c.pair(k, n, why, false)
		}
	}
}

// stays reports whether a row under the id of a known one is that row without a doubt: its content
// is the same, or it was pending and is booked with the same amount and text.
func (k *entry) stays(n *candidate) bool {
	if k.base == n.base {
		return true
	}
	if k.Text != n.text || !k.Amount.Equal(n.row.Amount) {
		return false
	}
	posted := k.Status == statusPending && n.row.Status == bankmux.StatusBooked
	return posted || (k.Date == n.row.Date && (k.Reference == n.ref || k.Reference == "" || n.ref == ""))
}

// byLikeness pairs rows whose provider's id is known and that say nearly what they said.
func (c *comparison) byLikeness() {
	c.underID(&c.ids, func(k *entry, n *candidate) bool {
		return k.Amount.Equal(n.row.Amount) && (k.Date == n.row.Date || k.Status == statusPending) &&
			looseText(k.Text) == looseText(n.text)
	})
}

// byRemains pairs rows whose provider's id is known and that [Remains] says are the same: by the
// ids that known rows have now, then by those they had before.
func (c *comparison) byRemains() {
	c.underID(&c.ids, (*entry).remains)
	c.underID(&c.former, func(k *entry, n *candidate) bool { return k.remains(n) && c.free(k) })
}

// byOtherContent pairs rows whose provider's id is known, whatever their content. Where more rows
// may follow, or another row says nearly what the known row said, the id alone pairs no rows of
// different amounts: the known row may be under another id.
func (c *comparison) byOtherContent() {
	c.underID(&c.ids, func(k *entry, n *candidate) bool {
		return (!c.in.More && !k.suggested) || k.Amount.Equal(n.row.Amount)
	})
}

// underID pairs new rows with the first known row of their id that fits.
func (c *comparison) underID(t *idTable, fits func(*entry, *candidate) bool) {
	if t.n == 0 {
		return
	}
	for i := range c.new {
		n := &c.new[i]
		if n.row.ID == "" || n.known {
			continue
		}
		if first, ok := t.first[n.row.ID]; !ok || c.pairIf(first, n, fits) {
			continue
		}
		for _, at := range t.rest[n.row.ID] {
			if c.pairIf(at, n, fits) {
				break
			}
		}
	}
}

// pairIf pairs a known row that was not found yet with a new one of its id, if it fits.
func (c *comparison) pairIf(at int32, n *candidate, fits func(*entry, *candidate) bool) bool {
	k := &c.old[at]
	if k.now != nil || !fits(k, n) {
		return false
	}
	c.pair(k, n, changeOf(k, n), false)
	return true
}

// remains is [Remains] of texts in normal form.
func (k *entry) remains(n *candidate) bool {
	return (k.Status != bankmux.StatusBooked && k.Amount.Equal(n.row.Amount)) || looseText(k.Text) == looseText(n.text)
}

// changeOf returns the reason why a row is not what it was under the same id.
func changeOf(k *entry, n *candidate) string {
	switch {
	case k.Status == statusPending && n.row.Status == bankmux.StatusBooked && k.Amount.Equal(n.row.Amount):
		return ReasonPosted
	case k.Status == statusPending && n.row.Status == bankmux.StatusBooked:
		return ReasonAmount
	case k.Date != n.row.Date, !k.Amount.Equal(n.row.Amount), k.Text != n.text, k.Status != n.row.Status,
		k.Reference != n.ref && n.ref != "":
		return ReasonContent
	}
	return sameRowNothing
}

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
