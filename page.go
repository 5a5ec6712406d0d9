package bankmux

import (
	"encoding/base64"
	"encoding/json"
	"hash/maphash"
	"slices"
)

// pages reads page after page from a provider until one says it is the last. A page that names one
// already read as its next ends it, instead of going round for ever.
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

// progress is how far an operation over several accounts has come: what a page cursor and a challenge hold.
type progress struct {
	Listed   bool              `json:"listed,omitempty"`   // Accounts and Cards are all there are to read
	Accounts []string          `json:"accounts,omitempty"` // still to read, the first of them from Page on
	Cards    []string          `json:"cards,omitempty"`
	Page     string            `json:"page,omitempty"` // of the first account, as the adapter gave it
	Balances []AccountBalances `json:"balances,omitempty"`
	Failed   []Failure         `json:"failed,omitempty"`
	Known    []Account         `json:"known,omitempty"` // what was listed
	Inner    json.RawMessage   `json:"inner,omitempty"` // the adapter's own state of a challenge
}

// knows reports whether every account to read was listed.
func (p *progress) knows() bool {
	for _, id := range p.Accounts {
		if !slices.ContainsFunc(p.Known, func(a Account) bool { return a.ID == id }) {
			return false
		}
	}
	return true
}

// next is the account or card to read now, and false when none is left.
func (p *progress) next() (id string, card, ok bool) {
	switch {
	case len(p.Accounts) > 0:
		return p.Accounts[0], false, true
	case len(p.Cards) > 0:
		return p.Cards[0], true, true
	}
	return "", false, false
}

// done moves on to the next account or card.
func (p *progress) done() {
	p.Page = ""
	if len(p.Accounts) > 0 {
		p.Accounts = p.Accounts[1:]
		return
	}
	p.Cards = p.Cards[1:]
}

// cursor writes the progress as [TransactionPage.Next], "" at the end.
func (p *progress) cursor() string {
	if _, _, ok := p.next(); !ok {
		return ""
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return "" // strings and lists of them: cannot fail
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parseProgress reads a cursor.
func parseProgress(cursor string) (progress, error) {
	var p progress
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(raw, &p) != nil || !p.Listed {
		return progress{}, invalid("TransactionsRequest.Page", "is not the Next of a page of this connection")
	}
	return p, nil
}

// progressOf reads how far an operation had come when the challenge arose.
func progressOf(a *Answers) (progress, error) {
	var p progress
	if len(a.Challenge.State) == 0 {
		return p, nil
	}
	if json.Unmarshal(a.Challenge.State, &p) != nil {
		return p, invalid("Answers.Challenge", "has a State that is not the library's")
	}
	return p, nil
}

// pageOf is the page at which the challenge arose.
func pageOf(a *Answers) string {
	p, _ := progressOf(a)
	return p.Page
}

// mostRecent is how many rows back a row is recognised. A list that grows while it is read
// repeats rows from the page before, not from long ago.
const mostRecent = 5000

// Limits of pages in a row that bring nothing new. A list that grew while it was read repeats some rows;
// a provider that ignores the page parameter repeats them without end. One that ignores the days may
// serve many rows before the first that was asked for.
const (
	maxStale   = 10   // pages of rows that were seen before
	maxOutside = 1000 // pages of rows that were not asked for
)

// stale counts pages without a new row. The zero value is ready.
type stale struct{ seen, outside int }

// page counts a page of so many rows, of which some are new, and of rows that were dropped. It refuses
// one page too many.
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

// recent remembers the rows seen last. The zero value is ready.
type recent struct {
	seed maphash.Seed
	seen map[uint64]seenRow // by hash, which is quicker than by two texts
	ring []uint64
	at   int
}

// seenRow is a row as two readings of it agree.
type seenRow struct {
	account, id string
	text        uint64 // hashes
	content     uint64
	pending     bool
}

// row returns what is remembered of a row. amount and date tell two payments of one text apart.
func (r *recent) row(account, id, text string, amount Money, date Date, status TransactionStatus) seenRow {
	if r.seen == nil {
		r.seed, r.seen = maphash.MakeSeed(), map[uint64]seenRow{}
	}
	hash := maphash.String(r.seed, text)
	day := uint64(date.Year)<<9 | uint64(date.Month)<<5 | uint64(date.Day)        //nolint:gosec // bits to mix
	content := ((hash*31+amount.amount.Coef())*31+uint64(amount.Sign()))*31 + day //nolint:gosec // bits to mix
	return seenRow{account, id, hash, content, status == StatusPending}
}

// same reports whether two rows of one id are one payment: their content is the same, or one is
// pending, the other is not, and the text agrees.
func (s *seenRow) same(row *seenRow) bool {
	return s.content == row.content || (s.text == row.text && s.pending != row.pending)
}

// add reports whether the row is new. Rows without an id always are, and so are two payments under one
// id.
func (r *recent) add(row seenRow) bool {
	if row.id == "" {
		return true
	}
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
	if len(r.ring) < mostRecent {
		r.ring = append(r.ring, hash)
		return true
	}
	delete(r.seen, r.ring[r.at])
	r.ring[r.at] = hash
	r.at = (r.at + 1) % mostRecent
	return true
}

// fresh keeps the rows that are new, in place.
func (r *recent) fresh(rows []Transaction) []Transaction {
	kept := 0
	for i := range rows {
		t := &rows[i]
		text := t.RawDescription
		if text == "" {
			text = t.Description
		}
		if t.ID != "" && !r.add(r.row(t.Account, t.ID, text, t.Amount, t.Date, t.Status)) {
			continue
		}
		if kept != i {
			rows[kept] = rows[i]
		}
		kept++
	}
	return rows[:kept]
}
