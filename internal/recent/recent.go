// Package recent knows rows again that come twice because a list grew while it was read.
package recent

import (
	"hash/maphash"
	"time"

	"github.com/govalues/decimal"
)

// most is how many rows back a row is recognised. A list that grows while it is read repeats rows
// from the page before, not from long ago.
const most = 5000

// Rows remembers the rows seen last. The zero value is ready. It is not safe for concurrent use.
type Rows struct {
	seed maphash.Seed
	seen map[uint64]int // places in ring by hash, which is quicker than by two texts
	ring []remembered
	at   int // the place in ring that is written next, once it is full
}

// Row is what tells one row from another.
type Row struct {
	Account, ID string
	Text        string
	Amount      decimal.Decimal // it and the day tell two payments of one text apart
	Year        int
	Month       time.Month
	Day         int
	Pending     bool
}

// remembered is a row that was seen, under its hash.
type remembered struct {
	hash uint64
	row  seen
}

// seen is a row as two readings of it agree.
type seen struct {
	account, id string
	text        uint64 // hashes
	content     uint64
	pending     bool
}

// Expect makes room for so many rows at once, if none were seen yet.
func (r *Rows) Expect(n int) {
	if r.seen == nil && n > 0 {
		n = min(n, most)
		r.seed, r.seen, r.ring = maphash.MakeSeed(), make(map[uint64]int, n), make([]remembered, 0, n)
	}
}

// of is what is remembered of a row.
func (r *Rows) of(row *Row) seen {
	if r.seen == nil {
		r.seed, r.seen = maphash.MakeSeed(), map[uint64]int{}
	}
	hash := maphash.String(r.seed, row.Text)
	day := uint64(row.Year)<<9 | uint64(row.Month)<<5 | uint64(row.Day)            //nolint:gosec // bits to mix
	content := ((hash*31+row.Amount.Coef())*31+uint64(row.Amount.Sign()))*31 + day //nolint:gosec // bits to mix
	return seen{row.Account, row.ID, hash, content, row.Pending}
}

// same reports whether two rows of one id are one payment: their content is the same, or one is
// pending, the other is not, and the text agrees.
func (s *seen) same(row *seen) bool {
	return s.content == row.content || (s.text == row.text && s.pending != row.pending)
}

// Add reports whether the row is new. Rows without an id always are, and so are two payments under
// one id.
func (r *Rows) Add(one *Row) bool {
	if one.ID == "" {
		return true
	}
	row := r.of(one)
	hash := maphash.String(r.seed, row.account)*31 + maphash.String(r.seed, row.id)
	if place, ok := r.seen[hash]; ok {
		known := &r.ring[place].row
		if known.account != row.account || known.id != row.id {
			return true // another row of the same hash is new all the same
		}
		if known.same(&row) {
			return false
		}
		hash = hash*31 + row.content
		if _, ok := r.seen[hash]; ok {
			return false
		}
	}
	if len(r.ring) < most {
		r.seen[hash] = len(r.ring)
		r.ring = append(r.ring, remembered{hash, row})
		return true
	}
	delete(r.seen, r.ring[r.at].hash)
	r.seen[hash] = r.at
	r.ring[r.at] = remembered{hash, row}
	r.at = (r.at + 1) % most
	return true
}
