package bankmux

// This file has the steps before the pages of [Client.SyncAll], and continues at the step that a
// challenge interrupted.

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/bankmux/bankmux/internal/interactive"
)

// syncList has what a connection lets a sync read, by the provider's ids. All of it has names.
type syncList struct {
	Accounts []string  `json:"accounts,omitempty"`
	Cards    []string  `json:"cards,omitempty"`
	Partly   bool      `json:"partly,omitempty"` // an account has no name and is left out
	failed   []Failure // what could not be listed
}

// all returns the ids of accounts and cards.
func (l *syncList) all() []string { return slices.Concat(l.Accounts, l.Cards) }

// syncStep is the [Challenge.State] of SyncAll. It has the step that was interrupted, the accounts
// that were listed before it, and the step's own state and request.
type syncStep struct {
	Op   string `json:"op"`
	From string `json:"from,omitempty"` // the stored cursor
	syncList
	Inner   json.RawMessage `json:"inner,omitempty"`
	Request json.RawMessage `json:"request,omitempty"`
}

// start lists the accounts and the cards, and lets the ledger name them. With answers it continues
// at the step that the challenge interrupted.
func (r *syncRun) start(ctx context.Context) error {
	if r.answers == nil {
		return r.listAll(ctx, nil)
	}
	return r.resume(ctx)
}

// resume continues at the step that a challenge interrupted, since another call would end the
// user's session at the bank. If that step was a sync, its page is the first of the round.
func (r *syncRun) resume(ctx context.Context) error {
	var step syncStep
	if json.Unmarshal(r.answers.Challenge.State, &step) != nil {
		return invalid("SyncState.Challenge", "has a State that is not the library's")
	}
	answers := *r.answers
	answers.Challenge.Op, answers.Challenge.State, answers.Challenge.Request = step.Op, step.Inner, step.Request
	switch step.Op {
	case OpAccounts:
		return r.listAll(ctx, &answers)
	case OpRefresh:
		r.wait.refreshed = true
		if err := r.refresh(ctx, &answers); err != nil {
			return err
		}
		return r.listAll(ctx, nil)
	}
	if _, err := r.nameAccounts(ctx, nil); err != nil {
		return err
	}
	r.list = step.syncList
	if step.Op == OpCards {
		return r.listCards(ctx, &answers)
	}
	res, err := r.client.Resume(ctx, ResumeRequest{
		Connection: r.req.Connection, Answers: &answers, Name: r.name, Known: r.ledger.Known,
	})
	if !hasPage(err) {
		return r.interrupted(err, OpSync)
	}
	if step.From == r.state.Cursor { // else another sync has stored pages since
		r.answered = res.Sync
	}
	return nil
}

// listAll lists the accounts and then the cards.
func (r *syncRun) listAll(ctx context.Context, answers *Answers) error {
	r.list, r.res.Unnamed, r.res.Accounts, r.res.Cards = syncList{}, nil, nil, nil
	var got AccountsResult
	for {
		var err error
		got, err = r.client.accounts(ctx, &AccountsRequest{Connection: r.req.Connection, Answers: answers})
		answers = nil
		if hasPage(err) {
			break
		}
		if again, err := r.awaitReady(ctx, r.interrupted(err, OpAccounts)); !again {
			return err
		}
	}
	r.res.Accounts = got.Accounts
	ids, err := r.nameAccounts(ctx, got.Accounts)
	if err != nil {
		return err
	}
	r.list.Accounts, r.list.failed = ids, got.Failed
	return r.listCards(ctx, nil)
}

// listCards lists the cards, if the provider keeps them apart from accounts.
func (r *syncRun) listCards(ctx context.Context, answers *Answers) error {
	if !r.client.Has(CapCards) {
		return nil
	}
	got, err := r.client.Cards(ctx, CardsRequest{Connection: r.req.Connection, Answers: answers})
	switch e := ErrorOf(err); {
	case hasPage(err):
		r.list.failed = append(r.list.failed, got.Failed...)
	case errors.Is(err, ErrUnsupported): // this bank has none
		return nil
	case e.Challenge != nil, hopeless(err), refusedAnswer(err):
		return r.interrupted(err, OpCards)
	default:
		r.list.failed = append(r.list.failed, Failure{Product: ProductCards, Err: e})
		return nil
	}
	if r.res.Cards = got.Cards; len(got.Cards) == 0 {
		return nil
	}
	cards := make([]Account, len(got.Cards))
	for i, c := range got.Cards {
		cards[i] = c.Account()
	}
	r.list.Cards, err = r.nameAccounts(ctx, cards)
	return err
}

// nameAccounts lets the ledger name accounts, and returns the ids of those that have a name.
func (r *syncRun) nameAccounts(ctx context.Context, accounts []Account) (ids []string, err error) {
	if r.names, err = r.ledger.NameAccounts(ctx, r.req.Connection, accounts); err != nil {
		return nil, r.ledgerFailed(ctx, "NameAccounts", err)
	}
	for _, a := range accounts {
		switch {
		case r.names[a.ID] == "":
			r.res.Unnamed, r.list.Partly = append(r.res.Unnamed, a), true
		case !slices.Contains(ids, a.ID):
			ids = append(ids, a.ID)
		}
	}
	return ids, nil
}

// interrupted returns err, with its challenge, if it has one, moved from a step to SyncAll.
func (r *syncRun) interrupted(err error, step string) error {
	e := ErrorOf(err)
	if e == nil || e.Challenge == nil || e.Challenge.Op == OpSyncAll {
		return err
	}
	moved, ch := *e, *e.Challenge
	state, marshalErr := json.Marshal(syncStep{step, r.state.Cursor, r.list, ch.State, ch.Request})
	if marshalErr != nil {
		return err // the adapter's state is not JSON
	}
	made, marshalErr := json.Marshal(interruptedCall{PageSize: r.req.PageSize, Refresh: r.req.Refresh})
	if marshalErr != nil {
		return err // numbers and strings: cannot fail
	}
	ch.Op, ch.State, ch.Request = OpSyncAll, state, made
	moved.Op, moved.Challenge = OpSyncAll, &ch
	return &moved
}

// refresh lets the provider fetch the transactions.
func (r *syncRun) refresh(ctx context.Context, answers *Answers) error {
	products := []Product{ProductTransactions}
	_, err := r.client.Refresh(ctx, RefreshRequest{r.req.Connection, products, answers})
	return r.interrupted(err, OpRefresh)
}

// The first and the longest wait between two questions whether the provider is ready, and the
// longest time of all of them.
const (
	readyFirst = 2 * time.Second
	readyMax   = 20 * time.Second
	readyTotal = 2 * time.Minute
)

// readyWait waits for a provider that has not fetched the data yet.
type readyWait struct {
	wait, total time.Duration
	refreshed   bool
}

// awaitReady waits if err says that the provider is not ready, and reports whether to ask again. If
// the deadline of ctx comes first, or a person waits for the call, it returns err at once. It
// starts a refresh if the request wants one.
func (r *syncRun) awaitReady(ctx context.Context, err error) (bool, error) {
	if !errors.Is(err, ErrNotReady) {
		return false, err
	}
	w := &r.wait
	if r.req.Refresh && !w.refreshed && r.client.Has(CapRefresh) {
		w.refreshed = true
		if refused := r.refresh(ctx, nil); refused != nil && !errors.Is(refused, ErrRateLimited) {
			return false, refused
		}
	}
	if interactive.Is(ctx) {
		return false, err
	}
	w.wait = min(max(w.wait*2, readyFirst), readyMax)
	deadline, limited := ctx.Deadline()
	if w.total += w.wait; w.total > readyTotal || (limited && time.Until(deadline) <= w.wait) {
		return false, err
	}
	timer := time.NewTimer(w.wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true, nil
	case <-ctx.Done():
		return false, r.client.describe(&r.op, &Error{Kind: ErrContextDone, Err: ctx.Err()})
	}
}
