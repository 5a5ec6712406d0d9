package reconcile

import (
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

// Remains reports whether a row under an id of a known one is that row, perhaps edited or posted:
// the text agrees, or, while the known row is pending, the amount. Otherwise the provider gave the
// id to another row.
func Remains(k *Known, t *bankmux.Transaction) bool {
	return looseText(Text(t)) == looseText(normal(k.Text)) ||
		(k.Status != bankmux.StatusBooked && k.Amount.Equal(t.Amount))
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
