package reconcile

import (
	"github.com/bankmux/bankmux"
)

// Within how many days rows may be one.
const (
	postedWithin = 10 // days between a pending row and its posting
	recursWithin = 7  // days after which what recurs may come again
)

// byPosting pairs rows that were pending, or may have been, with rows of the same text some days
// later. Where the amount is the same as well, or the text names one row on either side, it is
// certain; else it is suggested.
func (c *comparison) byPosting() {
	waiting := map[string]int{} // known rows that may have been posted, by text
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

// pairSameAmount pairs or suggests what a row of the same text and amount may be. It reports false if
// there is none.
func (c *comparison) pairSameAmount(k *knownRow, has func(*readRow) bool) bool {
	pending := k.Status == statusPending
	first, second, at := c.findPosted(k, indexKey{text: true, amount: true}, has)
	switch {
	case first == nil:
		return false
	case c.precedesReading(k, first) || !pending && c.mayBeUnreadable(k, true):
		// The old row may well be there: the reading starts after it, or it could not be read.
		c.suggest(k, at, ReasonMoved)
	case pending && c.mayBeUnreadable(k, true), !pending && second != nil:
		c.suggest(k, at, ReasonSeveral)
	case pending:
		c.pair(k, first, ReasonPosted, true) // of rows that agree in all, the first is as good as another
	default:
		c.pair(k, first, ReasonMoved, true)
	}
	return true
}

// pairOtherAmount pairs or suggests what a row of the same text and another amount may be. alone says
// that no other known row of the text may have been posted.
func (c *comparison) pairOtherAmount(k *knownRow, alone bool, has func(*readRow) bool) {
	first, _, at := c.findPosted(k, indexKey{text: true, sign: true}, has)
	if first == nil {
		return
	}
	if k.Status == statusPending && alone && !c.in.More {
		// one that is pending yet is a posting of nothing
		if one := at.onlyBooked(); one != nil && !c.precedesReading(k, one) {
			c.pair(k, one, ReasonAmount, true)
			return
		}
	}
	c.suggest(k, at, ReasonDiffers)
}

// precedesReading reports whether a complete reading starts after a known row, which says nothing of where it
// went: what recurs every week would be taken for its own predecessor. A pending row may be posted
// within a week all the same.
func (c *comparison) precedesReading(k *knownRow, n *readRow) bool {
	if !c.in.Complete || !k.Date.Before(c.provedFrom) {
		return false
	}
	return k.Status != statusPending || n.row.Date.DaysSince(k.Date) >= recursWithin
}

// mayBePosted reports whether a known row may have been posted as another: pending ones, and those of a
// provider that does not tell.
func (c *comparison) mayBePosted(k *knownRow) bool {
	if k.match != nil || k.Text == "" || k.Status == bankmux.StatusBooked || !c.wasRead(k) {
		return false
	}
	return c.in.Complete || (k.Status == statusPending && c.mayHaveAnotherID(k))
}

// findPosted returns the first two rows of a kind that may be the posting of a known one, and where
// they stand. A row of a day after those that were read may also have moved to an earlier one. Two
// references are two rows, unless the row was pending: banks give the reference late.
func (c *comparison) findPosted(k *knownRow, kind indexKey, has func(*readRow) bool) (first, second *readRow, at rowSpan) {
	from, to := k.Date, k.Date.AddDays(postedWithin)
	if from.After(c.in.To) {
		from = c.in.To // the day of a row that has yet to come may move nearer
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

// referencesOf are the references under which a shelf may have a row: those of the known row, or none.
func referencesOf(k *knownRow, kind indexKey) []string {
	if kind.reference {
		return []string{k.Reference, ""}
	}
	return []string{""}
}

// onlyBooked returns the only row of a span that is not pending, nil where there are none or
// several.
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
