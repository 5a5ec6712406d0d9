package bankmux_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log"
	"slices"
	"sync"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// ledger is the application's database in these examples. examples/sync has it in SQL.
type ledger struct {
	tx      sync.Mutex // held for as long as a transaction lasts
	entries []entry
	names   map[string]string   // the provider's id of an account -> the application's own
	cursors map[string]position // by connection
}

// position is how far the syncs of a connection have come. Two cursors may be equal though
// something happened in between, so it is counted how often one was stored.
type position struct {
	cursor string
	stored int
}

func newLedger() *ledger {
	return &ledger{names: map[string]string{}, cursors: map[string]position{}}
}

// entry is a row of the application: its own columns, and beside them what bankmux knows it by.
type entry struct {
	note  string
	known bankmux.Known
}

func (l *ledger) account(id string) string { return l.names[id] }

func (l *ledger) between(_ context.Context, account string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		l.tx.Lock()
		rows := slices.Clone(l.entries)
		l.tx.Unlock()
		for _, e := range rows { // SELECT … WHERE account = ? AND date BETWEEN ? AND ?
			if k := e.known; k.Account == account && !k.Date.Before(from) && !k.Date.After(to) && !yield(k, nil) {
				return
			}
		}
	}
}

func (l *ledger) find(key string) *entry {
	i := slices.IndexFunc(l.entries, func(e entry) bool { return e.known.Key == key })
	return &l.entries[i]
}

// start names the accounts of a new connection and brings the ledger in step for the first time.
func (l *ledger) start(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	if err != nil {
		return err
	}
	l.carry(nil, accounts.Accounts) // below; here every account is new
	return l.sync(ctx, client, conn)
}

// sync brings the ledger in step with the bank. Call it after a webhook, and once in a while
// without one.
func (l *ledger) sync(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	for {
		from := l.position(conn)
		page, err := client.Sync(ctx, bankmux.SyncRequest{
			Connection: conn,
			Cursor:     from.cursor,
			Name:       l.account, // your own id of an account, which survives a new link
			Known:      l.between, // your rows of an account between two days
		})
		if partial, ok := errors.AsType[*bankmux.PartialError](err); ok {
			log.Print(partial) // names the accounts that failed; the page is good for the others
		} else if err != nil {
			return err // nothing of this page is stored; the pages before it are
		}
		if !l.store(conn, from, page) {
			continue // another sync of the connection was faster: go on from where it is
		}
		if !page.More {
			return nil
		}
	}
}

// position reads how far the syncs of a connection have come.
func (l *ledger) position(conn bankmux.Connection) position {
	l.tx.Lock()
	defer l.tx.Unlock()
	return l.cursors[conn.ID]
}

// store takes a page and the cursor behind it, in one transaction of your database. It stores
// nothing and reports false if the cursor is not the one that the page was read from.
func (l *ledger) store(conn bankmux.Connection, from position, page bankmux.Delta) bool {
	l.tx.Lock()
	defer l.tx.Unlock()
	if l.cursors[conn.ID] != from { // UPDATE … SET cursor = ?, stored = stored + 1 WHERE connection = ? AND stored = ?
		return false
	}
	l.cursors[conn.ID] = position{page.Next, from.stored + 1}
	for _, a := range page.Added {
		l.entries = append(l.entries, entry{known: a.Known}) // and of a.Row what you want to show
	}
	for _, c := range slices.Concat(page.Modified, page.Replaced) {
		l.find(c.Was.Key).known = c.Known // posted, edited or under another id: the row stays, and so do its notes
	}
	for _, m := range page.Missing {
		l.find(m.Known.Key).known = m.Known // not there this time; it may come back
	}
	for _, r := range page.Removed {
		l.entries = slices.DeleteFunc(l.entries, func(e entry) bool { return e.known.Key == r.Known.Key })
	}
	return true
}

// carry gives the accounts of a new link, or of another provider, the names they had. What it
// returns nobody but the user can tell.
func (l *ledger) carry(before, after []bankmux.Account) (unsure []reconcile.Pair, ambiguous []reconcile.Ambiguity) {
	m := reconcile.Match(before, after)
	for _, p := range m.Pairs {
		if p.Confidence < reconcile.Likely {
			unsure = append(unsure, p)
			continue
		}
		l.names[p.New.ID] = l.names[p.Old.ID]
	}
	for _, a := range m.OnlyNew {
		l.names[a.ID] = "account " + a.ID // an account nobody had linked: a name of your own
	}
	return unsure, m.Ambiguous
}

func Example_sync() {
	ctx := context.Background()
	s, closeShop := openShop()
	defer closeShop()
	l := newLedger()
	link := func() (*bankmux.Client, bankmux.Connection) {
		launch, _ := s.begin(ctx, "user-rosa", "US")
		conn, err := s.finish(ctx, "user-rosa", launch.Session, s.browser(launch.Launch))
		if err != nil {
			log.Fatal(err)
		}
		client, _ := s.registry.For(conn)
		return client, conn
	}
	client, first := link()
	if err := l.start(ctx, client, first); err != nil {
		log.Fatal(err)
	}
	rows := len(l.entries)
	l.entries[0].note = "shared with Ana"
	fmt.Println(rows > 500, "rows")

	before := must(client.Accounts(ctx, bankmux.AccountsRequest{Connection: first}))
	client, second := link() // the user linked the same bank once more: every id is another
	after := must(client.Accounts(ctx, bankmux.AccountsRequest{Connection: second}))
	unsure, ambiguous := l.carry(before.Accounts, after.Accounts)
	fmt.Println(len(unsure), "unsure,", len(ambiguous), "ambiguous")
	if err := l.sync(ctx, client, second); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(l.entries)-rows, "doubled;", l.entries[0].note)
	// Output:
	// true rows
	// 0 unsure, 0 ambiguous
	// 0 doubled; shared with Ana
}
