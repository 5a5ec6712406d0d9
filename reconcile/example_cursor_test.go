package reconcile_test

import (
	"context"
	"fmt"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// egret is an invented provider that returns all rows of an account in one response. Neither Feed
// nor Days fits, so its Sync combines Cursor, KnownRows, Compare and AddTo. A page is one account.
type egret struct {
	rows map[string][]bankmux.Transaction
}

func (h *egret) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	cursor, err := reconcile.ParseCursor(req.Cursor, req.Connection)
	if err != nil {
		return bankmux.Delta{}, err
	}
	if len(cursor.Todo) == 0 { // a new round
		cursor.Todo, cursor.Until = req.Accounts, bankmux.NewDate(2026, 11, 30)
	}
	if err := reconcile.CheckNames(&req, cursor.Todo); err != nil {
		return bankmux.Delta{}, err
	}
	id := cursor.Todo[0]
	in := reconcile.Reading{
		Provider: "egret", Account: req.AccountName(id), Rows: h.rows[id], Complete: true,
		From: bankmux.NewDate(2026, 1, 1), To: cursor.Until,
	}
	of := reconcile.AccountDays{Account: in.Account, From: in.From, To: in.To}
	known, err := reconcile.KnownRows(ctx, &req, of, nil)
	if err != nil {
		return bankmux.Delta{}, err
	}
	var delta bankmux.Delta
	reconcile.Compare(known, in).AddTo(&delta, in.Account)
	cursor.Todo = cursor.Todo[1:]
	delta.More, delta.Next = len(cursor.Todo) > 0, cursor.String()
	return delta, nil
}

func ExampleCursor() {
	provider := &egret{rows: map[string][]bankmux.Transaction{
		"main":    {row("1", 2, "-900.00", "RENT", bankmux.StatusBooked)},
		"savings": {row("1", 3, "5.00", "INTEREST", bankmux.StatusBooked)},
	}}
	req := bankmux.SyncRequest{
		Connection: bankmux.Connection{ID: "conn-1"},
		Accounts:   []string{"main", "savings"},
	}
	for more := true; more; {
		delta, err := provider.Sync(context.Background(), req)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, a := range delta.Added {
			fmt.Println(a.Known.Account, a.Known.Text)
		}
		req.Cursor, more = delta.Next, delta.More // store both with the rows
	}

	req.Connection.ID = "conn-2"
	_, err := provider.Sync(context.Background(), req)
	fmt.Println(err)
	// Output:
	// main RENT
	// savings INTEREST
	// invalid_request: SyncRequest.Cursor is from another connection; fix the call
}
