package moneykit

import (
	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/reconcile"
)

// syncRows is one of the lists of an answer.
type syncRows struct {
	name   string // of the list
	rows   []bankmux.Transaction
	failed []bankmux.Failure
}

// fill makes the list of an answer go here.
func (s *syncRows) fill(from *wire.Rows[transaction]) {
	from.Bad = func(i int) { s.fail("", s.place("", i), wire.RowError()) }
	from.Each = func(i int, w *transaction) {
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

// removedRows returns the removed rows, and which of them have no id.
func removedRows(list *wire.List[string]) (removed []reconcile.FeedRow, failed []bankmux.Failure) {
	rest := syncRows{name: "removed"}
	fault := normalize.Unreadable("a removed row without id")
	for _, place := range list.Bad {
		rest.fail("", rest.place("", place-1), fault)
	}
	for i, id := range list.Rows {
		if id == "" {
			rest.fail("", rest.place("", list.Place(i)-1), fault)
			continue
		}
		removed = append(removed, reconcile.FeedRow{ID: id})
	}
	return removed, rest.failed
}

// stored reads a row of the list of stored rows, or as much of it as can be read. It reports
// whether that is all.
func (w *transaction) stored(row *bankmux.Transaction) bool {
	if w.TransactionID != "" {
		return w.fill(row, false) == nil
	}
	rest := *w
	rest.TransactionID, rest.AccountID = "none", "none" // so that the rest is read
	_ = rest.fill(row, false)
	row.ID, row.Account = "", w.AccountID
	return false
}
