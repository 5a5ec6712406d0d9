// Package recent recognizes rows that occur twice because a list grew while it was read.
package recent

import (
	"hash/maphash"
	"time"

	"github.com/govalues/decimal"
)

// maxRemembered is how many rows are remembered. A list that grows while it is read repeats rows of
// the page before, not older ones.
const maxRemembered = 5000

// Rows remembers the latest rows. The zero value is ready to use. It is not safe for concurrent
// use.
type Rows struct {
	seed maphash.Seed
	seen map[uint64]int // indexes in ring by hash, which is faster than by two texts
	ring []remembered
	at   int // the next index in ring, once it is full
}

// Row has what distinguishes one row from another.
type Row struct {
	Account, ID string
	Text        string
	Amount      decimal.Decimal // with the day, it distinguishes two payments of one text
	Year        int
	Month       time.Month
	Day         int
	Pending     bool
}

// remembered is a row and its hash.
type remembered struct {
	hash uint64
	row  seen
}

// seen is what two readings of one row have in common.
type seen struct {
	account, id string
	text        uint64 // hashes
	content     uint64
	pending     bool
}

// Expect reserves memory for n rows, if none were added yet.
func (r *Rows) Expect(n int) {
	if r.seen == nil && n > 0 {
		n = min(n, maxRemembered)
		r.seed, r.seen, r.ring = maphash.MakeSeed(), make(map[uint64]int, n), make([]remembered, 0, n)
	}
}

// of returns what is remembered of a row.
func (r *Rows) of(row *Row) seen {
	if r.seen == nil {
		r.seed, r.seen = maphash.MakeSeed(), map[uint64]int{}
	}
	hash := maphash.String(r.seed, row.Text)
	day := uint64(row.Year)<<9 | uint64(row.Month)<<5 | uint64(row.Day)            //nolint:gosec // bits to mix
	content := ((hash*31+row.Amount.Coef())*31+uint64(row.Amount.Sign()))*31 + day //nolint:gosec // bits to mix
	return seen{row.Account, row.ID, hash, content, row.Pending}
}

// same reports whether two rows of one id are one payment. They are if their content is the same,
// or if only one is pending and the text is the same.
func (s *seen) same(row *seen) bool {
	return s.content == row.content || (s.text == row.text && s.pending != row.pending)
}

// Add remembers a row and reports whether it is new. A row without an id is always new. Two
// payments under one id are both new.
func (r *Rows) Add(one *Row) bool {
	if one.ID == "" {
		return true
	}
	row := r.of(one)
	hash := maphash.String(r.seed, row.account)*31 + maphash.String(r.seed, row.id)
	if place, ok := r.seen[hash]; ok {
		known := &r.ring[place].row
		if known.account != row.account || known.id != row.id {
			return true // a different row with the same hash
		}
		if known.same(&row) {
			return false
		}
		hash = hash*31 + row.content
		if _, ok := r.seen[hash]; ok {
			return false
		}
	}
	if len(r.ring) < maxRemembered {
		r.seen[hash] = len(r.ring)
		r.ring = append(r.ring, remembered{hash, row})
		return true
	}
	delete(r.seen, r.ring[r.at].hash)
	r.seen[hash] = r.at
	r.ring[r.at] = remembered{hash, row}
	r.at = (r.at + 1) % maxRemembered
	return true
}
