package reconcile

// This file has an index of the unpaired rows of a reading, by what they agree in.

import (
	"cmp"
	"slices"
	"sort"

	"github.com/bankmux/bankmux"
)

// indexKey says in what the neighbours in an index agree. All of them agree in currency.
type indexKey struct {
	text, sign, amount, reference bool
	onlyWithID                    bool // the index has only rows with an id
}

// rowIndex has the unpaired rows of a reading, sorted by what they agree in and then by day.
// References are compared by letters and digits. Any number of known rows look up their candidates
// in it without lists of their own.
type rowIndex struct {
	key        indexKey
	rows       []readRow
	order      []int32
	references []string // of all rows, as letters and digits; nil if the key has no reference
	skipTo     []int32  // from each position, the next row that may be unpaired
	added      []*Known // the rows that are unpaired in the end
	addedAt    []int32  // from each position, the index of the next one in added
}

// indexBy returns the index of a key, made on first use.
func (c *comparison) indexBy(kind indexKey, has func(*readRow) bool) *rowIndex {
	if s := c.indexes[kind]; s != nil {
		return s
	}
	s := &rowIndex{key: kind, rows: c.read}
	count := 0
	for i := range c.read {
		if has(&c.read[i]) {
			count++
		}
	}
	s.order = make([]int32, 0, count)
	for i := range c.read {
		if has(&c.read[i]) {
			s.order = append(s.order, int32Of(i))
		}
	}
	if kind.reference {
		s.references = make([]string, len(c.read))
		for _, i := range s.order {
			s.references[i] = LettersAndDigits(c.read[i].ref)
		}
	}
	slices.SortFunc(s.order, func(a, b int32) int {
		x, y := &c.read[a], &c.read[b]
		return cmp.Or(
			kind.compare(x, y.text, y.row.Amount),
			s.compareReference(a, s.referenceOf(b)),
			x.row.Date.Compare(y.row.Date),
			cmp.Compare(a, b),
		)
	})
	s.skipTo = make([]int32, len(s.order)+1)
	for i := range s.skipTo {
		s.skipTo[i] = int32Of(i)
	}
	if c.indexes == nil {
		c.indexes = map[indexKey]*rowIndex{}
	}
	c.indexes[kind] = s
	return s
}

// referenceOf returns the reference of a row as the index compares it.
func (s *rowIndex) referenceOf(i int32) string {
	if s.references == nil {
		return ""
	}
	return s.references[i]
}

// compareReference compares the reference of a row with another one, if the key has it.
func (s *rowIndex) compareReference(i int32, ref string) int {
	if s.references == nil {
		return 0
	}
	return cmp.Compare(s.references[i], ref)
}

// compare orders a row against text and amount of another one. It leaves out the reference.
func (kind indexKey) compare(n *readRow, text string, amount bankmux.Money) int {
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

// rowSpan is a range of an index.
type rowSpan struct {
	*rowIndex
	from, to int
}

// find returns the rows that agree with a known one and a reference, between two days.
func (s *rowIndex) find(k *knownRow, ref string, from, to bankmux.Date) rowSpan {
	ref = LettersAndDigits(ref)
	before := func(i int, day bankmux.Date) int {
		n := &s.rows[s.order[i]]
		return cmp.Or(s.key.compare(n, k.Text, k.Amount), s.compareReference(s.order[i], ref), n.row.Date.Compare(day))
	}
	lo := sort.Search(len(s.order), func(i int) bool { return before(i, from) >= 0 })
	hi := lo + sort.Search(len(s.order)-lo, func(i int) bool { return before(lo+i, to) > 0 })
	return rowSpan{s, lo, hi}
}

func (s *rowIndex) row(i int) *readRow { return &s.rows[s.order[i]] }

// nextUnpaired returns the first unpaired row from a position on, the end of the range if there is
// none.
func (s rowSpan) nextUnpaired(from int) int {
	end := from
	for end < len(s.order) {
		if int(s.skipTo[end]) == end && s.row(end).paired {
			s.skipTo[end]++
		}
		if int(s.skipTo[end]) == end {
			break
		}
		end = int(s.skipTo[end])
	}
	for from != end {
		from, s.skipTo[from] = int(s.skipTo[from]), int32Of(end)
	}
	return min(end, s.to)
}

// unpairedIn returns the rows of a range that are unpaired in the end, as they are stored.
func (s *rowIndex) unpairedIn(from, to int, added []Added) []*Known {
	if s.addedAt == nil {
		s.addedAt = make([]int32, len(s.order)+1)
		for i := range s.order {
			s.addedAt[i+1] = s.addedAt[i]
			if !s.row(i).paired {
				s.addedAt[i+1]++
			}
		}
		s.added = make([]*Known, 0, s.addedAt[len(s.order)])
		for i := range s.order {
			if n := s.row(i); !n.paired {
				s.added = append(s.added, &added[n.addedAt].Known)
			}
		}
	}
	return s.added[s.addedAt[from]:s.addedAt[to]]
}
