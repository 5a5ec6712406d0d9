package dapi

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// opSync is the operation of this file, as errors name it.
const opSync = "Sync"

// overlap is how many days are read again each time: rows are posted late, and holds become other rows. Every so many days all that the bank serves is
// read again, for what was posted later still.
const (
	overlap    = 21
	wholeEvery = 7
)

// Sync reads one account from some days before its last reading up to today, and compares. Dapi has no ids, no pending flag and no record of changes, so
// without Known it tells Added only. A page is an account; the first lists them unless the request names them.
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
	if len(cursor.Todo) == 0 {
		cursor.Until, cursor.Todo = a.today(), slices.Clone(req.Accounts)
		for _, id := range req.Cards {
			cursor.Todo = append(cursor.Todo, cardPrefix+id)
		}
		if len(req.Accounts)+len(req.Cards) == 0 {
			list, err := a.api.accounts(ctx, opSync, req.Connection, req.Answers)
			if err != nil {
				return bankmux.Delta{}, interrupted(err, syncState{Cursor: req.Cursor})
			}
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
		delta.Next = cursor.String()
		return delta, nil
	}
	account, card := strings.CutPrefix(cursor.Todo[0], cardPrefix)
	body := dataBody{AccountID: account}
	if card {
		body = dataBody{CardID: account}
	}
	if err := a.syncAccount(ctx, &req, at.Window, body, &cursor, &delta); err != nil {
		e := asError(err)
		if e != nil && e.Code == "INVALID_DATE_RANGE" { // the bank serves fewer days than it told an hour ago
			a.ranges.forget(bankOf(req.Connection))
		}
		if e == nil || e.Challenge != nil || !oneAccount(e) {
			return bankmux.Delta{}, err
		}
		delta = bankmux.Delta{AddedOnly: delta.AddedOnly, Failed: []bankmux.Failure{{Account: account, Err: e}}}
	}
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

// syncState is what a challenge keeps of a sync: the cursor with the accounts left, and the window that was interrupted.
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

// syncAccount reads one account and compares. The window that was interrupted, if any, is read first.
func (a *adapter) syncAccount(ctx context.Context, req *bankmux.SyncRequest, interruptedAt window, body dataBody, cursor *reconcile.Cursor, delta *bankmux.Delta) error {
	account := body.AccountID + body.CardID
	in := reconcile.Reading{Provider: Name, Account: req.AccountName(account), To: cursor.Until, Complete: true}
	read := func(w window, answers *bankmux.Answers) (rows []bankmux.Transaction, err error) {
		body.FromDate, body.ToDate = w.From.String(), w.To.String()
		err = a.api.transactions(ctx, opSync, plainPath, req.Connection, answers, body, func(i, _ int, t *transaction) {
			row := bankmux.Transaction{Account: account}
			if fault := t.fill(&row); fault != nil {
				in.Unread = append(in.Unread, row)
				delta.Failed = append(delta.Failed, bankmux.Failure{Account: account, Transaction: "row " + strconv.Itoa(i+1), Err: fault})
				return
			}
			rows = append(rows, row)
		})
		return rows, interrupted(err, syncState{Cursor: cursor.String(), Window: w})
	}
	var answered []bankmux.Transaction
	if req.Answers != nil {
		var err error
		if answered, err = read(interruptedAt, req.Answers); err != nil {
			return err
		}
	}
	days, err := a.days(ctx, req.Connection)
	if err != nil {
		return err
	}
	if days == 0 {
		days = standardDays
	}
	earliest := cursor.Until.AddDays(1 - days)
	in.From = earliest
	mark := cursor.Mark(account)
	if !mark.Day.IsZero() {
		again := mark.Day.AddDays(-overlap)
		// A mark in the future is of a clock that was ahead: all is read again.
		if age := in.To.DaysSince(mark.Whole); again.After(in.From) && age >= 0 && age < wholeEvery {
			in.From = again
		}
		if mark.Day.AddDays(1).Before(earliest) {
			delta.Gaps = append(delta.Gaps, bankmux.Covered{Account: account, From: mark.Day.AddDays(1), To: earliest.AddDays(-1)})
		}
	}
	if in.From == earliest {
		mark.Whole = in.To
	}
	for to := in.To; !to.Before(in.From); {
		w := window{From: to.AddDays(3 - windowDays), To: to}
		if w.From.Before(in.From) {
			w.From = in.From
		}
		// No source says whether a bank's own day decides, or the one that is written, so a day more is asked for on either side; each row belongs
		// to the one window that has the day it says.
		asked := window{From: w.From.AddDays(-1), To: w.To.AddDays(1)}
		if asked.From.Before(earliest) {
			asked.From = earliest
		}
		if asked.To.After(in.To) {
			asked.To = in.To
		}
		rows := answered
		if req.Answers == nil || asked != interruptedAt {
			if rows, err = read(asked, nil); err != nil {
				return err
			}
		}
		for _, row := range rows {
			if !row.Date.Before(w.From) && !row.Date.After(w.To) {
				in.Rows = append(in.Rows, row)
			}
		}
		to = w.From.AddDays(-1)
	}
	delta.Covered = []bankmux.Covered{{Account: account, From: in.From, To: in.To}}
	var known []bankmux.Known
	if req.Known != nil {
		known, err = reconcile.Ask(ctx, req, in.Account, in.From, in.To, func(*bankmux.Known) bool { return true })
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

// standardDays is what is asked for where a bank does not say how far back it goes.
const standardDays = 90
