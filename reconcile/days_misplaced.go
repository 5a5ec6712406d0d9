package reconcile

import (
	"maps"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

// calls are the calls of a reading, the newest first, and the rows that are not of the days of the
// call that had them. The zero value is ready.
type calls struct {
	all       []call
	misplaced map[string]*misplacedRow // by what they say
	furthest  int                      // days that a row is further off than those asked for
	// ignores says that the bank serves all it has, whatever days are asked for.
	ignores bool
}

// call is a call and a sum of the rows that it had.
type call struct {
	window
	sum string
}

// misplacedRow is a row of a day that another call has for its own.
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

// repeats reports whether so many calls in a row had the same rows, of which the last asked for
// other days than the first.
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

// addMisplaced keeps a row of the last call whose day another call has for its own. As a rule that call
// has the row too. Where a bank selects by quite another day than it writes, it does not.
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

// unclaimed are the strays that are not among the rows which calls have for their own. It returns how
// many of them are of days that were not asked for.
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

// owner is the call that has a day for its own: a day that has not come is the newest call's.
func (c *calls) owner(day bankmux.Date) int {
	for i := range c.all {
		if !day.Before(c.all[i].First) {
			return i
		}
	}
	return len(c.all) - 1
}

// atLeast is how many equal rows there are at least. Two calls that ask for no day in common have
// other rows; two that do may have the same. Where the bank ignores the days all calls have them.
func (c *calls) atLeast(seen []rowsInCall) int {
	slices.SortFunc(seen, func(a, b rowsInCall) int { return a.call - b.call })
	best := make([]int, len(seen)+1) // of the first so many calls
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

// contentOf is all that a row says.
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
