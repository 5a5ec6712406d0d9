package reconcile

// This file has the state of one comparison: the sorted rows of both sides and what was paired.

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

const statusPending = bankmux.StatusPending

// comparison is the state of one call of [Compare].
type comparison struct {
	in           Reading
	prefix       string // of the provider's aliases
	known        []knownRow
	read         []readRow
	provedFrom   bankmux.Date // The bank may not serve absent rows of earlier days any more.
	contentOrder []int32      // known by content, see sortByContent
	foundDay     struct {     // the day of the last findAlike
		date     bankmux.Date
		from, to int
	}
	currentIDs, formerIDs idTable             // known rows by the ids they have, and by those they had
	readIDs               map[string]struct{} // ids of the reading, used only if it is not complete
	unreadable            map[unreadableFacts]struct{}
	indexes               map[indexKey]*rowIndex
	suggested             []suggestion
}

// knownRow is a known row, with text and reference in normal form, and the row of the reading that
// it was paired with.
type knownRow struct {
	*Known
	given *Known // as the application gave it
	base  string // its key without the number
	// the row of the reading, nil if there is none yet
	match  *readRow
	reason reason
	// match is the same movement as another row
	replaced bool
	// a suggestion names it
	suggested bool
	rekeyed   bool // it takes the key of match
}

// readRow is a row of the reading.
type readRow struct {
	row       *bankmux.Transaction
	text, ref string // in normal form
	base      string // its key without the number; in the end the whole key
	// it is a known row
	paired  bool
	rekeyed bool  // its known row takes its key
	addedAt int32 // its position in Result.Added
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

// sortKnown sorts the account's known rows by day. Within a day the order does not depend on the
// order in which they were given.
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
		c.known[i] = newKnownRow(&known[p.row()])
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

// newKnownRow brings a known row into normal form. An earlier version of the library may have
// stored its text in another form. The key is then computed again from the stored content.
func newKnownRow(k *Known) knownRow {
	text, reference := normal(k.Text), normalReference(k.Reference)
	if text == k.Text && reference == k.Reference {
		return knownRow{Known: k, given: k, base: keyBaseOf(k.Key)}
	}
	now := *k
	now.Text, now.Reference = text, reference
	b := keyHash(k.Account, k.Date, k.Amount, text, reference)
	return knownRow{Known: &now, given: k, base: string(b[:])}
}

// hasID reports whether a known row has an id of any provider.
func (k *knownRow) hasID() bool {
	return slices.ContainsFunc(k.Aliases, func(a string) bool { return strings.HasPrefix(a, "id:") })
}

// sortRead does the same with the rows of the reading.
func (c *comparison) sortRead(rows []bankmux.Transaction) {
	places := make([]dayIndex, len(rows))
	for i := range rows {
		places[i] = dayIndexOf(rows[i].Date, i)
	}
	slices.Sort(places)
	c.read = make([]readRow, len(rows))
	var bases strings.Builder // one allocation for all; keys are copies
	bases.Grow(len(rows) * keyBaseLen)
	for i, p := range places {
		n := &c.read[i]
		n.row = &rows[p.row()]
		n.ref = normalReference(n.row.Reference)
		if raw := rawText(n.row); i > 0 && raw == rawText(c.read[i-1].row) {
			n.text = c.read[i-1].text // rows of one text are often neighbours
		} else {
			n.text = normal(raw)
		}
		b := keyBase(c.in.Account, n.row, n.text, n.ref)
		bases.Write(b[:])
		n.base = bases.String()[i*keyBaseLen:]
	}
	// step by step, since comparing texts takes longest
	sortDays(places, c.read, func(a, b readRow) int {
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

// firstDay returns the first day of which the reading has a row, readable or not. Days outside
// those that were read and implausible years do not count.
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

// Rows of earlier or later years have a date of another calendar, or one that stands for "none".
const firstYear, lastYear = 1900, 2200

// isPlausible reports whether a day lies in the days that were read and in a year that a bank has.
func (c *comparison) isPlausible(d bankmux.Date) bool {
	return d.Year >= firstYear && d.Year <= lastYear && !d.Before(c.in.From) && !d.After(c.in.To)
}

// wasRead reports whether the reading would show a known row: its day was read, or lies up to
// Ahead.
func (c *comparison) wasRead(k *knownRow) bool {
	return !k.Date.Before(c.in.From) && (!k.Date.After(c.in.To) || !k.Date.After(c.in.Ahead))
}

// pair notes that a known row and a row of the reading are the same.
func (c *comparison) pair(k *knownRow, n *readRow, why string, replaced bool) {
	k.match, k.reason, k.replaced = n, reasonOf(why), replaced
	n.paired = true
}

// allPaired reports whether all rows of the reading are known, so that nothing is left to find.
func (c *comparison) allPaired() bool {
	return !slices.ContainsFunc(c.read, func(n readRow) bool { return !n.paired })
}

// mayHaveAnotherID reports whether a known row that was not found by its id may be in the reading
// under another id. In a complete reading it always may. In another one, each of its ids must be
// gone at the provider, or be the id of another row of this reading. A row that never had an id of
// the provider may have one now.
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

// hasReadID reports whether the reading has a row with an id.
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
