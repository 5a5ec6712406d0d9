package reconcile

// This file keeps each row once where the bank selects rows by another day than it writes.

import (
	"maps"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

// calls are the calls of a reading, the newest first, and their misplaced rows. Those have a day
// that the call does not own. The zero value is ready to use.
type calls struct {
	all       []call
	misplaced map[string]*misplacedRow // by content
	furthest  int                      // days that a row is off at most
	// the bank serves all rows, whatever days are asked for
	ignores bool
}

// call is a call and a checksum of its rows.
type call struct {
	window
	sum string
}

// misplacedRow is a row of a day that another call owns.
type misplacedRow struct {
	row   *bankmux.Transaction
	asked bool // its day was asked for
	seen  []rowsInCall
}

// rowsInCall is how often a call had a row.
type rowsInCall struct{ call, n int }

// add notes a call and what its rows show about the bank.
func (c *calls) add(w *window, rows []bankmux.Transaction) {
	got := pageRows{w: &pageWindow{window: *w}, rows: rows}
	for i := range rows {
		got.add(&rows[i])
	}
	c.furthest = max(c.furthest, got.furthest)
	c.all = append(c.all, call{*w, got.sum()})
	c.ignores = c.ignores || got.ignores() || c.repeats(3)
}

// repeats reports whether the last n calls had the same rows. The first and last of them must have
// asked for different days.
func (c *calls) repeats(n int) bool {
	if n < 2 || len(c.all) < n {
		return false
	}
	last := c.all[len(c.all)-n:]
	return last[0].sum != "" && last[0].apart(&last[n-1].window) &&
		!slices.ContainsFunc(last, func(one call) bool { return one.sum != last[0].sum })
}

// apart reports whether no day was asked for in both calls.
func (w *window) apart(other *window) bool { return w.From.After(other.To) || other.From.After(w.To) }

// addMisplaced keeps a row of the last call whose day another call owns. Usually that call has the
// row too. If the bank selects by a very different day than it writes, it does not.
func (c *calls) addMisplaced(row *bankmux.Transaction, asked bool) {
	if c.misplaced == nil {
		c.misplaced = map[string]*misplacedRow{}
	}
	content := contentOf(row)
	s := c.misplaced[content]
	if s == nil {
		s = &misplacedRow{row: row, asked: asked}
		c.misplaced[content] = s
	}
	s.add(len(c.all) - 1)
}

func (s *misplacedRow) add(call int) {
	for i := range s.seen {
		if s.seen[i].call == call {
			s.seen[i].n++
			return
		}
	}
	s.seen = append(s.seen, rowsInCall{call, 1})
}

// unclaimed returns the misplaced rows that the call of their day does not have. It also returns
// how many of them are of days that were not asked for.
func (c *calls) unclaimed(own []bankmux.Transaction) (rows []bankmux.Transaction, unasked int) {
	c.ignores = c.ignores || c.repeats(len(c.all))
	if len(c.misplaced) == 0 {
		return nil, 0
	}
	have := map[string]int{}
	for i := range own {
		content := contentOf(&own[i])
		if s := c.misplaced[content]; s != nil {
			have[content]++
			s.add(c.owner(own[i].Date))
		}
	}
	for _, content := range slices.Sorted(maps.Keys(c.misplaced)) {
		s := c.misplaced[content]
		for range c.atLeast(s.seen) - have[content] {
			rows = append(rows, *s.row)
			if !s.asked {
				unasked++
			}
		}
	}
	return rows, unasked
}

// owner returns the call that owns a day. A day in the future belongs to the newest call.
func (c *calls) owner(day bankmux.Date) int {
	for i := range c.all {
		if !day.Before(c.all[i].First) {
			return i
		}
	}
	return len(c.all) - 1
}

// atLeast returns how many equal rows there are at least. Two calls without a common day have
// different rows; two with one may have the same. If the bank ignores the days, all calls have
// them.
func (c *calls) atLeast(seen []rowsInCall) int {
	slices.SortFunc(seen, func(a, b rowsInCall) int { return a.call - b.call })
	best := make([]int, len(seen)+1) // best[i] is for the first i calls
	for i, s := range seen {
		apart := 0
		if !c.ignores {
			for apart < i && c.all[seen[apart].call].From.After(c.all[s.call].To) {
				apart++
			}
		}
		best[i+1] = max(best[i], best[apart]+s.n)
	}
	return best[len(seen)]
}

// contentOf returns the whole content of a row as one text.
func contentOf(t *bankmux.Transaction) string {
	return strings.Join([]string{
		t.ID,
		t.Date.String(),
		t.Amount.String(),
		t.Description,
		t.Details,
		t.Reference,
		t.BalanceBefore.String(),
		t.BalanceAfter.String(),
	}, "\x00")
}
