package reconcile

// This file has Days, the engine for providers that are read by account and days, and its Sync.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
)

// Days lists and syncs the transactions of a provider that has no record of changes. Such a
// provider returns the rows of one account between two days. The adapter supplies functions that
// make one call each and translate rows. The engine does the rest of
// [bankmux.TransactionSyncer.Sync] and of [bankmux.TransactionLister.TransactionPage]:
//
//   - It makes calls for at most 31 days each, and asks for fewer days if the bank refuses some.
//   - It drops and counts rows that were not asked for.
//   - It detects a bank that selects rows by one day and shows another in them, such as the booking
//     date and the value date.
//   - It compares with the rows that the application knows, and binds the cursor to the connection.
//
// A page of a sync is one account. Each sync reads the three weeks before the previous reading
// again. Once a week it reads all days again. A row is reported as removed after two readings that
// prove its absence.
//
// Make a Days for each call, with functions that use the connection of the request. Days keeps
// nothing between calls.
type Days struct {
	// Provider is the name of the adapter. It is a part of each row's alias, so it must not change.
	Provider string
	// Read makes one call for the rows of some days. It is required. It should return all rows that
	// the provider sent, whatever their day. The days of several calls may overlap.
	Read func(ctx context.Context, req DaysRequest) (DaysPage, error)
	// Accounts lists the connection's accounts by the provider's ids. Sync requires it, and calls
	// it only if the request names neither accounts nor cards. Accounts that could not be read are
	// in failed.
	Accounts func(ctx context.Context, answers *bankmux.Answers) (ids []string, failed []bankmux.Failure, err error)
	// Serves returns how many days back from today the bank serves rows, 0 if it does not say.
	// After the bank refused days, the engine calls it with again true: do not return a cached
	// number then. A nil Serves stands for 0.
	Serves func(ctx context.Context, again bool) (days int, err error)
	// Refused reports whether an error of Read says that the bank does not serve the days. The
	// engine then asks for other and fewer days. A nil Refused means that no error says so.
	Refused func(*bankmux.Error) bool
	// Today returns the last day that a row can have at the bank. A nil Today stands for the
	// current day in UTC.
	Today func() bankmux.Date
}

// DaysRequest asks for the rows of one account or card between two days, both included.
type DaysRequest struct {
	Account string           // the provider's id of the account or card
	Card    bool             // Account is the id of a card
	From    bankmux.Date     // the first day
	To      bankmux.Date     // the last day
	Answers *bankmux.Answers // to a challenge of exactly this call; nil otherwise
}

// DaysPage is what one call returned.
type DaysPage struct {
	Rows       []bankmux.Transaction
	Unreadable []UnreadableRow // rows that cannot be read
	AsOf       time.Time       // when the provider read them; zero if it does not say
}

// UnreadableRow is a row that cannot be read.
type UnreadableRow struct {
	// Row has the parts that can be read. Known rows that agree with them are not absent.
	Row     bankmux.Transaction
	Failure bankmux.Failure // names the row by its id, or by its number in the response
}

// Rows are posted late, and holds become other rows, so some days are read again.
const (
	rereadDays     = 21 // days that each sync reads again
	rereadAllEvery = 7  // days after which everything that the bank serves is read again
)

// aheadDays is how far a known value date may lie in the future.
const aheadDays = 366

// cardPrefix marks a card in the accounts that are left in a round.
const cardPrefix = "card:"

// daysStep is the call that a challenge interrupted: the cursor with the accounts left, and the
// window.
type daysStep struct {
	Cursor string `json:"cursor"`
	Window window `json:"window"`
}

// Sync reads the days of one account and compares them with the rows that the application knows.
// Without Known it reports only Added. It may be repeated with the same cursor. It is safe for
// concurrent use if the functions are.
//
// If an account fails and the others may still be read, Sync returns the account in Failed and no
// error. The next round reads it again.
//
// Errors:
//
//   - [bankmux.ErrInvalid] if the cursor is from another connection, from a newer version or
//     altered.
//   - [bankmux.ErrInvalid] if two accounts have one name, or if Days lacks Read or Accounts.
//   - [bankmux.ErrApplication] if Known fails.
//   - Errors of the functions are returned as they are. A challenge records which call it
//     interrupted, and the answers are sent to that call first.
func (d Days) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	if d.Read == nil || d.Accounts == nil {
		return bankmux.Delta{}, invalid("Days", "lacks Read or Accounts")
	}
	var at daysStep
	text := req.Cursor
	if req.Answers != nil && takeStep(&req.Answers, &at) {
		// it has the accounts: listing them again would end the user's session at the bank
		text = at.Cursor
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

// startRound stores the accounts of a round and the day up to which it reads.
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

// accountIDs returns the ids of the accounts and cards that are left.
func accountIDs(todo []string) []string {
	ids := make([]string, len(todo))
	for i, one := range todo {
		ids[i] = strings.TrimPrefix(one, cardPrefix)
	}
	return ids
}

// today returns the last day that a row can have.
func (d *Days) today() bankmux.Date {
	if d.Today == nil {
		return bankmux.DateOf(time.Now().UTC())
	}
	return d.Today()
}

// serves returns how many days the bank serves.
func (d *Days) serves(ctx context.Context, again bool) (int, error) {
	if d.Serves == nil {
		return 0, nil
	}
	return d.Serves(ctx, again)
}

// refused reports whether an error says that the bank does not serve the days of a call.
func (d *Days) refused(err error) bool {
	e, ok := errors.AsType[*bankmux.Error](err)
	return ok && d.Refused != nil && d.Refused(e)
}

// concernsOneAccount reports whether the other accounts may still be read after a failure. The
// list is local, because only a sync by days leaves an account out for one round.
func concernsOneAccount(e *bankmux.Error) bool {
	switch e.Kind {
	case bankmux.ErrNotFound, bankmux.ErrInstitution, bankmux.ErrUnknown, bankmux.ErrUnsupported:
		return true
	case bankmux.ErrInvalid:
		// the bank refused it; what is refused before a call is a mistake of the caller
		return !e.NotSent
	}
	return e.Affects() == bankmux.ScopeCall && e.Kind == bankmux.ErrMalformed
}
