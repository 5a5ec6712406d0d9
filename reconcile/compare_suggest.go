package reconcile

// This file suggests rows that may be a known one, where nothing proves it.

import (
	"slices"
)

// datesDifferWithin is how many days two providers' dates of one row may differ.
const datesDifferWithin = 3

// byAmount suggests the rows that a row of another provider may be at this one. An amount alone
// merges nothing.
func (c *comparison) byAmount() {
	if c.allPaired() {
		return
	}
	for i := range c.known {
		k := &c.known[i]
		if k.match != nil || k.suggested || !c.wasRead(k) || !c.mayHaveAnotherID(k) || c.lastAlias(k) != "" {
			continue
		}
		kind := indexKey{amount: true, reference: k.Reference != "", onlyWithID: !k.hasID()}
		has := unpaired
		if kind.onlyWithID {
			has = func(n *readRow) bool { return !n.paired && n.row.ID != "" }
		}
		for _, ref := range referencesOf(k, kind) {
			from, to := k.Date.AddDays(-datesDifferWithin), k.Date.AddDays(datesDifferWithin)
			s := c.indexBy(kind, has).find(k, ref, from, to)
			if s.nextUnpaired(s.from) < s.to {
				c.suggest(k, s, ReasonText)
				break
			}
		}
	}
}

func unpaired(n *readRow) bool { return !n.paired }

// suggest notes a suggestion. Its rows have no keys yet.
func (c *comparison) suggest(k *knownRow, may rowSpan, why string) {
	if c.suggested == nil {
		c.suggested = make([]suggestion, 0, len(c.known))
	}
	c.suggested = append(c.suggested, suggestion{k, may.rowIndex, int32Of(may.from), int32Of(may.to), reasonOf(why)})
}

// suggestion is a [Suggestion] whose rows have no keys yet.
type suggestion struct {
	was      *knownRow
	index    *rowIndex
	from, to int32
	reason   reason
}

// MaxSuggested is how many rows a [Suggestion] names at most. [bankmux.Suggestion.More] counts the
// others.
const MaxSuggested = 16

// writeSuggestions adds the suggestions to a result. It leaves out rows that were paired later.
func (c *comparison) writeSuggestions(out *Result) {
	c.suggested = slices.DeleteFunc(c.suggested, func(s suggestion) bool {
		return s.was.match != nil || len(s.index.unpairedIn(int(s.from), int(s.to), out.Added)) == 0
	})
	out.Suggested = listFor[Suggestion](len(c.suggested))
	for _, s := range c.suggested {
		may := s.index.unpairedIn(int(s.from), int(s.to), out.Added)
		n := min(len(may), MaxSuggested)
		out.Suggested = append(out.Suggested, Suggestion{
			Was: s.was.given, May: may[:n:n], More: len(may) - n, Reason: reasons[s.reason],
		})
	}
}
