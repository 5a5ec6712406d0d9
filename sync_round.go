package bankmux

// This file reads the rounds of [Client.SyncAll] and stores them page by page.

import (
	"context"
	"slices"
	"time"
)

// syncRun is one call of [Client.SyncAll].
type syncRun struct {
	client *Client
	op     Op
	req    *SyncAllRequest
	ledger Ledger
	state  SyncState // as stored, without what a reconnect has ended
	res    SyncAllResult

	answers  *Answers          // to the step that a challenge interrupted
	answered *Delta            // the page of that step, until it is stored
	list     syncList          // what the rounds read
	names    map[string]string // the application's names by the provider's ids
	cursor   string            // of the next page

	// entire says that this call reads the round from its first page, and that no other sync has
	// stored a page of it.
	entire    bool
	behind    bool      // the round has started before this call, see round
	failed    []Failure // accounts and products that failed in the part of the round that this call read
	restarted bool      // the stored cursor was refused
	renamed   int       // how often the accounts were named again
	broken    bool      // a method of the ledger failed
	wait      readyWait
	progress  SyncProgress
}

// run admits the call, lists the accounts and reads rounds.
func (r *syncRun) run(ctx context.Context) error {
	if err := r.load(ctx); err != nil {
		return err
	}
	if err := r.admit(ctx); err != nil {
		return err
	}
	if err := r.start(ctx); err != nil {
		return r.fail(ctx, err)
	}
	if r.answered == nil && r.list.Partly && len(r.list.all()) == 0 { // every account waits for a name
		return r.endEmpty(ctx)
	}
	r.report(nil)
	for {
		if again, err := r.round(ctx); err != nil || !again {
			return err
		}
	}
}

// endEmpty stores the end of a round that had nothing to read.
func (r *syncRun) endEmpty(ctx context.Context) error {
	to := r.next()
	to.Failed, to.FailedRows, to.Err, to.NotBefore = slices.Clone(r.list.failed), nil, nil, time.Time{}
	r.end(&to)
	stored, err := r.ledger.StoreSyncState(ctx, r.req.Connection, r.state, to)
	if err != nil {
		return r.ledgerFailed(ctx, "StoreSyncState", err)
	}
	if stored { // else another sync was faster
		r.state = to
	}
	return r.client.partial(&r.op, &r.req.Connection, r.list.failed)
}

// load reads the stored state.
func (r *syncRun) load(ctx context.Context) error {
	state, err := r.ledger.SyncState(ctx, r.req.Connection)
	if err != nil {
		return r.ledgerFailed(ctx, "SyncState", err)
	}
	if linked := r.req.Connection.LinkedAt; !state.LinkedAt.Equal(linked) {
		// The user has acted. A challenge of the former login is not open any more.
		state.LinkedAt, state.Err, state.Challenge = linked, nil, nil
		state.Attempts, state.NotBefore = 0, time.Time{}
	}
	r.state, r.cursor = state, state.Cursor
	r.behind = r.behind || state.More
	return nil
}

// round reads the pages of a round up to its end. It reports whether another round must follow.
// That is so if accounts failed in a part of the round that this call has not read. It is also so
// if the round has started before this call, since the bank may have announced more in between. It
// is not if the bank has asked in this round, since another one might ask once more.
func (r *syncRun) round(ctx context.Context) (again bool, err error) {
	r.entire, r.failed = !r.state.More, slices.Clone(r.list.failed)
	for {
		page, err := r.page(ctx)
		if err != nil {
			return false, r.fail(ctx, err)
		}
		stored, err := r.store(ctx, page)
		if err != nil {
			return false, err
		}
		ended := stored && !page.More
		switch {
		case !stored: // another sync was faster: continue at its cursor
			r.entire = false
			if err := r.load(ctx); err != nil {
				return false, err
			}
			if r.state.Challenge != nil {
				return false, r.held()
			}
		case ended && !r.entire && len(r.state.Failed) > len(r.failed), ended && r.behind && r.state.AskedAt.IsZero():
			r.behind = false
			return true, nil
		case ended:
			return false, r.client.partial(&r.op, &r.req.Connection, slices.Clone(r.state.Failed))
		}
	}
}

// page reads the page after the cursor. It waits for a provider that is not ready, and starts
// without a cursor if the stored one is refused.
func (r *syncRun) page(ctx context.Context) (*Delta, error) {
	if page := r.answered; page != nil {
		r.answered = nil
		return page, nil
	}
	for {
		req := SyncRequest{
			Connection: r.req.Connection, Cursor: r.cursor, PageSize: r.req.PageSize,
			Cards: r.list.Cards, Name: r.name, Known: r.ledger.Known,
		}
		// A record of changes binds its cursor to the accounts of the request. So they are named
		// only if one has to be left out.
		if r.client.desc.PerAccount || r.list.Partly {
			req.Accounts = r.list.Accounts
		}
		delta, err := r.client.Sync(ctx, req)
		switch {
		case hasPage(err):
			return &delta, nil
		case r.cursor != "" && !r.restarted && refusesCursor(err):
			r.restarted, r.cursor, r.entire, r.behind = true, "", true, false
		case lacksName(err) && r.renamed < 2:
			if err := r.rename(ctx); err != nil {
				return nil, err
			}
		default:
			if again, err := r.awaitReady(ctx, err); !again {
				return nil, err
			}
		}
	}
}

// hasPage reports whether a sync with that error returned a page.
func hasPage(err error) bool {
	if err == nil {
		return true
	}
	_, partial := err.(*PartialError) //nolint:errorlint // only the error of this call
	return partial
}

// refusesCursor reports whether the stored cursor cannot be used any more. The provider has lost
// it, a newer version of the library made it, or it is of other accounts.
func refusesCursor(err error) bool {
	e := ErrorOf(err)
	return e != nil && e.Kind == ErrInvalid &&
		(e.Field == "SyncRequest.Cursor" || e.Field == "SyncRequest.Accounts")
}

// lacksName reports whether the page has an account without a name.
func lacksName(err error) bool {
	e := ErrorOf(err)
	return e != nil && e.Kind == ErrInvalid && e.Field == "SyncRequest.Name"
}

// rename lists and names the accounts again, because the user may have shared another one since.
// If that does not help, the unnamed accounts are left out.
func (r *syncRun) rename(ctx context.Context) error {
	if r.renamed++; r.renamed > 1 {
		r.list.Partly = true
		return nil
	}
	return r.listAll(ctx, nil)
}

// name returns the application's name of an account.
func (r *syncRun) name(id string) string { return r.names[id] }

// store stores a page with the state after it. It reports false if another sync was faster.
func (r *syncRun) store(ctx context.Context, page *Delta) (bool, error) {
	to := r.next()
	to.Cursor, to.More, to.Err, to.NotBefore = page.Next, page.More, nil, time.Time{}
	r.failed = withFailures(r.failed, page.Failed)
	if r.entire && !page.More {
		to.Failed = nil
	}
	to.Failed = withFailures(to.Failed, r.failed)
	if !r.state.More { // the page is the first of its round
		to.FailedRows = nil
	}
	to.FailedRows = withFailedRows(to.FailedRows, page.Failed)
	if !page.More {
		r.end(&to)
	}
	stored, err := r.ledger.StoreDelta(ctx, r.req.Connection, r.state, *page, to)
	if err != nil {
		return false, r.ledgerFailed(ctx, "StoreDelta", err)
	}
	if stored {
		r.state, r.cursor = to, to.Cursor
		r.report(page)
	}
	return stored, nil
}

// next returns a copy of the stored state, for a change of it.
func (r *syncRun) next() SyncState {
	to := r.state
	to.Version++
	to.Failed, to.FailedRows = slices.Clone(to.Failed), slices.Clone(to.FailedRows)
	return to
}

// end changes the state to that after the last page of a round.
func (r *syncRun) end(to *SyncState) {
	if e := r.allFailed(); e != nil {
		to.failed(r.req.Connection.ID, e)
		return
	}
	to.Attempts, to.SyncedAt = 0, Moment(time.Now())
	if r.entire && r.answers == nil {
		to.AskedAt = time.Time{}
	}
}

// allFailed returns the error of an account if no account could be read. It prefers an error that
// ends by itself.
func (r *syncRun) allFailed() (found *Error) {
	for _, id := range r.list.all() {
		i := slices.IndexFunc(r.failed, func(f Failure) bool { return f.Account == id })
		if i < 0 {
			return nil
		}
		if e := r.failed[i].Err; found == nil || (e != nil && e.Kind.Again().Turn == TurnLater) {
			found = e
		}
	}
	return found
}

// maxFailedRows is how many rows [SyncState.FailedRows] names.
const maxFailedRows = 100

// withFailedRows adds failures of single rows.
func withFailedRows(rows, more []Failure) []Failure {
	for _, f := range more {
		if f.Transaction != "" && len(rows) < maxFailedRows {
			rows = append(rows, f)
		}
	}
	return rows
}

// withFailures adds failures, but those of single rows. A failure replaces the former one of the
// same account and product.
func withFailures(all, more []Failure) []Failure {
	for _, f := range more {
		if f.Transaction != "" {
			continue
		}
		i := slices.IndexFunc(all, func(g Failure) bool {
			return g.Account == f.Account && g.Product == f.Product && g.Transaction == ""
		})
		if i < 0 {
			all = append(all, f)
		} else {
			all[i] = f
		}
	}
	return all
}
