package reconcile_test

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// pond is the API of an invented provider: a record of changes in which a cursor is a position.
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
	// A part that cannot be read stays zero, and Feed reports the row in Failed.
	t.Date, _ = bankmux.ParseDate(r.Date)
	t.Amount, _ = bankmux.NewMoney(r.Amount, "USD")
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

// pondStore is the database of an application.
type pondStore struct {
	rows   map[string]bankmux.Known // by key
	cursor string
}

// known serves SyncRequest.Known. Extra rows are ignored.
func (s *pondStore) known(context.Context, string, bankmux.Date, bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		for _, k := range s.rows {
			if !yield(k, nil) {
				return
			}
		}
	}
}

// save stores a page with its cursor, in one transaction in a real database.
func (s *pondStore) save(d bankmux.Delta) {
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
	stored := &pondStore{rows: map[string]bankmux.Known{}}
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
