package reconcile

import (
	"slices"
)

// retoldWithin is how many days may lie between two providers' dates of one row.
const retoldWithin = 3

// byAmount suggests what a row of another provider may be called by this one. An amount alone
// merges nothing.
func (c *comparison) byAmount() {
	if c.complete() {
		return
	}
	for i := range c.old {
		k := &c.old[i]
		if k.now != nil || k.suggested || !c.inside(k) || !c.free(k) || c.idOf(k) != "" {
			continue
		}
		kind := shelfKind{amount: true, reference: k.Reference != "", foreign: !k.hasID()}
		has := isNew
		if kind.foreign {
			has = func(n *candidate) bool { return !n.known && n.row.ID != "" }
		}
		for _, ref := range refs(k, kind) {
			s := c.shelf(kind, has).span(k, ref, k.Date.AddDays(-retoldWithin), k.Date.AddDays(retoldWithin))
			if s.free(s.from) < s.to {
				c.suggest(k, s, ReasonText)
				break
			}
		}
	}
}

func isNew(n *candidate) bool { return !n.known }

// suggest notes what a row may have become. The rows have no keys yet.
func (c *comparison) suggest(k *entry, may span, why string) {
	if c.suggested == nil {
		c.suggested = make([]suggestion, 0, len(c.old))
	}
	c.suggested = append(c.suggested, suggestion{k, may.shelf, index(may.from), index(may.to), reasonOf(why)})
}

// suggestion is a [Suggestion] whose rows have no keys yet.
type suggestion struct {
	was      *entry
	shelf    *shelf
	from, to int32
	reason   reason
}

// MaxSuggested is how many rows a [Suggestion] names. [Suggestion.More] counts the others.
const MaxSuggested = 16

// suggestions notes what rows may be, without what was found to be another row after all.
func (c *comparison) suggestions(out *Result) {
	c.suggested = slices.DeleteFunc(c.suggested, func(s suggestion) bool {
		return s.was.now != nil || len(s.shelf.left(int(s.from), int(s.to), out.Added)) == 0
	})
	out.Suggested = room[Suggestion](len(c.suggested))
	for _, s := range c.suggested {
		may := s.shelf.left(int(s.from), int(s.to), out.Added)
		n := min(len(may), MaxSuggested)
		out.Suggested = append(out.Suggested, Suggestion{
			Was: s.was.was, May: may[:n:n], More: len(may) - n, Reason: reasons[s.reason],
		})
	}
}
