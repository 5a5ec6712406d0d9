package bankhttp

// This file has the handler for stored transactions.

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/bankmux/bankmux"
)

// transactions is the response of Transactions.
type transactions struct {
	Transactions []transactionView `json:"transactions"`
	Failed       []lostRow         `json:"failed,omitempty"` // those that do not open
	Next         string            `json:"next,omitempty"`   // the parameter after of the next page
}

// lostRow is a stored transaction that does not open.
type lostRow struct {
	ID      string  `json:"id"`
	Account string  `json:"account"`
	Problem Problem `json:"problem"`
}

// transactionView is a transaction as a browser gets it. It has no id of the provider, and of the
// other side the name alone.
type transactionView struct {
	ID           string                    `json:"id"`
	Account      string                    `json:"account"`
	Amount       bankmux.Money             `json:"amount"`
	Status       bankmux.TransactionStatus `json:"status,omitempty"`
	Date         bankmux.Date              `json:"date"`
	BookingDate  bankmux.Date              `json:"booking_date,omitzero"`
	ValueDate    bankmux.Date              `json:"value_date,omitzero"`
	Description  string                    `json:"description,omitempty"`
	Counterparty string                    `json:"counterparty,omitempty"`
	Merchant     string                    `json:"merchant,omitempty"`
	Category     string                    `json:"category,omitempty"`
	// the ids of rows that may be the same movement of money; nothing was merged
	PerhapsReplaces []string `json:"perhaps_replaces,omitempty"`
}

// The rows of a page.
const (
	pageRows = 50
	maxRows  = 500
)

// Transactions handles GET. It returns the stored rows of the user, the newest first, and asks no
// bank. A row that does not open, because its key is lost, is a failure beside the others. These
// query parameters are optional:
//
//	q        words of description or counterparty
//	account  the id of an account
//	from, to days as 2006-01-02, both included
//	limit    rows per page, 50 by default and 500 at most
//	after    next of the page before
func (s *Service) Transactions() http.Handler {
	return s.user(http.MethodGet, "", func(ctx context.Context, r *request) (any, error) {
		query, err := queryOf(r.http)
		if err != nil {
			return nil, err
		}
		query.User = r.user
		page, err := s.store.Transactions(ctx, query)
		if err != nil {
			return nil, of(err, nil, "after")
		}
		out := transactions{Transactions: []transactionView{}, Next: page.Next}
		for i := range page.Transactions {
			out.Transactions = append(out.Transactions, rowViewOf(&page.Transactions[i]))
		}
		for _, lost := range page.Unreadable {
			s.logUnreadable(ctx, lost.Err)
			out.Failed = append(out.Failed, lostRow{lost.Key, lost.Account, ProblemOf(lost.Err)})
		}
		return out, nil
	})
}

// queryOf reads the query parameters.
func queryOf(r *http.Request) (q Query, err error) {
	in, err := parametersOf(r, "q", "account", "after", "from", "to", "limit")
	if err != nil {
		return q, err
	}
	q.Text, q.Account, q.After = in.Get("q"), in.Get("account"), in.Get("after")
	for name, day := range map[string]*bankmux.Date{"from": &q.From, "to": &q.To} {
		if text := in.Get(name); text != "" {
			if *day, err = bankmux.ParseDate(text); err != nil {
				return q, &wrongField{name, err}
			}
		}
	}
	if text := in.Get("limit"); text != "" {
		q.Limit, err = strconv.Atoi(text) // the largest number if the text is above it
		if err != nil && !errors.Is(err, strconv.ErrRange) || q.Limit < 1 {
			return q, refused("limit", "is not a positive number")
		}
	}
	if q.Limit == 0 {
		q.Limit = pageRows
	}
	q.Limit = min(q.Limit, maxRows)
	return q, nil
}

// rowViewOf returns the part of a transaction that a browser may have.
func rowViewOf(t *Transaction) transactionView {
	row := &t.Row
	v := transactionView{
		ID: t.Key, Account: t.Account, Amount: row.Amount, Status: row.Status,
		Date: row.Date, BookingDate: row.BookingDate, ValueDate: row.ValueDate, Description: row.Description,
		PerhapsReplaces: t.PerhapsReplaces,
	}
	if row.Counterparty != nil {
		v.Counterparty = row.Counterparty.Name
	}
	if e := row.Enrichment; e != nil {
		v.Merchant, v.Category = e.Merchant.Name, e.Category.Name
	}
	return v
}
