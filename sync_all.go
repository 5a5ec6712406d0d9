package bankmux

// This file has the call that keeps a ledger in step with a connection.

import "context"

// SyncAllRequest asks for all changes of a connection. Connection and Ledger are required.
type SyncAllRequest struct {
	Connection Connection
	Ledger     Ledger
	// Answers are the user's answers to [SyncState.Challenge], or its [Challenge.Abandon]. Only the
	// ID of their challenge counts. Everything else comes from the Ledger.
	Answers *Answers
	// Force runs a round even if an earlier one failed and its wait is not over. Set it if a
	// webhook delivery or an operator says that the cause is gone. It does not override an open
	// challenge.
	Force bool
	// Refresh starts a refresh ([Client.Refresh]) if the provider has not fetched the transactions
	// yet. MoneyKit fetches them by itself only if the session asked for it
	// ([ProductRequest.Prefetch]). A refresh may be billed, so the default is to wait only.
	Refresh  bool
	PageSize int // rows per page at most; 0 leaves it to the adapter
	// Progress, if set, is called before the first page and after each page was stored. It is
	// called in order, never concurrently, and SyncAll waits for it. SyncAll does not recover its
	// panics.
	Progress func(SyncProgress)
}

// SyncProgress is how far a call of [Client.SyncAll] has come.
type SyncProgress struct {
	// Account is the account of the page, by the application's name. It is "" if the page is not
	// about one account.
	Account  string
	From, To Date // days of the rows of the page, zero if it has none
	Pages    int  // pages that this call has stored
	Rows     int  // changed rows on these pages
	// Done of Total accounts were read, for a progress bar. Total is 0 if the provider does not
	// serve account by account (MoneyKit, Plaid). It does not say how much is left then.
	Done, Total int
	Finished    bool // the round is at its end
}

// SyncAllResult is what a call of [Client.SyncAll] stored.
type SyncAllResult struct {
	State   SyncState // the state that is stored now
	Pages   int       // stored pages
	Added   int       // new rows
	Changed int       // rows that were modified or replaced
	Removed int       // removed rows
	// Failed has the accounts, products and single rows that this call could not read.
	Failed []Failure
	// Unnamed has the accounts that [Ledger.NameAccounts] left out. Ask the user.
	Unnamed []Account
	// Accounts and Cards are what this call listed, with those in Unnamed. Pass the accounts on as
	// [BalancesRequest.Known], and balances need no further list. Both are nil if the call ended
	// before the list, or if its Answers were for a later step.
	Accounts []Account
	Cards    []Card
}

func (r *SyncAllRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	for _, needed := range []Capability{CapAccounts, CapSync} {
		if !c.Has(needed) {
			return &Error{Kind: ErrUnsupported, Detail: c.desc.Provider + " has no " + string(needed), NotSent: true}
		}
	}
	switch {
	case r.Ledger == nil:
		return invalid("SyncAllRequest.Ledger", "is nil")
	case r.PageSize < 0:
		return invalid("SyncAllRequest.PageSize", "is negative")
	}
	return nil
}

// SyncAll brings the ledger in step with the bank. It lists the accounts, lets the ledger name
// them, and stores page after page until none is left. It may be repeated, also after a crash and
// by several processes at once: each page is stored once, with its cursor. A call continues where
// the last stored page ended. If the provider refuses the stored cursor, SyncAll starts without
// one, and stores no row twice. A call that finishes another call's round reads one more round,
// unless the bank has asked the user. The bank may have announced rows since.
//
// If some accounts could not be read, SyncAll stores the rest and returns a [*PartialError]. The
// ledger remembers these accounts, and the next round reads them again.
//
// If the bank asks the user, the error is [ErrUserAction] with a [Challenge], which is stored.
// Until it is answered, abandoned or expired, each call returns it again and sends nothing. Answers
// go to the bank once, in whichever process. After that a call whose context says that no user
// waits ([WithoutUser]) does not call a bank that asks. Its error is ErrUserAction with
// [CodeUserAbsent].
//
// If a round fails, the ledger remembers the error. Until [SyncState.NotBefore] each call returns
// it again with [Error.RetryAfter], and sends nothing. The wait is as long as the provider asks.
// Otherwise it doubles with each failed round, up to a limit that depends on the Kind. If a budget
// or a circuit breaker of the application refused the round, the wait holds only calls whose
// context says that no user waits. After [ErrReauth] and [ErrConsent] nothing is sent before a
// reconnect, and after [ErrGone] and [ErrUnsupported] nothing is sent any more. A cancelled context
// and a failing ledger leave no wait.
//
// If the provider has not fetched the transactions yet, SyncAll asks again within the deadline of
// ctx, for at most two minutes. After that the error is [ErrNotReady]. Where a person waits for the
// call (guard.Interactive), it is ErrNotReady at once.
//
// Other errors are those of [Client.Accounts], [Client.Cards] and [Client.Sync]. The result is
// valid with every error.
func (c *Client) SyncAll(ctx context.Context, req SyncAllRequest) (SyncAllResult, error) {
	op := opSyncAll
	if ctx == nil {
		return SyncAllResult{}, c.describe(&op, invalid("context", "is nil"))
	}
	if err := req.prepare(c, &op); err != nil {
		return SyncAllResult{}, c.describe(&op, err)
	}
	var calls sent
	r := &syncRun{client: c.With(calls.note), req: &req, op: op, ledger: req.Ledger}
	err := r.run(req.Answers.attended(ctx))
	r.res.State, r.res.Failed = r.state, withFailures(r.res.Failed, r.list.failed)
	return r.res, calls.whole(err)
}
