package reconcile

// This file has TransactionPage, which lists the rows of one account page by page.

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
)

// TransactionPage reads up to a month of one account or card, the newest first. It may be repeated
// with the same page.
//
// Each row is on exactly one page, even if the bank selects rows by one day and shows another in
// them. Usually it is the page of the day that the row shows. If the bank accepts only few days per
// call, or the two days are far apart, it is the page whose call had the row.
//
// Errors:
//
//   - [bankmux.ErrInvalid] if the request does not name exactly one account or card.
//   - [bankmux.ErrInvalid] if the bank does not serve the days and
//     [bankmux.TransactionsRequest.Beyond] is [bankmux.RangeRefuse].
//   - [bankmux.ErrInvalid] if Page is not the Next of an earlier page, or if Days lacks Read.
//   - Errors of the functions are returned as they are. A challenge records which call it
//     interrupted.
func (d Days) TransactionPage(ctx context.Context, req bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
	if d.Read == nil {
		return bankmux.TransactionPage{}, invalid("Days", "lacks Read")
	}
	if len(req.Accounts)+len(req.Cards) != 1 {
		return bankmux.TransactionPage{}, invalid("TransactionsRequest", "does not name exactly one account or card")
	}
	list := &daysList{
		days:    &d,
		req:     &req,
		account: slices.Concat(req.Accounts, req.Cards)[0],
		card:    len(req.Cards) == 1,
	}
	if w, going := interruptedWindow(&req.Answers); going { // nothing may be sent before the answer
		page, err := list.read(ctx, &w)
		if !d.refused(err) {
			return page, err
		}
		req.Answers = nil
	}
	days, at, err := d.remaining(ctx, &req)
	if err != nil || at.to.Before(days.firstAsked(at.Split)) {
		return bankmux.TransactionPage{}, err // no day is left: nothing is covered
	}
	return list.page(ctx, days, at)
}

// page asks for fewer days until the bank accepts a call.
func (l *daysList) page(ctx context.Context, days *windows, at pagePosition) (bankmux.TransactionPage, error) {
	var refused error
	for asked := false; ; {
		w := l.window(days, at)
		if w.Last.Before(w.First) { // only the day that is left out is wanted
			if days.shrink(w.window) {
				continue
			}
			return l.refusedPage(days, at, refused)
		}
		page, err := l.read(ctx, &w)
		l.req.Answers, refused = nil, err
		if !l.days.refused(err) {
			return page, err
		}
		if !asked { // the bank may serve fewer days than it said an hour ago
			asked = true
			before := days.earliest
			n, unread := l.days.serves(ctx, true)
			if unread == nil {
				unread = days.limitTo(n, l.req)
			}
			if unread != nil {
				return bankmux.TransactionPage{}, unread
			}
			if days.earliest.After(before) && !at.to.Before(days.firstAsked(at.Split)) {
				continue
			}
		}
		if !days.shrink(w.window) {
			return l.refusedPage(days, at, err)
		}
	}
}

// remaining returns what is left to read of the days asked for and served, and where to continue.
func (d *Days) remaining(ctx context.Context, req *bankmux.TransactionsRequest) (*windows, pagePosition, error) {
	today := d.today()
	from, to := req.Days(today)
	w, at := &windows{first: from, last: today, size: windowDays}, pagePosition{to: to, size: windowDays}
	if req.Page != "" {
		var err error
		if at, err = parsePage(req.Page); err != nil {
			return nil, at, err
		}
		w.size = at.size
	}
	days, err := d.serves(ctx, false)
	if err != nil {
		return nil, at, err
	}
	return w, at, w.limitTo(days, req)
}

// daysList reads one page of a list.
type daysList struct {
	days    *Days
	req     *bankmux.TransactionsRequest
	account string // by the provider's id
	card    bool
}

// window returns the call of the page.
func (l *daysList) window(days *windows, at pagePosition) pageWindow {
	_, last := l.req.Limits(days.last)
	w := pageWindow{
		Found:  at.findings,
		Size:   days.size,
		Newest: l.req.Page == "",
		Begin:  days.first,
		End:    last,
		Low:    days.firstAsked(true),
	}
	if !at.Split && days.size == windowDays {
		w.window = days.next(at.to)
		if w.Newest && !w.Last.Before(w.First) {
			w.Last = later(w.Last, last) // a value date may lie in the future
		}
		w.Upto = earlier(w.Last, w.To)
		return w
	}
	to, served := at.to, days.last
	if days.withoutLast {
		served = served.AddDays(-1)
	}
	w.Found.Split, w.Upto = true, at.to
	switch {
	case at.Split:
		w.Upto = at.to.AddDays(maxSlack)
	case w.Newest:
		to = to.AddDays(maxSlack)
	default:
		to, w.Found.Until = to.AddDays(maxSlack), at.to
	}
	to = earlier(to, served)
	w.Upto = earlier(earlier(w.Upto, served), w.End)
	w.window = window{From: later(w.Low, to.AddDays(1-days.size)), To: to, First: w.Begin, Last: w.End}
	if !w.Found.Floor.IsZero() {
		w.From = later(w.From, w.Found.Floor)
		w.First = later(w.First, w.Found.After.AddDays(1))
	}
	if !w.Found.Until.IsZero() {
		w.Last, w.Upto = earlier(w.Last, w.Found.Until), earlier(w.Upto, w.Found.Until)
	}
	if w.Found.Ignores { // each call has all rows
		w.First = later(w.First, w.From)
		if !w.Newest {
			w.Last = earlier(w.Last, to)
		}
	}
	return w
}

// read makes the call of a window and returns its page.
func (l *daysList) read(ctx context.Context, w *pageWindow) (bankmux.TransactionPage, error) {
	response, err := l.days.Read(
		ctx,
		DaysRequest{Account: l.account, Card: l.card, From: w.From, To: w.To, Answers: l.req.Answers},
	)
	if err != nil {
		return bankmux.TransactionPage{}, withStep(err, *w)
	}
	got := pageRows{w: w, rows: response.Rows}
	for i := range got.rows {
		got.add(&got.rows[i])
	}
	for i := range response.Unreadable {
		u := &response.Unreadable[i]
		got.add(&u.Row)
		got.failed = append(got.failed, failedRow{u.Row.Date, unreadableDigest(u), u.Failure})
	}
	page := got.page()
	page.AsOf = response.AsOf
	for i := range page.Covered {
		page.Covered[i].Account, page.Covered[i].Card = l.account, l.card
	}
	if w.Newest && w.To.Before(w.Begin) { // the bank refuses all days that are wanted
		page.Gaps = []bankmux.Covered{{Account: l.account, Card: l.card, From: w.Begin, To: w.End}}
	}
	return page, nil
}

// refusedPage returns the page of days that the bank refuses even one by one. If it refuses its
// newest days, the call fails.
func (l *daysList) refusedPage(days *windows, at pagePosition, refused error) (bankmux.TransactionPage, error) {
	all := l.req.Page == "" && !at.to.Before(days.last)
	if all || (refusesGaps(l.req) && !at.to.Before(days.first)) {
		return bankmux.TransactionPage{}, refused
	}
	var page bankmux.TransactionPage
	span := func(from, to bankmux.Date) []bankmux.Covered {
		if to.Before(from) {
			return nil
		}
		return []bankmux.Covered{{
			Account: l.account, Card: l.card, From: from, To: to,
		}}
	}
	page.Gaps = span(days.first, at.to)
	if at.Split && !at.Drifted { // its margin was refused
		_, last := l.req.Limits(days.last)
		to := earlier(earlier(at.to.AddDays(maxSlack), last), days.last)
		if !at.Until.IsZero() {
			to = earlier(to, at.Until)
		}
		page.Covered = span(later(days.first, at.to.AddDays(1)), to)
	}
	return page, nil
}
