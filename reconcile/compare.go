package reconcile

import (
	"slices"

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
	Unreadable []bankmux.Transaction
	// Ahead is the last day of known rows that the reading would show although it is after To, as
	// of a value date that has not come. Such a row may also move to an earlier day. Zero means
	// that no row after To is proved absent.
	Ahead bankmux.Date
	// Complete says that Rows and Unread are all there is between From and To. Without it nothing
	// is ever missing.
	Complete bool
	// Proves is the first day of which an absent booked row counts as absent, where that day is
	// later than the first row of the reading. Zero means that the first row decides.
	ProvesFrom bankmux.Date
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
	c.bySameRow()
	c.byPosting()
	c.byOtherContent()
	c.byAmount()
	return c.result()
}

// Apply returns what the application knows after a result: the rows that were added and changed as
// they are now, without those removed. Rows of other days and accounts stay.
func (r Result) Apply(before []Known) []Known {
	now := map[string]*Known{} // by the key of before; nil is gone
	for _, ch := range slices.Concat(r.Modified, r.Replaced) {
		now[ch.Was.Key] = &ch.Known
	}
	for _, m := range r.Missing {
		now[m.Known.Key] = &m.Known
	}
	for _, m := range r.Removed {
		now[m.Known.Key] = nil
	}
	after := make([]Known, 0, len(before)+len(r.Added))
	for _, k := range before {
		next, changed := now[k.Key]
		switch {
		case !changed:
			after = append(after, k)
		case next != nil:
			after = append(after, *next)
		}
	}
	for _, a := range r.Added {
		after = append(after, a.Known)
	}
	return after
}

// AddTo adds what a reading of an account changed to a page.
func (r Result) AddTo(d *bankmux.Delta, account string) {
	d.Added = append(d.Added, r.Added...)
	d.Modified = append(d.Modified, r.Modified...)
	d.Replaced = append(d.Replaced, r.Replaced...)
	d.Removed = append(d.Removed, r.Removed...)
	d.Missing = append(d.Missing, r.Missing...)
	d.Suggested = append(d.Suggested, r.Suggested...)
	if r.Suspect {
		d.Suspect = append(d.Suspect, account)
	}
}

// The parts of a [Result], as the application stores and gets them.
type (
	// Known is [bankmux.Known].
	Known = bankmux.Known
	// Change is [bankmux.Change]; Was and Row point into what was given to [Compare].
	Change = bankmux.Change
	// Added is [bankmux.Added]; Row points into what was given to [Compare].
	Added = bankmux.Added
	// Absence is [bankmux.Absence].
	Absence = bankmux.Absence
	// Suggestion is [bankmux.Suggestion].
	Suggestion = bankmux.Suggestion
)
