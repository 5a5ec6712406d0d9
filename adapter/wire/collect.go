package wire

// This file turns the rows of a response into those of the model.

import (
	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Failure returns the failure of Rows[i]. id names the row; without one its position does.
func (l *List[T]) Failure(i int, account, id string, fault *bankmux.Error) bankmux.Failure {
	return bankmux.Failure{Account: account, Transaction: RowName(id, l.Place(i)), Err: fault}
}

// Read is what a row is in the model.
type Read[M any] struct {
	Row     M
	Given   bool           // enough of it can be read to return it
	Account string         // whose row it is, for the failure
	ID      string         // what names it in the failure; "" means its position
	Fault   *bankmux.Error // what cannot be read, nil if all can
}

// Identified returns a row that needs an id and nothing else. If the id is "", the fault is that
// the response has what missing says, such as "a bank without id".
func Identified[M any](row M, id, missing string) Read[M] {
	if id == "" {
		return Read[M]{Fault: normalize.Unreadable(missing)}
	}
	return Read[M]{Row: row, Given: true, ID: id}
}

// Collect reads the rows of a list. It returns those that are given, and failures for the elements
// and parts that cannot be read. A row that is not given and has no fault is left out.
func Collect[T, M any](l *List[T], read func(row *T) Read[M]) (all []M, failed []bankmux.Failure) {
	return CollectOf("", l, read)
}

// CollectOf is [Collect] for a response with several lists. list names this one. A failure then has
// that name before the position of its row.
func CollectOf[T, M any](list string, l *List[T], read func(row *T) Read[M]) (all []M, failed []bankmux.Failure) {
	for _, place := range l.Bad {
		failed = append(failed, bankmux.Failure{Transaction: nameIn(list, "", place), Err: RowError()})
	}
	for i := range l.Rows {
		one := read(&l.Rows[i])
		if one.Fault != nil {
			name := nameIn(list, one.ID, l.Place(i))
			failed = append(failed, bankmux.Failure{Account: one.Account, Transaction: name, Err: one.Fault})
		}
		if one.Given {
			all = append(all, one.Row)
		}
	}
	return all, failed
}

// nameIn is [RowName] with the name of a list before the place, if the list has one.
func nameIn(list, id string, place int) string {
	name := RowName(id, place)
	if id == "" && list != "" {
		return list + " " + name
	}
	return name
}

// Transactions takes the transactions of a list while it is read.
type Transactions[W any] struct {
	List string // the list's name, if the response has several
	// Fill writes a row into the model and returns what is wrong with it. The row of the model is
	// zero.
	Fill func(from *W, to *bankmux.Transaction) *bankmux.Error
	// Bytes is about the length of a short row in a response, from which their number is estimated.
	Bytes int
	// Accounts, First and Last are what the request asks for. Rows of other accounts and days are
	// counted in Outside. If Last is zero, all rows are taken.
	Accounts    []string
	First, Last bankmux.Date

	Rows    []bankmux.Transaction // those that can be read
	Failed  []bankmux.Failure     // those that cannot
	Outside int
}

// outside reports whether a row was not asked for.
func (t *Transactions[W]) outside(row *bankmux.Transaction) bool {
	return !t.Last.IsZero() &&
		(!normalize.IsAsked(t.Accounts, row.Account) || row.Date.Before(t.First) || row.Date.After(t.Last))
}

// Take makes t take the rows of a list.
func (t *Transactions[W]) Take(from *Rows[W]) {
	from.Bad = func(i int) { t.fail("", "", i, RowError()) }
	from.Each = func(i int, w *W) {
		if i == 0 {
			t.Rows = make([]bankmux.Transaction, 0, from.Room(t.Bytes))
		}
		t.Rows = AppendZero(t.Rows)
		last := len(t.Rows) - 1
		row := &t.Rows[last]
		switch fault := t.Fill(w, row); {
		case fault != nil:
			t.fail(row.Account, row.ID, i, fault)
		case t.outside(row):
			t.Outside++
		default:
			return
		}
		*row = bankmux.Transaction{}
		t.Rows = t.Rows[:last]
	}
}

// fail adds the failure of row i, counted from 0. Without an id, the list and the number name it.
func (t *Transactions[W]) fail(account, id string, i int, fault *bankmux.Error) {
	name := nameIn(t.List, id, i+1)
	t.Failed = append(t.Failed, bankmux.Failure{Account: account, Transaction: name, Err: fault})
}
