package reconcile

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

// calmsAfter is when to try again after a record that changed through all attempts.
const calmsAfter = time.Minute

// fetch reads a page of the record, or a round, and merges its lists. Of a round it returns the
// last page.
func (r *feedReading) fetch(ctx context.Context) (FeedPage, error) {
	for again := 0; ; again++ {
		r.rows, r.delta.Failed = newMerger(), nil
		clear(r.failed)
		clear(r.unread)
		end, err := r.round(ctx)
		e, ok := errors.AsType[*bankmux.Error](err)
		if !ok || r.feed.BeginsAgain == nil || !r.feed.BeginsAgain(e) {
			return end, err
		}
		if again == maxAgain {
			failed := *e
			failed.Kind, failed.Scope = bankmux.ErrUnavailable, bankmux.ScopeConnection
			failed.Detail = "the provider's record of changes kept changing while it was read"
			failed.RetryAfter = max(failed.RetryAfter, calmsAfter) // else the guard began all of it again at once
			return end, &failed
		}
	}
}

// round reads the pages of one attempt.
func (r *feedReading) round(ctx context.Context) (FeedPage, error) {
	at := *r.cursor // the position within the round is not kept
	for range maxFeed {
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
		r.take(&page)
		if !page.More || r.feed.byPage() {
			return page, nil
		}
		if page.Next == "" || !at.Turn(page.Next) {
			return FeedPage{}, goesRound()
		}
	}
	return FeedPage{}, &bankmux.Error{
		Kind:   bankmux.ErrMalformed,
		Scope:  bankmux.ScopeCall,
		Detail: "the pages of a round do not end",
	}
}

// take merges a page, without what belongs to accounts that were not asked for.
func (r *feedReading) take(page *FeedPage) {
	wanted := func(account string) bool { return asked(r.req, account) }
	incomplete := r.rows.add(page, wanted)
	for _, f := range slices.Concat(page.Failed, incomplete) {
		switch {
		case !wanted(f.Account):
			continue
		case f.Transaction == "":
			r.failed[f.Account] = true
		default:
			r.unread[f.Account] = true
		}
		r.delta.Failed = append(r.delta.Failed, f)
	}
}

// page reads one page, unless it was read already with the user's answers.
func (r *feedReading) page(ctx context.Context, cursor string) (FeedPage, error) {
	if r.answered.Page != nil && *r.answered.Page == cursor {
		page := r.answered.page
		r.answered = feedStep{}
		return page, nil
	}
	page, err := r.feed.Page(ctx, FeedRequest{Cursor: cursor, Size: r.feed.size(r.req.PageSize), Answers: r.answers()})
	if e, ok := errors.AsType[*bankmux.Error](err); ok && r.req.Cursor != "" && r.feed.Lost != nil && r.feed.Lost(e) {
		refused := *e
		refused.Kind, refused.Field = bankmux.ErrInvalid, "SyncRequest.Cursor"
		refused.Detail = "is not known to the provider any more: begin again without one; with Known nothing is doubled"
		err = &refused
	}
	return page, keep(err, feedStep{Page: &cursor})
}

// accounts returns the ids of the accounts that are synced.
func (r *feedReading) accounts(ctx context.Context) ([]string, error) {
	if r.ids != nil {
		return r.present(r.ids), nil
	}
	ids, failed, err := r.answered.ids, r.answered.failed, error(nil)
	if !r.answered.Accounts {
		ids, failed, err = r.feed.Accounts(ctx, r.answers())
	}
	if err != nil {
		return nil, keep(err, feedStep{Accounts: true})
	}
	r.delta.Failed = append(r.delta.Failed, failed...)
	for _, f := range failed {
		r.failed[f.Account] = r.failed[f.Account] || (f.Account != "" && f.Transaction == "")
	}
	r.ids = append([]string{}, ids...)
	return r.present(r.ids), Names(r.req, r.ids)
}

// present returns the accounts that did not fail: nothing of the others is known to be absent.
func (r *feedReading) present(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return r.failed[id] })
}

// stored reads one page of the list of stored rows.
func (r *feedReading) stored(ctx context.Context, req StoredRequest) (StoredPage, error) {
	if at := r.answered.Stored; at != nil && at.From == req.From && at.To == req.To && at.Page == req.Page {
		page := r.answered.stored
		r.answered = feedStep{}
		return page, nil
	}
	req.Answers = r.answers()
	page, err := r.feed.Stored(ctx, req)
	return page, keep(err, feedStep{Stored: &req})
}

// feedStep is the call that a challenge interrupted, and in the sync that goes on what it returned.
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
func (r *feedReading) resume(ctx context.Context) (err error) {
	var at feedStep
	if r.req.Answers == nil || !resumed(&r.req.Answers, &at) {
		return nil // without a step, the answers belong to the first call
	}
	switch {
	case at.Page != nil:
		at.page, err = r.page(ctx, *at.Page)
	case at.Accounts:
		at.ids, at.failed, err = r.feed.Accounts(ctx, r.answers())
		err = keep(err, at)
	case at.Stored != nil && r.feed.Stored != nil:
		at.stored, err = r.stored(ctx, *at.Stored)
	}
	r.answered = at
	return err
}

// answers returns the user's answers once.
func (r *feedReading) answers() *bankmux.Answers {
	a := r.req.Answers
	r.req.Answers = nil
	return a
}
