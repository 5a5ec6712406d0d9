package bankmux

// This file keeps the progress of operations over several accounts.

import (
	"encoding/base64"
	"encoding/json"
	"slices"
)

// progress is the progress of an operation over several accounts. A page cursor and a challenge
// keep it.
type progress struct {
	Listed   bool              `json:"listed,omitempty"`   // Accounts and Cards are all that is left to read
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

// next returns the account or card to read now, and false if none is left.
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

// cursor returns the progress as a [TransactionPage.Next], "" at the end.
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

// progressOf reads the progress of the operation that the challenge interrupted.
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

// pageOf returns the page that the challenge interrupted.
func pageOf(a *Answers) string {
	p, _ := progressOf(a)
	return p.Page
}
