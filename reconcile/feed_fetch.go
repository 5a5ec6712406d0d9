package reconcile

// This file calls the functions of the adapter: pages of the record, accounts and lists of rows.

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

// retryAfterChanges is when to retry after a record changed during all attempts.
const retryAfterChanges = time.Minute

// fetch reads a page of the record, or a round, and merges its lists. Of a round it returns the
// last page.
func (r *feedSync) fetch(ctx context.Context) (FeedPage, error) {
	for again := 0; ; again++ {
		r.merger, r.delta.Failed = newMerger(r.feed.OneRowPerID), nil
		clear(r.failed)
		clear(r.unreadable)
		end, err := r.readRound(ctx)
		e, ok := errors.AsType[*bankmux.Error](err)
		if !ok || r.feed.Restarts == nil || !r.feed.Restarts(e) {
			return end, err
		}
		if again == maxRestarts {
			failed := *e
			failed.Kind, failed.Scope = bankmux.ErrUnavailable, bankmux.ScopeConnection
			failed.Detail = "the provider's record of changes kept changing while it was read"
			// otherwise the guard would retry at once
			failed.RetryAfter = max(failed.RetryAfter, retryAfterChanges)
			return end, &failed
		}
	}
}

// readRound reads the pages of one attempt.
func (r *feedSync) readRound(ctx context.Context) (FeedPage, error) {
	at := *r.cursor // the position within the round is not kept
	for range maxRoundPages {
		page, err := r.page(ctx, at.Provider)
		if err != nil {
			return FeedPage{}, err
		}
		if page.NotReady && len(page.Created)+len(page.Updated)+len(page.Removed) == 0 && !page.More {
			return FeedPage{}, &bankmux.Error{
				Kind:   bankmux.ErrNotReady,
				Detail: "the provider has not fetched the transactions yet",
			}
		}
		r.addPage(&page)
		if !page.More || r.feed.byPage() {
			return page, nil
		}
		if page.Next == "" || !at.Advance(page.Next) {
			return FeedPage{}, pagesRepeat()
		}
	}
	return FeedPage{}, &bankmux.Error{
		Kind:   bankmux.ErrMalformed,
		Scope:  bankmux.ScopeCall,
		Detail: "the pages of a round do not end",
	}
}

// addPage merges a page, without the accounts that were not asked for.
func (r *feedSync) addPage(page *FeedPage) {
	wanted := func(account string) bool { return wantsAccount(r.req, account) }
	incomplete := r.merger.addPage(page, wanted)
	for _, f := range slices.Concat(page.Failed, incomplete) {
		switch {
		case !wanted(f.Account):
			continue
		case f.Transaction == "":
			r.failed[f.Account] = true
		default:
			r.unreadable[f.Account] = true
		}
		r.delta.Failed = append(r.delta.Failed, f)
	}
}

// page reads one page, unless it was already read with the user's answers.
func (r *feedSync) page(ctx context.Context, cursor string) (FeedPage, error) {
	if r.answeredCall.Page != nil && *r.answeredCall.Page == cursor {
		page := r.answeredCall.page
		r.answeredCall = feedStep{}
		return page, nil
	}
	size := r.feed.size(r.req.PageSize)
	page, err := r.feed.Page(ctx, FeedRequest{Cursor: cursor, Size: size, Answers: r.takeAnswers()})
	mayLose := r.req.Cursor != "" && r.feed.CursorLost != nil
	if e, ok := errors.AsType[*bankmux.Error](err); ok && mayLose && r.feed.CursorLost(e) {
		refused := *e
		refused.Kind, refused.Field = bankmux.ErrInvalid, "SyncRequest.Cursor"
		refused.Detail = "is not known to the provider any more: start without one; with Known no row is doubled"
		err = &refused
	}
	return page, withStep(err, feedStep{Page: &cursor})
}

// accounts returns the ids of the accounts that are synced.
func (r *feedSync) accounts(ctx context.Context) ([]string, error) {
	if r.ids != nil {
		return r.withoutFailed(r.ids), nil
	}
	ids, failed, err := r.answeredCall.ids, r.answeredCall.failed, error(nil)
	if !r.answeredCall.Accounts {
		ids, failed, err = r.feed.Accounts(ctx, r.takeAnswers())
	}
	if err != nil {
		return nil, withStep(err, feedStep{Accounts: true})
	}
	r.delta.Failed = append(r.delta.Failed, failed...)
	for _, f := range failed {
		r.failed[f.Account] = r.failed[f.Account] || (f.Account != "" && f.Transaction == "")
	}
	r.ids = append([]string{}, ids...)
	return r.withoutFailed(r.ids), CheckNames(r.req, r.ids)
}

// withoutFailed returns the accounts that did not fail. No row of the others counts as absent.
func (r *feedSync) withoutFailed(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return r.failed[id] })
}

// stored reads one page of the list of stored rows.
func (r *feedSync) stored(ctx context.Context, req StoredRequest) (StoredPage, error) {
	if at := r.answeredCall.Stored; at != nil && at.From == req.From && at.To == req.To && at.Page == req.Page {
		page := r.answeredCall.stored
		r.answeredCall = feedStep{}
		return page, nil
	}
	req.Answers = r.takeAnswers()
	page, err := r.feed.Stored(ctx, req)
	return page, withStep(err, feedStep{Stored: &req})
}

// feedStep is the call that a challenge interrupted. In the sync that continues, it also has the
// result of that call.
type feedStep struct {
	Page     *string        `json:"page,omitempty"`
	Accounts bool           `json:"accounts,omitempty"`
	Stored   *StoredRequest `json:"stored,omitempty"`

	page   FeedPage
	ids    []string
	failed []bankmux.Failure
	stored StoredPage
}

// resume makes the call that the user's answers belong to. Another call before it would end the
// user's session at the bank.
func (r *feedSync) resume(ctx context.Context) (err error) {
	var at feedStep
	if r.req.Answers == nil || !takeStep(&r.req.Answers, &at) {
		return nil // without a step, the answers belong to the first call
	}
	switch {
	case at.Page != nil:
		at.page, err = r.page(ctx, *at.Page)
	case at.Accounts:
		at.ids, at.failed, err = r.feed.Accounts(ctx, r.takeAnswers())
		err = withStep(err, at)
	case at.Stored != nil && r.feed.Stored != nil:
		at.stored, err = r.stored(ctx, *at.Stored)
	}
	r.answeredCall = at
	return err
}

// takeAnswers returns the user's answers once.
func (r *feedSync) takeAnswers() *bankmux.Answers {
	a := r.req.Answers
	r.req.Answers = nil
	return a
}
