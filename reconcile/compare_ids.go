package reconcile

// This file pairs rows by the ids of the provider.

import (
	"strings"

	"github.com/bankmux/bankmux"
)

// idTable finds known rows by an id of the provider. Several rows may have one id.
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

// addShared adds a row after those that have its id.
func (t *idTable) addShared(id string, i int32) {
	if first, taken := t.first[id]; !taken || first == i {
		t.first[id] = i
		return
	}
	t.rest[id] = append(t.rest[id], i)
}

// takeByID returns the first unpaired row of an id. It drops paired rows from the table.
func (c *comparison) takeByID(t *idTable, id string) *knownRow {
	for {
		i, ok := t.first[id]
		switch rest := t.rest[id]; {
		case !ok:
			return nil
		case c.known[i].match == nil:
			return &c.known[i]
		case len(rest) == 0:
			return nil
		default:
			t.first[id], t.rest[id] = rest[0], rest[1:]
		}
	}
}

// indexIDs fills the tables of current and former ids.
func (c *comparison) indexIDs() {
	c.currentIDs.first = make(map[string]int32, len(c.known))
	c.eachID((*idTable).add)
	if c.currentIDs.n == len(c.currentIDs.first) && c.formerIDs.n == len(c.formerIDs.first) {
		return
	}
	// Some rows share an id, so the tables are filled again with lists.
	for _, t := range []*idTable{&c.currentIDs, &c.formerIDs} {
		clear(t.first)
		t.rest = map[string][]int32{}
	}
	if c.formerIDs.first == nil {
		c.formerIDs.first = map[string]int32{}
	}
	c.eachID((*idTable).addShared)
}

// eachID calls add for each id of the provider and its table.
func (c *comparison) eachID(add func(t *idTable, id string, i int32)) {
	for i := range c.known {
		into := &c.currentIDs
		for _, a := range c.known[i].Aliases {
			if id, ours := strings.CutPrefix(a, c.prefix); ours {
				add(into, id, int32Of(i))
				into = &c.formerIDs
			}
		}
	}
}

// byReplaces pairs rows that name the pending row they replace and whose own id is not known.
func (c *comparison) byReplaces() {
	c.indexIDs()
	for i := range c.read {
		n := &c.read[i]
		if n.row.Replaces == "" {
			continue
		}
		if _, known := c.currentIDs.first[n.row.ID]; known {
			continue
		}
		for _, t := range []*idTable{&c.currentIDs, &c.formerIDs} {
			if k := c.takeByID(t, n.row.Replaces); k != nil && !n.paired {
				reason := ReasonAmount
				if k.Amount.Equal(n.row.Amount) {
					reason = ReasonPosted
				}
				c.pair(k, n, reason, true)
			}
		}
	}
}

// byID pairs rows whose id is known and whose content is the same, or was posted unchanged.
func (c *comparison) byID() {
	for i := range c.read {
		n := &c.read[i]
		if n.row.ID == "" || n.paired {
			continue
		}
		first, ok := c.currentIDs.first[n.row.ID]
		if !ok {
			continue
		}
		k := &c.known[first]
		if k.match != nil {
			continue
		}
		// in most readings nothing has changed
		if why := changeOf(k, n); why == sameRowNothing || k.certainlyIs(n) {
			c.pair(k, n, why, false)
		}
	}
}

// certainlyIs reports whether a row under the id of a known one is that row without a doubt. Its
// content is the same, or it was pending and is booked with the same amount and text.
func (k *knownRow) certainlyIs(n *readRow) bool {
	if k.base == n.base {
		return true
	}
	if k.Text != n.text || !k.Amount.Equal(n.row.Amount) {
		return false
	}
	posted := k.Status == statusPending && n.row.Status == bankmux.StatusBooked
	return posted || (k.Date == n.row.Date && (k.Reference == n.ref || k.Reference == "" || n.ref == ""))
}

// byLikeness pairs rows whose id is known and whose content is nearly the same.
func (c *comparison) byLikeness() {
	c.pairByID(&c.currentIDs, func(k *knownRow, n *readRow) bool {
		return k.Amount.Equal(n.row.Amount) && (k.Date == n.row.Date || k.Status == statusPending) &&
			lettersOf(k.Text) == lettersOf(n.text)
	})
}

// bySameRow pairs rows whose id is known and which [SameRow] recognizes. Current ids come first,
// then former ones.
func (c *comparison) bySameRow() {
	c.pairByID(&c.currentIDs, (*knownRow).isSameRow)
	c.pairByID(&c.formerIDs, func(k *knownRow, n *readRow) bool { return k.isSameRow(n) && c.mayHaveAnotherID(k) })
}

// byOtherContent pairs rows whose id is known, whatever their content. The id alone does not pair
// rows of different amounts if more rows may follow, or if another row was suggested. The known row
// may then be under another id.
func (c *comparison) byOtherContent() {
	c.pairByID(&c.currentIDs, func(k *knownRow, n *readRow) bool {
		return (!c.in.More && !k.suggested) || k.Amount.Equal(n.row.Amount)
	})
}

// pairByID pairs each unpaired row with the first known row of its id that fits.
func (c *comparison) pairByID(t *idTable, fits func(*knownRow, *readRow) bool) {
	if t.n == 0 {
		return
	}
	for i := range c.read {
		n := &c.read[i]
		if n.row.ID == "" || n.paired {
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

// pairIf pairs a row with a known row of its id, if that is unpaired and fits.
func (c *comparison) pairIf(at int32, n *readRow, fits func(*knownRow, *readRow) bool) bool {
	k := &c.known[at]
	if k.match != nil || !fits(k, n) {
		return false
	}
	c.pair(k, n, changeOf(k, n), false)
	return true
}

// isSameRow is [SameRow] for texts in normal form.
func (k *knownRow) isSameRow(n *readRow) bool {
	return (k.Status != bankmux.StatusBooked && k.Amount.Equal(n.row.Amount)) || lettersOf(k.Text) == lettersOf(n.text)
}

// SameRow reports whether a row that has the id of a known row is still that row, perhaps edited or
// posted. It is true if the texts agree, or if the amounts agree and the known row is not booked.
// It is false if the provider has given the id to another row.
func SameRow(k *Known, t *bankmux.Transaction) bool {
	return lettersOf(Text(t)) == lettersOf(normal(k.Text)) ||
		(k.Status != bankmux.StatusBooked && k.Amount.Equal(t.Amount))
}

// changeOf returns the reason why a row under the same id differs, sameRowNothing if it does not.
func changeOf(k *knownRow, n *readRow) string {
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
