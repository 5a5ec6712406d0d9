package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/bankmux/bankmux"
)

// database is what an application stores. examples/sync has the same in SQL.
type database struct {
	mu      sync.Mutex
	states  map[string]bankmux.State // by connection
	cursors map[string]string
	rows    map[string]bankmux.Known // by key
	looks   int                      // how often the provider was read
	down    bool                     // it refuses every write
}

func newDatabase() *database {
	return &database{states: map[string]bankmux.State{}, cursors: map[string]string{}, rows: map[string]bankmux.Known{}}
}

// follow reads a connection's state and its new transactions. Call it after a webhook, or from time
// to time. It is safe to repeat.
func (db *database) follow(ctx context.Context, registry *bankmux.Registry, conn bankmux.Connection) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.down {
		return errors.New("the database is down")
	}
	if db.states[conn.ID] == bankmux.StateGone {
		return nil // a late event of a connection that has ended
	}
	client, err := registry.For(conn)
	if err != nil {
		return err
	}
	db.looks++
	status, err := client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
	if err != nil {
		return err
	}
	db.states[conn.ID] = status.Connection.Status.State
	for db.states[conn.ID] == bankmux.StateActive {
		page, err := client.Sync(ctx, bankmux.SyncRequest{
			Connection: conn, Cursor: db.cursors[conn.ID], Known: db.between,
			Name: func(account string) string { return conn.User + " " + account },
		})
		if bankmux.KindOf(err) == bankmux.ErrNotReady {
			return nil // the provider has not fetched yet: a webhook or the next poll follows
		}
		if partial, ok := errors.AsType[*bankmux.PartialError](err); ok {
			// It names the accounts that failed. The rest of the page is good: store it.
			log.Print(partial)
		} else if err != nil {
			return err
		}
		db.store(page)
		db.cursors[conn.ID] = page.Next
		if !page.More {
			break
		}
	}
	return nil
}

func (db *database) store(page bankmux.Delta) {
	for _, a := range page.Added {
		db.rows[a.Known.Key] = a.Known
	}
	for _, c := range slices.Concat(page.Modified, page.Replaced) {
		delete(db.rows, c.Was.Key)
		db.rows[c.Known.Key] = c.Known
	}
	for _, m := range page.Missing {
		db.rows[m.Known.Key] = m.Known
	}
	for _, r := range page.Removed {
		delete(db.rows, r.Known.Key)
	}
}

func (db *database) between(_ context.Context, account string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		for _, k := range db.rows {
			if k.Account == account && !k.Date.Before(from) && !k.Date.After(to) && !yield(k, nil) {
				return
			}
		}
	}
}

// content is all that a user would see, in a fixed order.
func (db *database) content(conns []bankmux.Connection) string {
	db.mu.Lock()
	defer db.mu.Unlock()
	var b strings.Builder
	for _, c := range conns {
		fmt.Fprintln(&b, c.User, c.Provider, db.states[c.ID])
	}
	rows := slices.SortedFunc(maps.Values(db.rows), func(x, y bankmux.Known) int {
		return cmp.Or(
			cmp.Compare(x.Account, y.Account),
			x.Date.Compare(y.Date),
			cmp.Compare(x.Amount.String(), y.Amount.String()),
			cmp.Compare(x.Key, y.Key),
		)
	})
	for _, r := range rows {
		if r.Missed == 0 {
			fmt.Fprintln(&b, r.Account, r.Date, r.Amount, r.Status)
		}
	}
	return b.String()
}
