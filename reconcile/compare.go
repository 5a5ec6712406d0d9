package reconcile

// This file has Compare, its input and its result.

import (
	"slices"

	"github.com/bankmux/bankmux"
)

// Reading is what a provider returned for one account.
type Reading struct {
	Provider string       // the adapter's name
	Account  string       // the application's name of the account, as in [Known]
	From, To bankmux.Date // the days that were read, both included

	// Rows may be in any order. Each row is listed once: two rows with one id are two rows.
	Rows []bankmux.Transaction
	// Unreadable has rows that the provider returned and that could not be read, with the parts
	// that could. A known row that may be one of these is not counted as absent. That holds for
	// known rows of the same day. If the day could not be read, it holds for rows of the same
	// amount and text.
	Unreadable []bankmux.Transaction
	// Ahead is the last day after To of which the reading would still show known rows. Such rows
	// have a value date in the future, and may also move to an earlier day. Zero means that no row
	// after To is proved absent.
	Ahead bankmux.Date
	// Complete says that Rows and Unreadable are all rows between From and To. Without it no row is
	// reported as missing.
	Complete bool
	// ProvesFrom is the first day from which an absent booked row counts as absent. It has an
	// effect where it is later than the first row of the reading. Zero means that the first row
	// decides.
	ProvesFrom bankmux.Date
	// More says that another reading may show further rows of the same days. Rows of different
	// amounts are then never paired.
	More bool
	// Gone reports whether the provider no longer has a row under an [Alias] of a known row. In an
	// incomplete reading, a row can become another only if all its aliases are gone. Without that,
	// a row that a partial list leaves out may still exist. A nil Gone means that no alias is gone.
	Gone func(alias string) bool
}

// Result is what a reading changed, as lists of rows.
//
// Each row of the reading is in exactly one of Added, Modified, Replaced and Unchanged. Each stored
// row of the days that were read is in exactly one of Modified, Replaced, Unchanged, Missing and
// Removed. The lists are sorted by day. Changes and absences are sorted by the day of the stored
// row.
type Result struct {
	Added    []Added   // rows that were not stored
	Modified []Change  // stored rows that were returned with changes
	Replaced []Change  // the same movement as another row: posted, or under another id
	Missing  []Absence // stored rows that this reading does not have; a later one may
	Removed  []Absence // stored rows that two complete readings in a row do not have
	// Suggested has stored rows that may be one of several new ones. Nothing was merged: Was is
	// also in Missing if the reading proves it absent, and the candidates are also in Added.
	Suggested []Suggestion
	Unchanged []*Known // stored rows that are as they were

	// Suspect says that rows are stored and the reading has no readable row of its days. The stored
	// rows are in Missing, and the reading does not count towards their removal.
	Suspect bool
}

// Compare compares the stored rows of an account with a reading. Rows of other days in known stay
// as they are. Time grows with the rows as n log n, and memory as n. The result does not depend on
// the order of the rows.
//
// Pairs are made from the most to the least certain:
//
//   - a row that names the row it replaces;
//   - the same id with the same content;
//   - the same content under another id;
//   - nearly the same content;
//   - the same id with the same text, or with the amount of a pending row;
//   - a pending row and a row of the same text some days later;
//   - the same id with other content.
//
// Store the result with [Result.Apply], or list by list.
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

// Apply returns the rows to store after a result. Added and changed rows are as they are now, and
// removed rows are left out. Rows of other days and accounts stay.
func (r Result) Apply(before []Known) []Known {
	now := map[string]*Known{} // by the key of before; nil means removed
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

// AddTo appends a result to a page of a sync. account is the application's name of the account.
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

// The elements of a [Result] are types of the root package, since a sync returns them too.
type (
	// Known is a stored row, see [bankmux.Known].
	Known = bankmux.Known
	// Change is a stored row as it was and as it is, see [bankmux.Change]. Was and Row point into
	// the arguments of [Compare].
	Change = bankmux.Change
	// Added is a row that was not stored, see [bankmux.Added]. Row points into the arguments of
	// [Compare].
	Added = bankmux.Added
	// Absence is a stored row that is absent, see [bankmux.Absence].
	Absence = bankmux.Absence
	// Suggestion is a stored row and new rows that may be it, see [bankmux.Suggestion].
	Suggestion = bankmux.Suggestion
)
