package reconcile

// This file reads the days of one account for a sync.

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
)

// standardDays is how many days are asked for if a bank does not say how many it serves.
const standardDays = 90

// daysSync reads the days of one account for a sync. It has each row once, by whatever day the bank
// selects.
type daysSync struct {
	days    *Days
	req     *bankmux.SyncRequest
	account string // by the provider's id
	card    bool
	cursor  *Cursor
	delta   *bankmux.Delta

	windows
	serves     int          // days back from today that the bank says it serves
	promised   bankmux.Date // the first day that the bank says it serves
	whole      bool         // all days are read, not only the last weeks
	askedAgain bool         // the bank's range was asked for again
	to         bankmux.Date // the last day that was read
	from       bankmux.Date // the first day that was asked for and served
	// the last day that the bank lists but refuses; zero if none
	refusedTo bankmux.Date
	firstRow  bankmux.Date // the first day of a row; zero if there is no row
	drifted   bool         // the bank is known to select by another day than it writes

	answered     window                // the call that the user's answers were sent to, until its rows are taken
	answeredRows []bankmux.Transaction // the rows of answered
	page         []bankmux.Transaction // the rows of the last call
	rows         []bankmux.Transaction // the rows that are kept
	calls        calls
	unreadable   []bankmux.Transaction // rows that cannot be read, with the parts that can
	failures     map[string]int        // number of unreadable rows that were reported, by content
}

// sync reads one account and compares. An interrupted window is read first.
func (r *daysSync) sync(ctx context.Context, interruptedAt window) error {
	req, cursor := r.req, r.cursor
	if req.Answers != nil && interruptedAt.From.IsValid() {
		switch err := r.call(ctx, interruptedAt); {
		case err == nil:
			r.answered, r.answeredRows = interruptedAt, r.page
		case !r.days.refused(err):
			return err
		}
	}
	days, err := r.days.serves(ctx, false)
	if err != nil {
		return err
	}
	mark := cursor.Mark(r.account)
	r.plan(&mark, days)
	if err := r.readAll(ctx); err != nil {
		return err
	}
	r.reportGaps(&mark)
	in := Reading{
		Provider:   r.days.Provider,
		Account:    req.AccountName(r.account),
		From:       r.provedFrom(),
		To:         r.to,
		Rows:       r.rows,
		Unreadable: r.unreadable,
		Complete:   true,
		ProvesFrom: r.conclusive(),
	}
	if !in.From.After(in.To) {
		r.delta.Covered = []bankmux.Covered{{Account: r.account, From: in.From, To: in.To}}
	}
	var known []Known
	if req.Known != nil {
		last := in.To
		for i := range in.Rows {
			last = later(last, in.Rows[i].Date) // a value date may lie in the future
		}
		if !in.To.Before(cursor.Until) {
			// The bank served the newest days, and with them rows of future days.
			last = later(last, in.To.AddDays(aheadDays))
			in.Ahead = last
		}
		known, err = KnownRows(ctx, req, AccountDays{in.Account, r.first, last}, nil)
		if err != nil {
			return err
		}
	}
	res := Compare(known, in)
	res.AddTo(r.delta, in.Account)
	if res.Suspect {
		// An empty response where rows are known is not a reading: the next sync reads the same
		// days.
		return nil
	}
	mark.Day = in.To
	cursor.Set(mark)
	return nil
}

// plan decides which days are read: the last weeks, or all that the bank serves.
func (r *daysSync) plan(mark *Mark, days int) {
	if days == 0 {
		days = standardDays
	}
	until := r.cursor.Until
	r.last, r.serves = until, days
	r.promised = r.promisedFrom(days)
	r.drifted = slices.ContainsFunc(r.cursor.Marks, func(m Mark) bool { return m.Drifted })
	r.windows = windows{first: r.promised, earliest: r.promised, last: until, size: windowDays}
	r.whole = true
	if mark.Day.IsZero() {
		return
	}
	again := mark.Day.AddDays(-rereadDays)
	// A mark in the future is from a clock that was ahead, so everything is read again.
	if age := until.DaysSince(mark.Whole); again.After(r.promised) && age >= 0 && age < rereadAllEvery {
		r.whole = false
		if mark.Served > 0 { // the bank refused earlier days in the last reading of all
			r.earliest = later(r.earliest, until.AddDays(1-mark.Served))
		}
		r.first = later(again, r.earliest)
	}
}

// promisedFrom returns the first day that the bank says it serves, counted from its own today. A
// round that reads up to a day may continue after midnight at that bank.
func (r *daysSync) promisedFrom(days int) bankmux.Date {
	today := later(r.last, r.days.today())
	return earlier(r.last, today.AddDays(1-days))
}

// narrowTo leaves out days that the bank does not promise any more. It reports false if there are
// none.
func (r *daysSync) narrowTo(days int) bool {
	if days == 0 {
		return false
	}
	now := r.promisedFrom(days)
	if !now.After(r.promised) {
		return false
	}
	r.serves, r.promised, r.earliest, r.first = days, now, later(r.earliest, now), later(r.first, now)
	return true
}

// readAll reads the days, the newest first.
func (r *daysSync) readAll(ctx context.Context) error {
	unread := true
	for to := r.last; !to.Before(r.firstAsked(r.size < windowDays)); {
		w := r.next(to)
		err := r.readWindow(ctx, w)
		switch {
		case err == nil:
			r.accept()
			if unread {
				r.to, unread = w.Last, false
			}
			r.from = w.From
			to = w.First.AddDays(-1)
		case !r.days.refused(err):
			return err
		default:
			more, failed := r.afterRefusal(ctx, w)
			switch {
			case failed != nil:
				return failed
			case more:
			case unread:
				return err
			case to.Before(r.first): // only days of the margin are left
				to = r.earliest.AddDays(-1)
			default:
				r.refusedTo, r.first = to, to.AddDays(1)
			}
		}
	}
	rest, unasked := r.calls.unclaimed(r.rows)
	r.rows = append(r.rows, rest...)
	r.delta.Outside -= unasked // they are kept now, so they do not count as dropped
	return nil
}

// afterRefusal decides how to continue after the bank refused the days of a call. It reports false
// if there is nothing left to ask for.
func (r *daysSync) afterRefusal(ctx context.Context, w window) (bool, error) {
	if r.narrowTo(r.serves) { // midnight has passed at the bank
		return true, nil
	}
	if !r.askedAgain { // the bank may serve fewer days than it said an hour ago
		r.askedAgain = true
		days, err := r.days.serves(ctx, true)
		if err != nil {
			return false, err
		}
		if r.narrowTo(days) {
			return true, nil
		}
	}
	return r.shrink(w), nil
}

// readWindow reads one window and takes the rows that it owns. It makes no call if the user's
// answers have already brought the rows.
func (r *daysSync) readWindow(ctx context.Context, w window) error {
	if r.answered.covers(&w) { // it may have asked for a day that the bank no longer serves
		w.From, w.To, r.page = r.answered.From, r.answered.To, r.answeredRows
		r.answered, r.answeredRows = window{}, nil
	} else if err := r.call(ctx, w); err != nil {
		return err
	}
	newest := w.Last == r.last || (r.withoutLast && w.Last == r.last.AddDays(-1))
	r.noteDays(&w)
	r.calls.add(&w, r.page)
	for i := range r.page {
		row := &r.page[i]
		day := row.Date
		if day.Before(r.first) {
			if !w.asked(day) {
				r.delta.Outside++
			}
			continue
		}
		if w.owns(day) || (newest && day.After(w.Last)) {
			r.rows = append(r.rows, *row)
			continue
		}
		if !w.asked(day) {
			r.delta.Outside++
		}
		r.calls.addMisplaced(row, w.asked(day))
	}
	return nil
}

// noteDays keeps the first day of a row, and whether rows have days that were not asked for. A bank
// that ignores the days of a call shows nothing about how it selects.
func (r *daysSync) noteDays(w *window) {
	near, ignores := false, false
	for i := range r.page {
		day := r.page[i].Date
		if !day.Before(w.From) && (r.firstRow.IsZero() || day.Before(r.firstRow)) {
			r.firstRow = day
		}
		if w.asked(day) {
			continue
		}
		away := max(w.From.DaysSince(day), day.DaysSince(w.To))
		near, ignores = near || away <= maxSlack, ignores || away > windowDays
	}
	r.drifted = r.drifted || (near && !ignores)
}

// call makes the call of a window. The user's answers are sent with the first call.
func (r *daysSync) call(ctx context.Context, w window) error {
	answers := r.req.Answers
	r.req.Answers = nil
	page, err := r.days.Read(
		ctx,
		DaysRequest{Account: r.account, Card: r.card, From: w.From, To: w.To, Answers: answers},
	)
	if err != nil {
		r.page = nil
		return withStep(err, daysStep{Cursor: r.cursor.String(), Window: w})
	}
	r.page = page.Rows
	here := map[string]int{}
	for i := range page.Unreadable {
		u := &page.Unreadable[i]
		content := contentOf(&u.Row)
		if u.Failure.Err != nil {
			content += "\x00" + u.Failure.Err.Detail
		}
		if here[content]++; here[content] <= r.failures[content] {
			continue // another window reported it
		}
		if r.failures == nil {
			r.failures = map[string]int{}
		}
		r.failures[content]++
		r.unreadable = append(r.unreadable, u.Row)
		r.delta.Failed = append(r.delta.Failed, u.Failure)
	}
	return nil
}

// provedFrom returns the first day of which all rows were read. Rows of earlier days may be
// selected by a day before those that were asked for.
//
// A row that is further off than maxSlack was selected by a day that is further off still.
func (r *daysSync) provedFrom() bankmux.Date {
	if r.calls.furthest > maxSlack && !r.calls.ignores {
		return later(r.first, r.from.AddDays(maxSlack+r.calls.furthest))
	}
	return later(r.first, r.from.AddDays(r.slack()))
}

// slack returns how far the day of selection and the written day may differ in this reading.
func (r *daysSync) slack() int { return min(maxSlack, slackOf(r.to.DaysSince(r.first)+1)) }

// conclusive returns the first day from which an absent row counts as absent, zero if the first row
// decides. A bank may serve fewer days than it says, and the first row shows where they start at
// the latest. If it selects by an earlier day than it writes, rows disappear in another order than
// that of their days.
func (r *daysSync) conclusive() bankmux.Date {
	if !r.drifted || r.firstRow.IsZero() {
		return bankmux.Date{}
	}
	return r.firstRow.AddDays(r.slack())
}

// reportGaps reports days that no reading has, and stores how many the bank served.
func (r *daysSync) reportGaps(mark *Mark) {
	gap := func(from, to bankmux.Date) {
		if !to.Before(from) {
			r.delta.Gaps = append(r.delta.Gaps, bankmux.Covered{Account: r.account, From: from, To: to})
		}
	}
	if !mark.Day.IsZero() {
		gap(mark.Day.AddDays(1), r.promised.AddDays(-1))
	}
	switch {
	case !r.refusedTo.IsZero() && mark.Day.IsZero():
		gap(r.promised, r.refusedTo)
	case !r.refusedTo.IsZero():
		gap(later(r.promised, mark.Day.AddDays(1)), r.refusedTo)
	}
	mark.Drifted = r.drifted
	if r.whole {
		mark.Whole, mark.Served = r.cursor.Until, 0
	}
	if !r.refusedTo.IsZero() {
		mark.Served = r.cursor.Until.DaysSince(r.refusedTo)
	}
}
