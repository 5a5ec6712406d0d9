package reconcile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

const statusPending = bankmux.StatusPending

type comparison struct {
	in           Reading
	prefix       string // of the provider's ids
	known        []knownRow
	read         []readRow
	provedFrom   bankmux.Date // absent rows of earlier days may be rows that the bank does not serve any more
	contentOrder []int32      // old by what its rows say, see sorted
	foundDay     struct {     // the one that find looked for last
		date     bankmux.Date
		from, to int
	}
	currentIDs, formerIDs idTable             // known rows by the ids they have, and by those they had
	readIDs               map[string]struct{} // the reading's ids, where it is not complete
	unreadable            map[unreadableFacts]struct{}
	indexes               map[indexKey]*rowIndex
	suggested             []suggestion
}

// knownRow is a known row, with text and reference in normal form, and the row that was read it was
// found to be.
type knownRow struct {
	*Known
	given     *Known // as the application gave it
	base      string // of its key
	match     *readRow
	reason    reason
	replaced  bool
	suggested bool
	rekeyed   bool // the key is that of the row that was read
}

// readRow is a row that was read, and whether it is known.
type readRow struct {
	row       *bankmux.Transaction
	text, ref string // in normal form
	base      string // of its key, in the end the key
	paired    bool
	rekeyed   bool  // the row that it is gets another key
	addedAt   int32 // where it is in the result's list
}

func newComparison(known []Known, in Reading) *comparison {
	c := &comparison{in: in, prefix: Alias(in.Provider, "")}
	c.sortKnown(known)
	c.sortRead(in.Rows)
	c.provedFrom = in.ProvesFrom
	if first := c.firstDay(); first.After(c.provedFrom) {
		c.provedFrom = first
	}
	return c
}

// sortKnown sorts the account's known rows by day, and within a day so that the result does not
// depend on their order.
func (c *comparison) sortKnown(known []Known) {
	places := make([]dayIndex, 0, len(known))
	for i := range known {
		if known[i].Account == c.in.Account {
			places = append(places, dayIndexOf(known[i].Date, i))
		}
	}
	slices.Sort(places)
	c.known = make([]knownRow, len(places))
	for i, p := range places {
		c.known[i] = newEntry(&known[p.row()])
	}
	sortDays(places, c.known, func(a, b knownRow) int {
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
func newEntry(k *Known) knownRow {
	text, reference := normal(k.Text), normalReference(k.Reference)
	if text == k.Text && reference == k.Reference {
		return knownRow{Known: k, given: k, base: keyBaseOf(k.Key)}
	}
	now := *k
	now.Text, now.Reference = text, reference
	b := keyHash(k.Account, k.Date, k.Amount, text, reference)
	return knownRow{Known: &now, given: k, base: string(b[:])}
}

// hasID reports whether a known row has a provider's id.
func (k *knownRow) hasID() bool {
	return slices.ContainsFunc(k.Aliases, func(a string) bool { return strings.HasPrefix(a, "id:") })
}

// sortRead does the same with the rows that were read.
func (c *comparison) sortRead(rows []bankmux.Transaction) {
	places := make([]dayIndex, len(rows))
	for i := range rows {
		places[i] = dayIndexOf(rows[i].Date, i)
	}
	slices.Sort(places)
	c.read = make([]readRow, len(rows))
	var bases strings.Builder // one piece of memory for all; keys are copies
	bases.Grow(len(rows) * keyBaseLen)
	for i, p := range places {
		n := &c.read[i]
		n.row = &rows[p.row()]
		n.ref = normalReference(n.row.Reference)
		if raw := rawText(n.row); i > 0 && raw == rawText(c.read[i-1].row) {
			n.text = c.read[i-1].text // rows of one text often stand together
		} else {
			n.text = normal(raw)
		}
		b := keyBase(c.in.Account, n.row, n.text, n.ref)
		bases.Write(b[:])
		n.base = bases.String()[i*keyBaseLen:]
	}
	sortDays(places, c.read, func(a, b readRow) int { // step by step, for texts take the longest
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
	for _, list := range [][]bankmux.Transaction{c.in.Rows, c.in.Unreadable} {
		for i := range list {
			if d := list[i].Date; c.isPlausible(d) && (first.IsZero() || d.Before(first)) {
				first = d
			}
		}
	}
	return first
}

// The years that a bank's rows may be of. Others are of another calendar, or stand for "none".
const firstYear, lastYear = 1900, 2200

// isPlausible reports whether a day of a row says anything about the days that were read.
func (c *comparison) isPlausible(d bankmux.Date) bool {
	return d.Year >= firstYear && d.Year <= lastYear && !d.Before(c.in.From) && !d.After(c.in.To)
}

// wasRead reports whether a known row lies in the days that were read, or that the reading would
// show.
func (c *comparison) wasRead(k *knownRow) bool {
	return !k.Date.Before(c.in.From) && (!k.Date.After(c.in.To) || !k.Date.After(c.in.Ahead))
}

// pair notes that a known row and one that was read are one.
func (c *comparison) pair(k *knownRow, n *readRow, why string, replaced bool) {
	k.match, k.reason, k.replaced = n, reasonOf(why), replaced
	n.paired = true
}

// allPaired reports whether all rows that were read are known. Then there is nothing left to find.
func (c *comparison) allPaired() bool {
	return !slices.ContainsFunc(c.read, func(n readRow) bool { return !n.paired })
}

// mayHaveAnotherID reports whether a known row that was not found by its id may be a row of another id: the
// reading is complete, or the provider has none of its ids any more, shows them in this reading,
// for then they are those of other rows, or never gave it one.
func (c *comparison) mayHaveAnotherID(k *knownRow) bool {
	if c.in.Complete {
		return true
	}
	for _, a := range k.Aliases {
		id, ours := strings.CutPrefix(a, c.prefix)
		if !ours || c.hasReadID(id) {
			continue
		}
		if c.in.Gone == nil || !c.in.Gone(a) {
			return false
		}
	}
	return true
}

// hasReadID reports whether the reading has a row of an id.
func (c *comparison) hasReadID(id string) bool {
	if c.readIDs == nil {
		c.readIDs = make(map[string]struct{}, len(c.read))
		for i := range c.read {
			if c.read[i].row.ID != "" {
				c.readIDs[c.read[i].row.ID] = struct{}{}
			}
		}
	}
	_, ok := c.readIDs[id]
	return ok
}

// lastAlias returns the alias under which the provider last showed a known row, "" if it never did.
func (c *comparison) lastAlias(k *knownRow) string {
	if i := slices.IndexFunc(k.Aliases, func(a string) bool { return strings.HasPrefix(a, c.prefix) }); i >= 0 {
		return k.Aliases[i]
	}
	return ""
}
