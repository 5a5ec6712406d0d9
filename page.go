package bankmux

import (
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/bankmux/bankmux/internal/recent"
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

// progress is how far an operation over several accounts has come: what a page cursor and a
// challenge hold.
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

// Limits of pages in a row that bring nothing new. A list that grew while it was read repeats some
// rows; a provider that ignores the page parameter repeats them without end. One that ignores the
// days may serve many rows before the first that was asked for.
const (
	maxStale   = 10   // pages of rows that were seen before
	maxOutside = 1000 // pages of rows that were not asked for
)

// stale counts pages without a new row. The zero value is ready.
type stale struct{ seen, outside int }

// page counts a page of so many rows, of which some are new, and of rows that were dropped. It
// refuses one page too many.
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

// seen is what tells the row from others.
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
