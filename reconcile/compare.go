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

	// Rows may be in any order, and must have each row once. Two elements with the same id count as
	// two rows.
	Rows []bankmux.Transaction
	// Unreadable has rows of which only some parts could be read, with those parts. An absent known
	// row that may be one of these is in Missing, and the reading does not count towards its
	// removal. That applies to known rows of the same day. If the day could not be read, it applies
	// to rows of the same amount and text.
	Unreadable []bankmux.Transaction
	// Ahead is for rows with a value date in the future. It is the last day after To of which the
	// reading has all rows. A known row between To and Ahead can be absent. Zero means that no
	// known row after To counts as absent.
	Ahead bankmux.Date
	// Complete says that Rows and Unreadable are all rows between From and To. Without it no row is
	// reported as missing.
	Complete bool
	// ProvesFrom is the first day for which the reading proves that a booked row is absent. An
	// absent row of an earlier day is in Missing, and the reading does not count towards its
	// removal. If the first row of the reading is later, its day is used instead.
	ProvesFrom bankmux.Date
	// More says that another reading may show further rows of the same days. Rows of different
	// amounts are then never paired.
	More bool
	// Gone reports whether the provider no longer has a row under an [Alias] of a known row. It is
	// for incomplete readings, in which an absent row may still exist. There a known row is paired
	// with a row of another id only if all its aliases are gone. A nil Gone means that no alias is
	// gone.
	Gone func(alias string) bool
}

// Result is what a reading changed, as lists of rows.
//
// Each row of the reading is in exactly one of Added, Modified, Replaced and Unchanged. Each stored
// row is in at most one of Modified, Replaced, Unchanged, Missing and Removed. It is in none of
// them if the reading neither has it nor proves that it is absent. The lists are sorted by day.
// Changes and absences are sorted by the day of the stored row.
type Result struct {
	Added    []Added   // rows that were not stored
	Modified []Change  // stored rows that were returned with changes
	Replaced []Change  // the same movement as another row: posted, or under another id
	Missing  []Absence // stored rows that this reading does not have; a later one may
	Removed  []Absence // stored rows that two complete readings in a row do not have
	// Suggested has stored rows that may be one of several new ones. Nothing was merged. Was is
	// also in Missing or Removed if the reading proves it absent, and the candidates are also in
	// Added.
	Suggested []Suggestion
	Unchanged []*Known // stored rows that are as they were

	// Suspect says that the reading is complete and has no readable row, although rows of its days
	// are stored. These are in Missing, and the reading does not count towards their removal.
	Suspect bool
}

// Compare compares the stored rows of an account with a reading. known may also have rows of other
// accounts and days. Time grows with the rows as n log n, and memory as n. The result does not
// depend on the order of the rows.
//
// Compare pairs stored rows with rows of the reading, from the most to the least certain pair:
//
//   - a row that names the row that it replaces;
//   - the same id with the same content;
//   - the same content under another id;
//   - nearly the same content;
//   - the same id with the same text, or the same id and amount as a pending row;
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

// Apply returns the rows to store after a result. Added and changed rows have their new content,
// and removed rows are left out. Other rows of before, such as those of other days and accounts,
// stay as they are.
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
