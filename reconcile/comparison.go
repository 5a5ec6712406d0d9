package reconcile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

const statusPending = bankmux.StatusPending

type comparison struct {
	in     Reading
	prefix string // of the provider's ids
	old    []entry
	new    []candidate
	begins bankmux.Date // absent rows of earlier days may be rows that the bank does not serve any more
	order  []int32      // old by what its rows say, see sorted
	day    struct {     // the one that find looked for last
		date     bankmux.Date
		from, to int
	}
	ids, former idTable             // known rows by the ids they have, and by those they had
	shown       map[string]struct{} // the reading's ids, where it is not complete
	unreadable  map[doubt]struct{}
	shelves     map[shelfKind]*shelf
	suggested   []suggestion
}

// entry is a known row, with text and reference in normal form, and the row that was read it was
// found to be.
type entry struct {
	*Known
	was       *Known // as the application gave it
	base      string // of its key
	now       *candidate
	reason    reason
	replaced  bool
	suggested bool
	rekeyed   bool // the key is that of the row that was read
}

// candidate is a row that was read, and whether it is known.
type candidate struct {
	row       *bankmux.Transaction
	text, ref string // in normal form
	base      string // of its key, in the end the key
	known     bool
	rekeys    bool  // the row that it is gets another key
	added     int32 // where it is in the result's list
}

func newComparison(known []Known, in Reading) *comparison {
	c := &comparison{in: in, prefix: Alias(in.Provider, "")}
	c.remember(known)
	c.read(in.Rows)
	c.begins = in.Proves
	if first := c.firstDay(); first.After(c.begins) {
		c.begins = first
	}
	return c
}

// remember sorts the account's known rows by day, and within a day so that the result does not
// depend on their order.
func (c *comparison) remember(known []Known) {
	places := make([]place, 0, len(known))
	for i := range known {
		if known[i].Account == c.in.Account {
			places = append(places, placeOf(known[i].Date, i))
		}
	}
	slices.Sort(places)
	c.old = make([]entry, len(places))
	for i, p := range places {
		c.old[i] = newEntry(&known[p.row()])
	}
	sortDays(places, c.old, func(a, b entry) int {
		return cmp.Or(
			a.Date.Compare(b.Date),
			cmp.Compare(a.Missed, b.Missed),
			cmp.Compare(a.Status, b.Status),
			cmp.Compare(a.Key, b.Key),
		)
	})
}

// newEntry reads a known row. The key of one that an earlier version of the library stored may be
// of a text that was not in normal form; then its content says what its key would be now.
func newEntry(k *Known) entry {
	text, reference := normal(k.Text), normalReference(k.Reference)
	if text == k.Text && reference == k.Reference {
		return entry{Known: k, was: k, base: baseOf(k.Key)}
	}
	now := *k
	now.Text, now.Reference = text, reference
	b := hashOf(k.Account, k.Date, k.Amount, text, reference)
	return entry{Known: &now, was: k, base: string(b[:])}
}

// hasID reports whether a known row has a provider's id.
func (k *entry) hasID() bool {
	return slices.ContainsFunc(k.Aliases, func(a string) bool { return strings.HasPrefix(a, "id:") })
}

// read does the same with the rows that were read.
func (c *comparison) read(rows []bankmux.Transaction) {
	places := make([]place, len(rows))
	for i := range rows {
		places[i] = placeOf(rows[i].Date, i)
	}
	slices.Sort(places)
	c.new = make([]candidate, len(rows))
	var bases strings.Builder // one piece of memory for all; keys are copies
	bases.Grow(len(rows) * baseLen)
	for i, p := range places {
		n := &c.new[i]
		n.row = &rows[p.row()]
		n.ref = normalReference(n.row.Reference)
		if raw := rawText(n.row); i > 0 && raw == rawText(c.new[i-1].row) {
			n.text = c.new[i-1].text // rows of one text often stand together
		} else {
			n.text = normal(raw)
		}
		b := base(c.in.Account, n.row, n.text, n.ref)
		bases.Write(b[:])
		n.base = bases.String()[i*baseLen:]
	}
	sortDays(places, c.new, func(a, b candidate) int { // step by step, for texts take the longest
		by := cmp.Or(a.row.Date.Compare(b.row.Date), cmp.Compare(a.row.Status, b.row.Status))
		if by == 0 {
			by = cmp.Compare(a.text, b.text)
		}
		if by == 0 {
			by = a.row.Amount.Decimal().Cmp(b.row.Amount.Decimal())
		}
		if by == 0 {
			by = cmp.Or(cmp.Compare(a.ref, b.ref), cmp.Compare(a.row.ID, b.row.ID))
		}
		return by
	})
}

// firstDay returns the first day of which the reading has a row, be it one that could not be read.
// A day outside of those that were read, or of no year that a bank has, says nothing.
func (c *comparison) firstDay() (first bankmux.Date) {
	for _, list := range [][]bankmux.Transaction{c.in.Rows, c.in.Unread} {
		for i := range list {
			if d := list[i].Date; c.proves(d) && (first.IsZero() || d.Before(first)) {
				first = d
			}
		}
	}
	return first
}

// The years that a bank's rows may be of. Others are of another calendar, or stand for "none".
const firstYear, lastYear = 1900, 2200

// proves reports whether a day of a row says anything about the days that were read.
func (c *comparison) proves(d bankmux.Date) bool {
	return d.Year >= firstYear && d.Year <= lastYear && !d.Before(c.in.From) && !d.After(c.in.To)
}

// inside reports whether a known row lies in the days that were read, or that the reading would
// show.
func (c *comparison) inside(k *entry) bool {
	return !k.Date.Before(c.in.From) && (!k.Date.After(c.in.To) || !k.Date.After(c.in.Ahead))
}

// pair notes that a known row and one that was read are one.
func (c *comparison) pair(k *entry, n *candidate, why string, replaced bool) {
	k.now, k.reason, k.replaced = n, reasonOf(why), replaced
	n.known = true
}

// complete reports whether all rows that were read are known. Then there is nothing left to find.
func (c *comparison) complete() bool {
	return !slices.ContainsFunc(c.new, func(n candidate) bool { return !n.known })
}

// free reports whether a known row that was not found by its id may be a row of another id: the
// reading is complete, or the provider has none of its ids any more, shows them in this reading,
// for then they are those of other rows, or never gave it one.
func (c *comparison) free(k *entry) bool {
	if c.in.Complete {
		return true
	}
	for _, a := range k.Aliases {
		id, ours := strings.CutPrefix(a, c.prefix)
		if !ours || c.shows(id) {
			continue
		}
		if c.in.Gone == nil || !c.in.Gone(a) {
			return false
		}
	}
	return true
}

// shows reports whether the reading has a row of an id.
func (c *comparison) shows(id string) bool {
	if c.shown == nil {
		c.shown = make(map[string]struct{}, len(c.new))
		for i := range c.new {
			if c.new[i].row.ID != "" {
				c.shown[c.new[i].row.ID] = struct{}{}
			}
		}
	}
	_, ok := c.shown[id]
	return ok
}

// idOf returns the alias under which the provider last showed a known row, "" if it never did.
func (c *comparison) idOf(k *entry) string {
	if i := slices.IndexFunc(k.Aliases, func(a string) bool { return strings.HasPrefix(a, c.prefix) }); i >= 0 {
		return k.Aliases[i]
	}
	return ""
}
