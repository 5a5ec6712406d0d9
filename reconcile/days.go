package reconcile

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
)

// Days reads and syncs with a provider that has no record of changes: its rows are asked for by
// account and days. The adapter gives functions that make one call each and translate rows. The
// engine does the rest of [bankmux.TransactionSyncer.Sync] and of
// [bankmux.TransactionLister.TransactionPage]. It cuts days into calls of at most 31 days, asks for
// less where the bank refuses days, drops and counts rows that were not asked for, and finds out
// whether the bank selects rows by another day than it writes. It also compares with what the
// application knows and seals the cursor to the connection.
//
// A page of a sync is one account. Each time, the last three weeks before the former reading are
// read again, and all days once a week. A row is removed after two readings that prove that it is
// not there.
//
// Make a Days for each call, around the connection of the request. Nothing of it is kept.
type Days struct {
	// Provider is the name of the adapter. It is a part of each row's alias, so it must not change.
	Provider string
	// Read makes one call for the rows of some days. It is required. It should return all rows that
	// the provider sent, whatever their day. Days may overlap those of other calls.
	Read func(ctx context.Context, req DaysRequest) (DaysPage, error)
	// Accounts lists the connection's accounts by the provider's ids. Sync requires it, and calls
	// it only if the request names neither accounts nor cards. What could not be read is in failed.
	Accounts func(ctx context.Context, answers *bankmux.Answers) (ids []string, failed []bankmux.Failure, err error)
	// Serves returns how many days back from today the bank serves rows, 0 where it does not say.
	// again is set after the bank refused days: what was remembered may be old. nil stands for 0.
	Serves func(ctx context.Context, again bool) (days int, err error)
	// Refused reports whether an error of Read says that the bank does not serve the days. The
	// engine then asks for other and fewer days. nil means that no error says so.
	Refused func(*bankmux.Error) bool
	// Today is the last day that a row can have at the bank. nil means the day in UTC.
	Today func() bankmux.Date
}

// DaysRequest asks for the rows of one account or card between two days, both included.
type DaysRequest struct {
	Account string           // the provider's id of the account or card
	Card    bool             // Account is the id of a card
	From    bankmux.Date     // the first day
	To      bankmux.Date     // the last day
	Answers *bankmux.Answers // to a challenge of this very call; nil otherwise
}

// DaysPage is what one call returned.
type DaysPage struct {
	Rows       []bankmux.Transaction
	Unreadable []UnreadableRow // rows that cannot be read
	AsOf       time.Time       // when the provider read them; zero where it does not say
}

// UnreadableRow is a row that cannot be read.
type UnreadableRow struct {
	Row     bankmux.Transaction // what can be read of it: known rows that say the same are not absent
	Failure bankmux.Failure     // with the row's id, or its number in the answer
}

// overlap is how many days are read again each time: rows are posted late, and holds become other
// rows. Every so many days all that the bank serves is read again, for what was posted later still.
const (
	rereadDays     = 21
	rereadAllEvery = 7
)

// aheadDays is how far a day of value that the application knows may lie ahead.
const aheadDays = 366

// cardPrefix marks a card among the accounts that are left in a round.
const cardPrefix = "card:"

// daysStep is the call that a challenge interrupted: the cursor with the accounts left, and the
// window.
type daysStep struct {
	Cursor string `json:"cursor"`
	Window window `json:"window"`
}

// Sync reads the days of one account and compares. Without Known it reports Added alone. It may be
// repeated with the same cursor, and is safe for concurrent use if the functions are.
//
// An account that failed is in Failed, if the others may still be read, and is read again in the
// next round. Errors: [bankmux.ErrInvalid] for a cursor of another connection, of a later version
// or that was changed, for names that do not tell accounts apart, and for Days without Read or
// Accounts; [bankmux.ErrApplication] where Known fails. Errors of the functions are returned as
// they are; a challenge keeps which call it interrupted, and the answers go to that call first.
func (d Days) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	if d.Read == nil || d.Accounts == nil {
		return bankmux.Delta{}, invalid("Days", "lacks Read or Accounts")
	}
	var at daysStep
	text := req.Cursor
	if req.Answers != nil && takeStep(&req.Answers, &at) {
		text = at.Cursor // with the accounts listed: another call would end the user's session at the bank
	}
	cursor, err := ParseCursor(text, req.Connection)
	if err != nil {
		return bankmux.Delta{}, err
	}
	var unlisted []bankmux.Failure // accounts that the bank lists and that cannot be read
	if len(cursor.Todo) == 0 {
		if unlisted, err = d.startRound(ctx, &req, &cursor); err != nil {
			return bankmux.Delta{}, err
		}
	}
	if err := CheckNames(&req, accountIDs(cursor.Todo)); err != nil {
		return bankmux.Delta{}, err
	}
	delta := bankmux.Delta{AddedOnly: req.Known == nil}
	if len(cursor.Todo) == 0 { // a login without accounts
		delta.Failed, delta.Next = unlisted, cursor.String()
		return delta, nil
	}
	r := &daysSync{days: &d, req: &req, cursor: &cursor, delta: &delta}
	r.account, r.card = strings.CutPrefix(cursor.Todo[0], cardPrefix)
	if err := r.sync(ctx, at.Window); err != nil {
		e, ok := errors.AsType[*bankmux.Error](err)
		if !ok || e.Challenge != nil || !concernsOneAccount(e) {
			return bankmux.Delta{}, err
		}
		delta = bankmux.Delta{AddedOnly: delta.AddedOnly, Failed: []bankmux.Failure{{Account: r.account, Err: e}}}
	}
	delta.Failed = append(unlisted, delta.Failed...)
	cursor.Todo = cursor.Todo[1:]
	delta.More = len(cursor.Todo) > 0
	delta.Next = cursor.String()
	return delta, nil
}

// startRound notes the accounts of a round, and the day up to which it reads.
func (d *Days) startRound(
	ctx context.Context,
	req *bankmux.SyncRequest,
	cursor *Cursor,
) (unlisted []bankmux.Failure, err error) {
	cursor.Until, cursor.Todo = d.today(), slices.Clone(req.Accounts)
	for _, id := range req.Cards {
		cursor.Todo = append(cursor.Todo, cardPrefix+id)
	}
	if len(cursor.Todo) > 0 {
		return nil, nil
	}
	ids, failed, err := d.Accounts(ctx, req.Answers)
	if err != nil {
		return nil, withStep(err, daysStep{Cursor: req.Cursor})
	}
	req.Answers, cursor.Todo = nil, slices.Clone(ids)
	return failed, nil
}

// accountIDs are the ids of accounts and cards that are left.
func accountIDs(todo []string) []string {
	ids := make([]string, len(todo))
	for i, one := range todo {
		ids[i] = strings.TrimPrefix(one, cardPrefix)
	}
	return ids
}

// today is the last day that a row can have.
func (d *Days) today() bankmux.Date {
	if d.Today == nil {
		return bankmux.DateOf(time.Now().UTC())
	}
	return d.Today()
}

// serves is how many days the bank serves.
func (d *Days) serves(ctx context.Context, again bool) (int, error) {
	if d.Serves == nil {
		return 0, nil
	}
	return d.Serves(ctx, again)
}

// refused reports whether the bank does not serve the days of a call.
func (d *Days) refused(err error) bool {
	e, ok := errors.AsType[*bankmux.Error](err)
	return ok && d.Refused != nil && d.Refused(e)
}

// concernsOneAccount reports whether a failure leaves hope for the other accounts.
func concernsOneAccount(e *bankmux.Error) bool {
	switch e.Kind {
	case bankmux.ErrNotFound, bankmux.ErrInstitution, bankmux.ErrUnknown, bankmux.ErrUnsupported:
		return true
	case bankmux.ErrInvalid:
		return !e.NotSent // the bank refused it; what is refused here is a mistake of the caller
	}
	return e.Affects() == bankmux.ScopeCall && e.Kind == bankmux.ErrMalformed
}
