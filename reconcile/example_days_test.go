package reconcile_test

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// wren is the API of an invented provider: rows of an account between two days, without ids.
type wren struct{ rows []wrenRow }

type wrenRow struct{ Account, Amount, Date, Text string }

// transactions is GET /accounts/{id}/transactions?from=…&to=… of the provider.
func (w *wren) transactions(_ context.Context, account, from, to string) (rows []wrenRow, err error) {
	for _, r := range w.rows {
		if r.Account == account && r.Date >= from && r.Date <= to {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// accounts is GET /accounts of the provider.
func (w *wren) accounts(context.Context) ([]string, error) { return []string{"main"}, nil }

// days returns the engine of both Sync and TransactionPage.
func (w *wren) days() reconcile.Days {
	return reconcile.Days{
		Provider: "wren",
		Read: func(ctx context.Context, at reconcile.DaysRequest) (page reconcile.DaysPage, err error) {
			rows, err := w.transactions(ctx, at.Account, at.From.String(), at.To.String())
			for i, r := range rows {
				row := bankmux.Transaction{Account: at.Account, Card: at.Card, Description: r.Text}
				day, dayErr := bankmux.ParseDate(r.Date)
				amount, amountErr := bankmux.NewMoney(r.Amount, "AED")
				row.Date, row.Amount = day, amount
				if dayErr != nil || amountErr != nil {
					failure := bankmux.Failure{
						Account:     at.Account,
						Transaction: fmt.Sprint("row ", i+1),
						Err: &bankmux.Error{
							Kind:   bankmux.ErrMalformed,
							Scope:  bankmux.ScopeCall,
							Detail: "the response has a row without day or amount",
						},
					}
					page.Unreadable = append(page.Unreadable, reconcile.UnreadableRow{Row: row, Failure: failure})
					continue
				}
				page.Rows = append(page.Rows, row)
			}
			return page, err
		},
		Accounts: func(ctx context.Context, _ *bankmux.Answers) ([]string, []bankmux.Failure, error) {
			ids, err := w.accounts(ctx)
			return ids, nil, err
		},
		Serves:  func(context.Context, bool) (int, error) { return 180, nil },
		Refused: func(e *bankmux.Error) bool { return e.Code == "RANGE_NOT_SERVED" },
		Today:   func() bankmux.Date { return bankmux.NewDate(2026, 11, 26) }, // the bank's; take it from a clock
	}
}

// Sync is the adapter's bankmux.TransactionSyncer.
func (w *wren) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	return w.days().Sync(ctx, req)
}

// TransactionPage is the adapter's bankmux.TransactionLister.
func (w *wren) TransactionPage(ctx context.Context, req bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
	return w.days().TransactionPage(ctx, req)
}

// wrenStore is the database of an application.
type wrenStore struct {
	rows   map[string]bankmux.Known // by key
	cursor string
}

// known serves SyncRequest.Known. Extra rows are ignored.
func (s *wrenStore) known(context.Context, string, bankmux.Date, bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		for _, k := range s.rows {
			if !yield(k, nil) {
				return
			}
		}
	}
}

// save stores a page with its cursor, in one transaction in a real database.
func (s *wrenStore) save(d bankmux.Delta) {
	for _, c := range slices.Concat(d.Modified, d.Replaced) {
		delete(s.rows, c.Was.Key)
	}
	for _, m := range d.Removed {
		delete(s.rows, m.Known.Key)
	}
	for _, c := range slices.Concat(d.Modified, d.Replaced) {
		s.rows[c.Known.Key] = c.Known
	}
	for _, a := range d.Added {
		s.rows[a.Known.Key] = a.Known
	}
	for _, m := range d.Missing {
		s.rows[m.Known.Key] = m.Known
	}
	s.cursor = d.Next
}

// A row that the bank no longer shows is missing, and removed after the second reading without it.
// A second equal row is a new row.
func ExampleDays() {
	provider := &wren{rows: []wrenRow{
		{"main", "-900.00", "2026-11-10", "RENT"},
		{"main", "-3.00", "2026-11-25", "COFFEE"},
		{"main", "-70.00", "2026-11-24", "FUEL HOLD"},
	}}
	stored := &wrenStore{rows: map[string]bankmux.Known{}}
	for day := range 3 {
		delta, err := provider.Sync(context.Background(), bankmux.SyncRequest{
			Connection: bankmux.Connection{ID: "conn-1"}, Cursor: stored.cursor, Known: stored.known,
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, m := range delta.Missing {
			fmt.Println("missing", m.Known.Text)
		}
		for _, m := range delta.Removed {
			fmt.Println("removed", m.Known.Text)
		}
		fmt.Println(len(delta.Added), "new")
		stored.save(delta)
		if day == 0 {
			provider.rows[2] = wrenRow{"main", "-3.00", "2026-11-25", "COFFEE"} // in place of the hold
		}
	}
	// Output:
	// 3 new
	// missing FUEL HOLD
	// 1 new
	// removed FUEL HOLD
	// 0 new
}
