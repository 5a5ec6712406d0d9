package reconcile

// This file pairs pending rows with the rows that were posted in their place.

import (
	"github.com/bankmux/bankmux"
)

// Within how many days two rows may be the same.
const (
	postedWithin = 10 // between a pending row and its posting
	recursWithin = 7  // a later row may be the next one of a weekly payment
)

// byPosting pairs rows that were pending, or may have been, with rows of the same text some days
// later. The pair is certain if the amounts agree too, or if the text names one row on either side.
// Otherwise it is suggested.
func (c *comparison) byPosting() {
	waiting := map[string]int{} // number of known rows that may have been posted, by text
	for i := range c.known {
		if k := &c.known[i]; c.mayBePosted(k) {
			waiting[k.Text]++
		}
	}
	if len(waiting) == 0 || c.allPaired() {
		return
	}
	has := func(n *readRow) bool { return !n.paired && waiting[n.text] > 0 }
	for i := range c.known {
		if k := &c.known[i]; c.mayBePosted(k) && !c.pairSameAmount(k, has) {
			c.pairOtherAmount(k, waiting[k.Text] == 1, has)
		}
	}
}

// pairSameAmount handles rows of the same text and amount: it pairs or suggests them. It reports
// false if there are none.
func (c *comparison) pairSameAmount(k *knownRow, has func(*readRow) bool) bool {
	pending := k.Status == statusPending
	first, second, at := c.findPosted(k, indexKey{text: true, amount: true}, has)
	switch {
	case first == nil:
		return false
	case c.precedesReading(k, first) || !pending && c.mayBeUnreadable(k, true):
		// The old row may still exist: the reading starts after it, or it could not be read.
		c.suggest(k, at, ReasonMoved)
	case pending && c.mayBeUnreadable(k, true), !pending && second != nil:
		c.suggest(k, at, ReasonSeveral)
	case pending:
		c.pair(k, first, ReasonPosted, true) // if several agree in everything, any of them will do
	default:
		c.pair(k, first, ReasonMoved, true)
	}
	return true
}

// pairOtherAmount handles rows of the same text and another amount. alone says that no other known
// row of the text may have been posted.
func (c *comparison) pairOtherAmount(k *knownRow, alone bool, has func(*readRow) bool) {
	first, _, at := c.findPosted(k, indexKey{text: true, sign: true}, has)
	if first == nil {
		return
	}
	if k.Status == statusPending && alone && !c.in.More {
		// a row that is still pending is not a posting
		if one := at.onlyBooked(); one != nil && !c.precedesReading(k, one) {
			c.pair(k, one, ReasonAmount, true)
			return
		}
	}
	c.suggest(k, at, ReasonDiffers)
}

// precedesReading reports whether a known row is older than the first row of a complete reading.
// The reading then does not show where the row went. Without this check a weekly payment would
// replace that of the week before. A pending row may still be posted within a week.
func (c *comparison) precedesReading(k *knownRow, n *readRow) bool {
	if !c.in.Complete || !k.Date.Before(c.provedFrom) {
		return false
	}
	return k.Status != statusPending || n.row.Date.DaysSince(k.Date) >= recursWithin
}

// mayBePosted reports whether a known row may have been posted as another row. It is pending, or
// its provider reports no status.
func (c *comparison) mayBePosted(k *knownRow) bool {
	if k.match != nil || k.Text == "" || k.Status == bankmux.StatusBooked || !c.wasRead(k) {
		return false
	}
	return c.in.Complete || (k.Status == statusPending && c.mayHaveAnotherID(k))
}

// findPosted returns the first two rows that may be the posting of a known one, and their range in
// the index. A row of a day after those that were read may also have moved to an earlier one. Two
// different references are two rows, unless the known row was pending: banks add the reference
// late.
func (c *comparison) findPosted(
	k *knownRow,
	kind indexKey,
	has func(*readRow) bool,
) (first, second *readRow, at rowSpan) {
	from, to := k.Date, k.Date.AddDays(postedWithin)
	if from.After(c.in.To) {
		from = c.in.To // a day in the future may move nearer
	}
	kind.reference = k.Status != statusPending && k.Reference != ""
	for _, ref := range referencesOf(k, kind) {
		s := c.indexBy(kind, has).find(k, ref, from, to)
		i := s.nextUnpaired(s.from)
		if i == s.to {
			continue
		}
		n := s.row(i)
		if first == nil {
			first, at = n, s
			if j := s.nextUnpaired(i + 1); j < s.to {
				second = s.row(j)
			}
		} else if second == nil {
			second = n
		}
	}
	return first, second, at
}

// referencesOf returns the references under which an index may have a row: that of the known row,
// or none.
func referencesOf(k *knownRow, kind indexKey) []string {
	if kind.reference {
		return []string{k.Reference, ""}
	}
	return []string{""}
}

// onlyBooked returns the only row of a range that is not pending, nil if there are none or several.
func (s rowSpan) onlyBooked() (one *readRow) {
	for i := s.nextUnpaired(s.from); i < s.to; i = s.nextUnpaired(i + 1) {
		n := s.row(i)
		switch {
		case n.row.Status == statusPending:
		case one != nil:
			return nil
		default:
			one = n
		}
	}
	return one
}
