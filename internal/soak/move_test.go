package soak_test

// This file moves a user to another link, at the same provider or at another.

import (
	"context"
	"maps"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
)

// move links the bank again, carries the rows over, and ends the previous connection.
func (l *life) move() error {
	before, client, cursor := l.conn(), l.client(), l.tables.cursor
	l.tables.notes = l.annotate()
	if err := l.connect(nil); err != nil {
		return err
	}
	l.world.count("situations", "the user links again", 1)
	if l.plan.provider == plaid.Name {
		l.doubt = recordsOfMove
	}
	if err := l.sync(); err != nil {
		return err
	}
	l.keepsNotes()
	l.lateJob(client, before, cursor)
	return l.disconnect(client, before)
}

// recordsOfMove is how many records from the start Plaid is read for after a move. What two of them
// do not show is removed.
const recordsOfMove = 2

// cross moves to another provider of the same bank. The rows stay, and so do their notes.
func (l *life) cross() error {
	was := l.plan
	all := l.plan.place.others(l.plan.provider)
	l.plan.provider = oneOf(l.dice, sortedNames(all))
	l.plan.place.id = all[l.plan.provider]
	ref := l.conn().Reference()
	err := l.move()
	if l.conn().Reference() == ref { // the user did not link
		l.plan = was
		return err
	}
	l.world.count("moves between providers", was.provider+" to "+l.plan.provider, 1)
	return err
}

// lateJob runs the sync of the previous link once more, as a schedule does that still has it. What
// fails is left to the sync of the new link. Plaid's record says only what changed, so a row that
// both links report is added twice: an application ends such jobs first.
func (l *life) lateJob(client *bankmux.Client, conn bankmux.Connection, cursor string) {
	if client.Name() == plaid.Name {
		return
	}
	if client.Has(bankmux.CapRefresh) {
		l.world.must(l.world.present().Refresh(conn.Reference()))
	}
	present := l.tables.cursor
	defer func() { l.tables.cursor = present }()
	for l.tables.cursor = cursor; ; {
		var page bankmux.Delta
		err := l.call(oddsOfReading, func(ctx context.Context) (err error) {
			page, err = client.Sync(
				ctx,
				bankmux.SyncRequest{
					Connection: conn,
					Cursor:     l.tables.cursor,
					Name:       l.tables.name,
					Known:      l.tables.known,
				},
			)
			return err
		})
		if err != nil {
			return
		}
		if err := l.tables.store(page); err != nil {
			l.complain("the job of the link before: %v", err)
			return
		}
		l.narratePage(page)
		l.world.count("situations", "a page of the previous link", 1)
		if !page.More {
			return
		}
	}
}

// notes are what the user wrote on rows before a move. Each is known by the bank's own name of the
// row, which the application does not have.
type notes struct {
	on    map[rowID]string // by where the application has the row
	was   map[string]row   // the row when the note was written
	asked map[string]bool  // the row may have become another, and the user is asked
}

// rowID is where the application has a row.
type rowID struct{ account, key string }

func idOf(k bankmux.Known) rowID { return rowID{k.Account, k.Key} }

// annotate writes a note on every row that the bank has exactly once.
func (l *life) annotate() *notes {
	names := map[row][]string{}
	for _, e := range l.truth() {
		names[e.row] = append(names[e.row], e.id)
	}
	n := &notes{on: map[rowID]string{}, was: map[string]row{}, asked: map[string]bool{}}
	for _, of := range l.tables.rows {
		for _, k := range of {
			r := l.stored(k)
			if of := names[r]; len(of) == 1 {
				n.on[idOf(k)], n.was[of[0]] = of[0], r
			}
		}
	}
	return n
}

// carry keeps the notes on their rows.
func (n *notes) carry(page *bankmux.Delta, mistake *mistake) {
	if n == nil {
		return
	}
	for _, q := range page.Suggested {
		if name, ok := n.on[idOf(*q.Was)]; ok {
			n.asked[name] = true
		}
	}
	moved := map[rowID]string{}
	for _, c := range slices.Concat(page.Modified, page.Replaced) {
		if name, ok := n.on[idOf(*c.Was)]; ok {
			delete(n.on, idOf(*c.Was))
			moved[idOf(c.Known)] = name
		}
	}
	for _, r := range page.Removed {
		delete(n.on, idOf(r.Known))
	}
	if !mistake.forgetsNotes {
		maps.Copy(n.on, moved)
	}
}

// keepsNotes checks that each note is on its row after a move. The row may have changed since, or
// the bank may have taken it back.
func (l *life) keepsNotes() {
	n := l.tables.notes
	truth, now := map[string]row{}, map[string]row{}
	for _, e := range l.truth() {
		truth[e.id] = e.row
	}
	for _, of := range l.tables.rows {
		for _, k := range of {
			if name, ok := n.on[idOf(k)]; ok {
				now[name] = l.stored(k)
			}
		}
	}
	for _, name := range sortedNames(n.was) {
		r, there := now[name]
		is, exists := truth[name]
		switch {
		case there && (r == is || r == n.was[name]):
			l.world.count("notes after a move", "on their rows", 1)
		case !exists:
			l.world.count("notes after a move", "on rows that the bank took back", 1)
		case n.asked[name]:
			l.world.count("notes after a move", "wait for the user", 1)
		default:
			l.complain("the note on %+v is lost: it is on %+v, and the row is now %+v", n.was[name], r, is)
		}
	}
	l.tables.notes = nil
}
