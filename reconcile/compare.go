package reconcile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

// Reading is what a provider showed of one account.
type Reading struct {
	Provider string       // name of the adapter
	Account  string       // the application's own name of the account, as in [Known]
	From, To bankmux.Date // the days that were read, both included

	// Rows may come in any order, each row once. Two rows of one id are two rows.
	Rows []bankmux.Transaction
	// Unread has rows that were there and could not be read, with what could be read of them. An
	// absent row that may be one of these is not counted as absent: of the same day, or, where the
	// day could not be read, of the same amount and text.
	Unread []bankmux.Transaction
	// Ahead is the last day of known rows that the reading would show although it is after To, as
	// of a value date that has not come. Such a row may also move to an earlier day. Zero means
	// that no row after To is proved absent.
	Ahead bankmux.Date
	// Complete says that Rows and Unread are all there is between From and To. Without it nothing
	// is ever missing.
	Complete bool
	// Proves is the first day of which an absent booked row counts as absent, where that day is
	// later than the first row of the reading. Zero means that the first row decides.
	Proves bankmux.Date
	// More says that another reading may show further rows of the same days. Then rows of different
	// amounts are never paired.
	More bool
	// Gone reports whether the provider no longer has a row of an [Alias] of a known row. Where the
	// reading is not complete, only a row whose aliases are all gone may have become another: what
	// a part of a list does not show may well be there. nil means that none is gone.
	Gone func(alias string) bool
}

// Result says what a reading changed. Every row is in exactly one of Added, Modified, Replaced and
// Unchanged. Every known row between the days that were read is in exactly one of Modified,
// Replaced, Unchanged, Missing and Removed. The lists go by day: changes and absences by that of
// the known row.
type Result struct {
	Added     []Added
	Modified  []Change     // the same row with another content
	Replaced  []Change     // the same movement as another row: posted, or under another id
	Missing   []Absence    // not there in this reading; perhaps in the next
	Removed   []Absence    // not there in two complete readings in a row
	Suggested []Suggestion // perhaps replaced; nothing was merged
	Unchanged []*Known

	// Suspect says that the reading had no readable row of its days where rows were known. They are
	// missing, and the reading does not count towards their removal.
	Suspect bool
}

// The reasons.
const (
	ReasonContent  = "the provider changed the row"
	ReasonPosted   = "the pending row was posted"
	ReasonAmount   = "the pending row was posted with another amount"
	ReasonID       = "the provider gave the same row another id"
	ReasonMoved    = "the same amount and text a few days later"
	ReasonAbsent   = "it was not there in a complete reading"
	ReasonTwice    = "it was not there in two complete readings in a row"
	ReasonEmpty    = "the reading was empty"
	ReasonSeveral  = "several rows may be it"
	ReasonDiffers  = "the text agrees and the amount does not"
	ReasonText     = "another provider: the amount agrees, and the days nearly"
	ReasonNear     = "the day and the amount agree, and the text nearly"
	ReasonBack     = "it is there again"
	ReasonBefore   = "the reading begins with a later row; the bank may serve fewer days"
	ReasonUnread   = "a row that could not be read may be it"
	postedWithin   = 10 // days between a pending row and its posting
	removedAfter   = 2  // complete readings without a row
	recursWithin   = 7  // days after which what recurs may come again
	retoldWithin   = 3  // days between two providers' dates of one row
	statusPending  = bankmux.StatusPending
	sameRowNothing = ""
)

// reason is a reason in one byte, of which a comparison keeps one per known row.
type reason uint8

var reasons = [...]string{
	sameRowNothing, ReasonContent, ReasonPosted, ReasonAmount, ReasonID, ReasonMoved,
	ReasonSeveral, ReasonDiffers, ReasonText, ReasonNear,
}

func reasonOf(text string) reason { return reason(slices.Index(reasons[:], text)) } //nolint:gosec // a few

// Compare compares what the application knows of an account with a reading. known may hold rows of
// other days; those stay as they are. Time grows with the rows as n log n and memory as n, and the
// result does not depend on their order.
//
// What is certain goes first: a row that names the one it replaces, the same id with the same
// content, the same content under another id. Then come rows of nearly the same content, the same
// id with the same text or a pending amount, and rows that were posted days later. The same id with
// another content goes last.
func Compare(known []Known, in Reading) Result {
	c := newComparison(known, in)
	c.byReplaces()
	c.byID()
	c.byContent()
	c.byLikeness()
	c.bySameDay()
	c.byRemains()
	c.byPosting()
	c.byOtherContent()
	c.byAmount()
	return c.result()
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

// place is a row's day and its index in one number. Sorting these first moves and reads much less
// memory than sorting the rows.
type place uint64

func placeOf(d bankmux.Date, i int) place {
	return place(uint64(dayOf(d))<<32 | uint64(i)) //nolint:gosec // nobody has four thousand million rows in memory
}

func (p place) row() int { return int(p & (1<<32 - 1)) } //nolint:gosec // an index

// dayOf returns a day as a number that grows with it. Days that no calendar has may share one.
func dayOf(d bankmux.Date) uint32 {
	const most = 1 << 21
	switch {
	case d.Year > most:
		return 1<<32 - 1
	case d.Year < -most:
		return 0
	}
	month, day := min(max(int(d.Month), 0), 15), min(max(d.Day, 0), 31)
	return uint32((d.Year+most)<<9|month<<5|day) + 1 //nolint:gosec // not negative, and 31 bits
}

// sortDays sorts the rows of each day. They are in the order of places.
func sortDays[T any](places []place, rows []T, compare func(a, b T) int) {
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && places[to]>>32 == places[from]>>32 {
			to++
		}
		slices.SortFunc(rows[from:to], compare)
		from = to
	}
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

// hasID reports whether a known row has a provider's id.
func (k *entry) hasID() bool {
	return slices.ContainsFunc(k.Aliases, func(a string) bool { return strings.HasPrefix(a, "id:") })
}
