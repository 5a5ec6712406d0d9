package reconcile_test

import (
	"context"
	"fmt"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// pond is the wire of an invented provider: a record of changes in which a cursor is a position.
type pond struct{ pages map[string]pondPage }

type pondPage struct {
	Added, Modified []pondRow
	Removed         []string
	Next            string
	HasMore, Ready  bool
}

type pondRow struct {
	ID, Account, Amount, Date, Text, PendingID string
	Pending                                    bool
}

// changes is GET /changes of the provider.
func (p *pond) changes(_ context.Context, cursor string, _ int) (pondPage, error) {
	page, ok := p.pages[cursor]
	if !ok {
		return pondPage{}, &bankmux.Error{Kind: bankmux.ErrInvalid, Code: "UNKNOWN_CURSOR"}
	}
	return page, nil
}

// accounts is GET /accounts of the provider.
func (p *pond) accounts(context.Context) ([]string, error) { return []string{"main"}, nil }

// row translates a row of the provider.
func (r pondRow) row() bankmux.Transaction {
	t := bankmux.Transaction{
		ID:          r.ID,
		Account:     r.Account,
		Description: r.Text,
		Replaces:    r.PendingID,
		Status:      bankmux.StatusBooked,
	}
	t.Date, _ = bankmux.ParseDate(r.Date)           // what cannot be read stays zero, and Feed
	t.Amount, _ = bankmux.NewMoney(r.Amount, "USD") // puts the row into Failed
	if r.Pending {
		t.Status = bankmux.StatusPending
	}
	return t
}

// Sync is the adapter's bankmux.TransactionSyncer.
func (p *pond) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	return reconcile.Feed{
		Provider: "pond",
		Page: func(ctx context.Context, at reconcile.FeedRequest) (page reconcile.FeedPage, err error) {
			got, err := p.changes(ctx, at.Cursor, at.Size)
			for _, r := range got.Added {
				page.Created = append(page.Created, r.row())
			}
			for _, r := range got.Modified {
				page.Updated = append(page.Updated, r.row())
			}
			for _, id := range got.Removed {
				page.Removed = append(page.Removed, reconcile.FeedRow{ID: id})
			}
			page.Next, page.More, page.NotReady = got.Next, got.HasMore, !got.Ready
			return page, err
		},
		Accounts: func(ctx context.Context, _ *bankmux.Answers) ([]string, []bankmux.Failure, error) {
			ids, err := p.accounts(ctx)
			return ids, nil, err
		},
		Restarts:   func(e *bankmux.Error) bool { return e.Code == "CHANGED_DURING_PAGINATION" },
		CursorLost: func(e *bankmux.Error) bool { return e.Code == "UNKNOWN_CURSOR" },
	}.Sync(ctx, req)
}

// A pending row is posted under another id. The record removes it on one page and adds the booked
// row on the next.
func ExampleFeed() {
	provider := &pond{pages: map[string]pondPage{
		"": {
			Added: []pondRow{
				{ID: "p1", Account: "main", Amount: "-20.00", Date: "2026-11-24", Text: "DINNER", Pending: true},
			},
			Next:  "1",
			Ready: true,
		},
		"1": {Removed: []string{"p1"}, Next: "2", HasMore: true, Ready: true},
		"2": {
			Added: []pondRow{
				{ID: "b1", Account: "main", Amount: "-23.00", Date: "2026-11-25", Text: "DINNER", PendingID: "p1"},
			},
			Next:  "3",
			Ready: true,
		},
	}}
	stored := newStore() // the application's database
	for range 2 {
		delta, err := provider.Sync(context.Background(), bankmux.SyncRequest{
			Connection: bankmux.Connection{ID: "conn-1"}, Cursor: stored.cursor, Known: stored.known,
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, a := range delta.Added {
			fmt.Println("added", a.Row.Status, a.Row.Amount)
		}
		for _, c := range delta.Replaced {
			fmt.Println("replaced", c.Was.Amount, "by", c.Row.Amount, "since", c.Reason)
		}
		stored.save(delta)
	}
	// Output:
	// added pending -20.00 USD
	// replaced -20.00 USD by -23.00 USD since the pending row was posted with another amount
}
