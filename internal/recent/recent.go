// Package recent knows rows again that come twice because a list grew while it was read.
package recent

import (
	"hash/maphash"
	"time"

	"github.com/govalues/decimal"
)

// most is how many rows back a row is recognised. A list that grows while it is read repeats rows from
// the page before, not from long ago.
const most = 5000

// Rows remembers the rows seen last. The zero value is ready. It is not safe for concurrent use.
type Rows struct {
	seed maphash.Seed
	seen map[uint64]seen // by hash, which is quicker than by two texts
	ring []uint64
	at   int
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

// seen is a row as two readings of it agree.
type seen struct {
	account, id string
	text        uint64 // hashes
	content     uint64
	pending     bool
}

// of is what is remembered of a row.
func (r *Rows) of(row *Row) seen {
	if r.seen == nil {
		r.seed, r.seen = maphash.MakeSeed(), map[uint64]seen{}
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

// Add reports whether the row is new. Rows without an id always are, and so are two payments under one
// id.
func (r *Rows) Add(one *Row) bool {
	if one.ID == "" {
		return true
	}
	row := r.of(one)
	hash := maphash.String(r.seed, row.account)*31 + maphash.String(r.seed, row.id)
	known, ok := r.seen[hash]
	switch {
	case !ok:
	case known.account != row.account || known.id != row.id:
		return true // another row of the same hash is new all the same
	case known.same(&row):
		return false
	default:
		hash = hash*31 + row.content
		if _, ok := r.seen[hash]; ok {
			return false
		}
	}
	r.seen[hash] = row
	if len(r.ring) < most {
		r.ring = append(r.ring, hash)
		return true
	}
	delete(r.seen, r.ring[r.at])
	r.ring[r.at] = hash
	r.at = (r.at + 1) % most
	return true
}
