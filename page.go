package bankmux

// This file reads lists page by page, and stops at lists without end.

import "github.com/bankmux/bankmux/internal/recent"

// pages reads the pages of a provider up to the last one. If a page names one that was read already
// as its next, pages yields an error and stops.
func pages[P any](at string, read func(at string) (P, string, error), yield func(P, error) bool) {
	seen := map[string]bool{at: true}
	for {
		page, next, err := read(at)
		if !yield(page, err) || err != nil || next == "" {
			return
		}
		if seen[next] {
			var none P
			yield(none, &Error{Kind: ErrMalformed, Detail: "the provider's pages repeat without end"})
			return
		}
		seen[next] = true
		at = next
	}
}

// Limits of consecutive pages without a new row. A list that grows while it is read repeats some
// rows. A provider that ignores the page parameter repeats them without end. A provider that
// ignores the days may serve many rows before the first one that was asked for.
const (
	maxStale   = 10   // pages of rows that were seen before
	maxOutside = 1000 // pages of rows that were not asked for
)

// stale counts pages without a new row. The zero value is ready.
type stale struct{ seen, outside int }

// page counts a page with the given numbers of rows, of new rows, and of rows that were dropped. It
// returns an error for one page too many.
func (s *stale) page(rows, fresh, outside int) error {
	s.seen++
	s.outside++
	if fresh > 0 || rows == 0 {
		s.seen = 0
	}
	if fresh > 0 || outside == 0 {
		s.outside = 0
	}
	if s.seen <= maxStale && s.outside <= maxOutside {
		return nil
	}
	return &Error{Kind: ErrMalformed, Scope: ScopeCall, Detail: "the provider serves the same rows on page after page"}
}

// seen returns what distinguishes the row from others.
func (t *Transaction) seen() *recent.Row {
	text := t.RawDescription
	if text == "" {
		text = t.Description
	}
	return &recent.Row{
		Account: t.Account, ID: t.ID, Text: text, Amount: t.Amount.amount,
		Year: t.Date.Year, Month: t.Date.Month, Day: t.Date.Day, Pending: t.Status == StatusPending,
	}
}

// fresh keeps the rows that are new, in place.
func fresh(seen *recent.Rows, rows []Transaction) []Transaction {
	if len(rows) > 0 && rows[0].ID != "" {
		seen.Expect(len(rows))
	}
	kept := 0
	for i := range rows {
		if t := &rows[i]; t.ID != "" && !seen.Add(t.seen()) {
			continue
		}
		if kept != i {
			rows[kept] = rows[i]
		}
		kept++
	}
	return rows[:kept]
}
