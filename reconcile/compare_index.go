package reconcile

import (
	"cmp"
	"slices"
	"sort"

	"github.com/bankmux/bankmux"
)

// shelfKind says in what the rows agree that stand together on a shelf. All agree in currency.
type shelfKind struct {
	text, sign, amount, reference bool
	foreign                       bool // only rows with an id
}

// shelf has rows that were read and are new, in an order in which those that agree stand together,
// by day. References agree in letters and digits. Any number of known rows find theirs in it
// without a list of their own.
type shelf struct {
	kind  shelfKind
	rows  []candidate
	order []int32
	refs  []string // of all rows, as letters and digits, where the kind asks for them
	next  []int32  // the first new row from here on, at the earliest
	known []*Known // those that are left in the end
	at    []int32  // where each stands among them
}

// shelf returns the shelf of a kind, made on first use.
func (c *comparison) shelf(kind shelfKind, has func(*candidate) bool) *shelf {
	if s := c.shelves[kind]; s != nil {
		return s
	}
	s := &shelf{kind: kind, rows: c.new}
	count := 0
	for i := range c.new {
		if has(&c.new[i]) {
			count++
		}
	}
	s.order = make([]int32, 0, count)
	for i := range c.new {
		if has(&c.new[i]) {
			s.order = append(s.order, index(i))
		}
	}
	if kind.reference {
		s.refs = make([]string, len(c.new))
		for _, i := range s.order {
			s.refs[i] = Loose(c.new[i].ref)
		}
	}
	slices.SortFunc(s.order, func(a, b int32) int {
		x, y := &c.new[a], &c.new[b]
		return cmp.Or(
			kind.compare(x, y.text, y.row.Amount),
			s.compareRef(a, s.refOf(b)),
			x.row.Date.Compare(y.row.Date),
			cmp.Compare(a, b),
		)
	})
	s.next = make([]int32, len(s.order)+1)
	for i := range s.next {
		s.next[i] = index(i)
	}
	if c.shelves == nil {
		c.shelves = map[shelfKind]*shelf{}
	}
	c.shelves[kind] = s
	return s
}

// refOf returns the reference of a row in the form in which the shelf compares it.
func (s *shelf) refOf(i int32) string {
	if s.refs == nil {
		return ""
	}
	return s.refs[i]
}

// compareRef compares the reference of a row with another in that form, where the kind asks for it.
func (s *shelf) compareRef(i int32, ref string) int {
	if s.refs == nil {
		return 0
	}
	return cmp.Compare(s.refs[i], ref)
}

// compare compares a row with what another says, but for the reference.
func (kind shelfKind) compare(n *candidate, text string, amount bankmux.Money) int {
	by := cmp.Compare(n.row.Amount.Currency(), amount.Currency())
	if by == 0 && kind.text {
		by = cmp.Compare(n.text, text)
	}
	if by == 0 && kind.sign {
		by = cmp.Compare(n.row.Amount.Sign(), amount.Sign())
	}
	if by == 0 && kind.amount {
		by = n.row.Amount.Decimal().Cmp(amount.Decimal())
	}
	return by
}

// span is a part of a shelf.
type span struct {
	*shelf
	from, to int
}

// span returns the rows that agree with a known one, have a reference, and are of some days.
func (s *shelf) span(k *entry, ref string, from, to bankmux.Date) span {
	ref = Loose(ref)
	before := func(i int, day bankmux.Date) int {
		n := &s.rows[s.order[i]]
		return cmp.Or(s.kind.compare(n, k.Text, k.Amount), s.compareRef(s.order[i], ref), n.row.Date.Compare(day))
	}
	lo := sort.Search(len(s.order), func(i int) bool { return before(i, from) >= 0 })
	hi := lo + sort.Search(len(s.order)-lo, func(i int) bool { return before(lo+i, to) > 0 })
	return span{s, lo, hi}
}

func (s *shelf) row(i int) *candidate { return &s.rows[s.order[i]] }

// free returns the first row from one on that is still new, the end of the span if there is none.
func (s span) free(from int) int {
	end := from
	for end < len(s.order) {
		if int(s.next[end]) == end && s.row(end).known {
			s.next[end]++
		}
		if int(s.next[end]) == end {
			break
		}
		end = int(s.next[end])
	}
	for from != end {
		from, s.next[from] = int(s.next[from]), index(end)
	}
	return min(end, s.to)
}

// left returns the rows of a part of the shelf that are new in the end, as they will be stored.
func (s *shelf) left(from, to int, added []Added) []*Known {
	if s.at == nil {
		s.at = make([]int32, len(s.order)+1)
		for i := range s.order {
			s.at[i+1] = s.at[i]
			if !s.row(i).known {
				s.at[i+1]++
			}
		}
		s.known = make([]*Known, 0, s.at[len(s.order)])
		for i := range s.order {
			if n := s.row(i); !n.known {
				s.known = append(s.known, &added[n.added].Known)
			}
		}
	}
	return s.known[s.at[from]:s.at[to]]
}
