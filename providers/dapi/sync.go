package dapi

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// overlap is how many days are read again each time: rows are posted late, and holds become other
// rows. Every so many days all that the bank serves is read again, for what was posted later still.
const (
	overlap    = 21
	wholeEvery = 7
)

// aheadDays is how far a day of value that the application knows may lie ahead.
const aheadDays = 366

// Sync reads one account from some days before its last reading up to today, and compares. Dapi has
// no ids, no pending flag and no record of changes, so without Known it tells Added only. A page is
// an account; the first lists them unless the request names them.
func (a *adapter) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	var at syncState
	text := req.Cursor
	if req.Answers != nil && json.Unmarshal(req.Answers.Challenge.State, &at) == nil {
		text = at.Cursor // with the accounts listed: another call would end the user's session at the bank
	}
	cursor, err := reconcile.ParseCursor(text, req.Connection)
	if err != nil {
		return bankmux.Delta{}, err
	}
	var unlisted []bankmux.Failure // accounts that the bank lists and that cannot be read
	if len(cursor.Todo) == 0 {
		cursor.Until, cursor.Todo = a.today(req.Connection), slices.Clone(req.Accounts)
		for _, id := range req.Cards {
			cursor.Todo = append(cursor.Todo, cardPrefix+id)
		}
		if len(req.Accounts)+len(req.Cards) == 0 {
			list, failed, err := a.api.accounts(ctx, accountsPath, req.Connection, req.Answers)
			if err != nil {
				return bankmux.Delta{}, interrupted(err, syncState{Cursor: req.Cursor})
			}
			unlisted = failed
			req.Answers = nil
			for _, acc := range list {
				cursor.Todo = append(cursor.Todo, acc.ID)
			}
		}
	}
	if err := reconcile.Names(&req, names(cursor.Todo)); err != nil {
		return bankmux.Delta{}, err
	}
	delta := bankmux.Delta{AddedOnly: req.Known == nil}
	if len(cursor.Todo) == 0 { // a login without accounts
		delta.Failed, delta.Next = unlisted, cursor.String()
		return delta, nil
	}
	account, card := strings.CutPrefix(cursor.Todo[0], cardPrefix)
	body := a.api.rowsOf(&req.Connection, account, card)
	if err := a.syncAccount(ctx, &req, at.Window, body, &cursor, &delta); err != nil {
		e := asError(err)
		if e == nil || e.Challenge != nil || !oneAccount(e) {
			return bankmux.Delta{}, err
		}
		delta = bankmux.Delta{AddedOnly: delta.AddedOnly, Failed: []bankmux.Failure{{Account: account, Err: e}}}
	}
	delta.Failed = append(unlisted, delta.Failed...)
	cursor.Todo = cursor.Todo[1:]
	delta.More = len(cursor.Todo) > 0
	delta.Next = cursor.String()
	return delta, nil
}

// cardPrefix marks a card among the accounts that are left in a round.
const cardPrefix = "card:"

// names are the ids of accounts and cards that are left.
func names(todo []string) []string {
	ids := make([]string, len(todo))
	for i, one := range todo {
		ids[i] = strings.TrimPrefix(one, cardPrefix)
	}
	return ids
}

// syncState is what a challenge keeps of a sync: the cursor with the accounts left, and the window
// that was interrupted.
type syncState struct {
	Cursor string `json:"cursor"`
	Window window `json:"window"`
}

// oneAccount reports whether a failure leaves hope for the other accounts.
func oneAccount(e *bankmux.Error) bool {
	switch e.Kind {
	case bankmux.ErrNotFound, bankmux.ErrInstitution, bankmux.ErrUnknown, bankmux.ErrUnsupported:
		return true
	case bankmux.ErrInvalid:
		return !e.NotSent // the bank refused it; what is refused here is a mistake of the caller
	}
	return e.Affects() == bankmux.ScopeCall && e.Kind == bankmux.ErrMalformed
}

// syncAccount reads one account and compares. The window that was interrupted, if any, is read
// first.
func (a *adapter) syncAccount(ctx context.Context, req *bankmux.SyncRequest, interruptedAt window, body dataBody, cursor *reconcile.Cursor, delta *bankmux.Delta) error {
	account := body.AccountID + body.CardID
	r := &syncReading{adapter: a, req: req, account: account, body: body, cursor: cursor, delta: delta}
	if req.Answers != nil {
		r.answered = interruptedAt
		if err := r.read(ctx, interruptedAt, req.Answers); err != nil && !refusedDays(err) {
			return err
		}
	}
	days, _, err := a.days(ctx, req.Connection)
	if err != nil {
		return err
	}
	mark := cursor.Mark(account)
	r.plan(&mark, days)
	if err := r.all(ctx); err != nil {
		return err
	}
	r.gaps(&mark)
	in := reconcile.Reading{
		Provider: Name, Account: req.AccountName(account), From: r.proved(), To: r.to, Rows: r.rows, Unread: r.unread, Complete: true,
		Proves: r.conclusive(),
	}
	if !in.From.After(in.To) {
		delta.Covered = []bankmux.Covered{{Account: account, From: in.From, To: in.To}}
	}
	var known []bankmux.Known
	if req.Known != nil {
		last := in.To
		for i := range in.Rows {
			last = later(last, in.Rows[i].Date) // a day of value may be one that has not come
		}
		if !in.To.Before(cursor.Until) {
			// The bank served the newest days, and with them the rows of days to come.
			last = later(last, in.To.AddDays(aheadDays))
			in.Ahead = last
		}
		known, err = reconcile.Ask(ctx, req, in.Account, r.first, last, func(*bankmux.Known) bool { return true })
		if err != nil {
			return err
		}
	}
	res := reconcile.Compare(known, in)
	res.Tell(delta, in.Account)
	if res.Suspect {
		return nil // an empty answer where rows are known is no reading: the same days are read again the next time
	}
	mark.Day = in.To
	cursor.Set(mark)
	return nil
}
