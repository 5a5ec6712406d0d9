package moneykit

import (
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// syncRows is one of the lists of an answer.
type syncRows struct {
	page   *syncPage
	name   string // of the list
	rows   []bankmux.Transaction
	failed []bankmux.Failure
}

// fill makes the list of an answer go here.
func (s *syncRows) fill(from *wire.Rows[transaction]) {
	from.Bad = func(i int) { s.fail("", s.place("", i), wire.RowError()) }
	from.Each = func(i int, w *transaction) {
		if len(s.page.req.Accounts) > 0 && w.AccountID != "" && !slices.Contains(s.page.req.Accounts, w.AccountID) {
			return
		}
		var row bankmux.Transaction
		if fault := w.fill(&row, true); fault != nil {
			s.fail(w.AccountID, s.place(w.TransactionID, i), fault)
			return
		}
		s.rows = append(s.rows, row)
	}
}

// place names row i by its id, or else by the list and its number there.
func (s *syncRows) place(id string, i int) string {
	if id != "" {
		return id
	}
	return s.name + " " + wire.RowName("", i+1)
}

func (s *syncRows) fail(account, row string, fault *bankmux.Error) {
	s.failed = append(s.failed, bankmux.Failure{Account: account, Transaction: row, Err: fault})
}

// read notes what could not be read of the three lists and returns the ids of the removed rows.
func (p *syncPage) read(list *wire.List[string]) (removed []string) {
	p.delta.Failed = append(p.delta.Failed, slices.Concat(p.created.failed, p.updated.failed)...)
	rest := &syncRows{page: p, name: "removed"}
	fault := normalize.Unreadable("a removed row without id")
	for _, place := range list.Bad {
		rest.fail("", rest.place("", place-1), fault)
	}
	for i, id := range list.Rows {
		if id == "" {
			rest.fail("", rest.place("", list.Place(i)-1), fault)
			continue
		}
		removed = append(removed, id)
	}
	p.delta.Failed = append(p.delta.Failed, rest.failed...)
	return removed
}
