package dapi

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/reconcile"
)

// standardDays is what is asked for where a bank does not say how far back it goes.
const standardDays = 90

// syncReading reads the days of one account for a sync: each row once, whatever days the bank
// selects by.
type syncReading struct {
	adapter *adapter
	req     *bankmux.SyncRequest
	account string
	body    dataBody
	cursor  *reconcile.Cursor
	delta   *bankmux.Delta

	windows
	serves   int          // days back from today that the bank says it serves
	promised bankmux.Date // the first day that the bank says it serves
	whole    bool         // all days are read, not only the last weeks
	renewed  bool         // the bank's range was asked again
	to       bankmux.Date // the last day that was read
	from     bankmux.Date // the first day that was asked for and served
	denied   bankmux.Date // the last day that the bank refuses although it promises it; zero for none
	begins   bankmux.Date // the first day that a row says; zero if there is no row
	drifted  bool         // the bank is known to select by another day than it writes

	answered window // the call that the user's answer belongs to, with its rows
	page     []bankmux.Transaction
	rows     []bankmux.Transaction
	calls    calls
	unread   []bankmux.Transaction // rows that cannot be read, as far as they can
	failures map[string]int        // unreadable rows that were told, by what they say
}

// plan says which days are read: the last weeks, or all that the bank serves.
func (r *syncReading) plan(mark *reconcile.Mark, days int) {
	if days == 0 {
		days = standardDays
	}
	until := r.cursor.Until
	r.last, r.serves = until, days
	r.promised = r.promise(days)
	r.drifted = slices.ContainsFunc(r.cursor.Marks, func(m reconcile.Mark) bool { return m.Drifted })
	r.windows = windows{first: r.promised, earliest: r.promised, last: until, size: windowDays}
	r.whole = true
	if mark.Day.IsZero() {
		return
	}
	again := mark.Day.AddDays(-overlap)
	// A mark in the future is of a clock that was ahead: all is read again.
	if age := until.DaysSince(mark.Whole); again.After(r.promised) && age >= 0 && age < wholeEvery {
		r.whole = false
		if mark.Served > 0 { // the bank refused earlier days in the last reading of all
			r.earliest = later(r.earliest, until.AddDays(1-mark.Served))
		}
		r.first = later(again, r.earliest)
	}
}

// promise is the first day of those that the bank says it serves, counted from its own today: a
// round that reads up to a day may go on after the midnight at that bank.
func (r *syncReading) promise(days int) bankmux.Date {
	today := later(r.last, r.adapter.today(r.req.Connection))
	return earlier(r.last, today.AddDays(1-days))
}

// narrow leaves out days that the bank does not promise any more. It reports false if there are
// none.
func (r *syncReading) narrow(days int) bool {
	if days == 0 {
		return false
	}
	now := r.promise(days)
	if !now.After(r.promised) {
		return false
	}
	r.serves, r.promised, r.earliest, r.first = days, now, later(r.earliest, now), later(r.first, now)
	return true
}

// all reads the days, the newest first.
func (r *syncReading) all(ctx context.Context) error {
	unread := true
	for to := r.last; !to.Before(r.low(r.size < windowDays)); {
		w := r.next(to)
		err := r.window(ctx, w)
		switch {
		case err == nil:
			r.took()
			if unread {
				r.to, unread = w.Last, false
			}
			r.from = w.From
			to = w.First.AddDays(-1)
		case !refusedDays(err):
			return err
		default:
			more, failed := r.refusal(ctx, w)
			switch {
			case failed != nil:
				return failed
			case more:
			case unread:
				return err
			case to.Before(r.first): // of the margin
				to = r.earliest.AddDays(-1)
			default:
				r.denied, r.first = to, to.AddDays(1)
			}
		}
	}
	rest, unasked := r.calls.rest(r.rows)
	r.rows = append(r.rows, rest...)
	r.delta.Outside -= unasked // they were not dropped after all
	return nil
}

// refusal decides how to go on after the bank refused the days of a call. It reports false if there
// is nothing left to ask for.
func (r *syncReading) refusal(ctx context.Context, w window) (bool, error) {
	if r.narrow(r.serves) { // midnight has passed at the bank
		return true, nil
	}
	if !r.renewed { // the bank may serve fewer days than it said an hour ago
		r.renewed = true
		days, err := r.adapter.daysAfterRefusal(ctx, r.req.Connection)
		if err != nil {
			return false, err
		}
		if r.narrow(days) {
			return true, nil
		}
	}
	return r.fewer(w), nil
}

// window reads one window, unless the user's answer has just brought its rows, and takes its own
// rows.
func (r *syncReading) window(ctx context.Context, w window) error {
	if r.answered.covers(&w) { // it may have asked for a day that the bank has left since
		w.From, w.To = r.answered.From, r.answered.To
	} else if err := r.read(ctx, w, nil); err != nil {
		return err
	}
	r.answered = window{}
	newest := w.Last == r.last || (r.without && w.Last == r.last.AddDays(-1))
	r.note(&w)
	r.calls.begin(&w, r.page)
	for i := range r.page {
		row := &r.page[i]
		day := row.Date
		if day.Before(r.first) {
			if !w.asked(day) {
				r.delta.Outside++
			}
			continue
		}
		if w.has(day) || (newest && day.After(w.Last)) {
			r.rows = append(r.rows, *row)
			continue
		}
		if !w.asked(day) {
			r.delta.Outside++
		}
		r.calls.stray(row, w.asked(day))
	}
	return nil
}

// note keeps the first day that a row says, and whether rows say days that were not asked for. A
// bank that ignores the days of a call says nothing about how it selects.
func (r *syncReading) note(w *window) {
	near, ignores := false, false
	for i := range r.page {
		day := r.page[i].Date
		if !day.Before(w.From) && (r.begins.IsZero() || day.Before(r.begins)) {
			r.begins = day
		}
		if w.asked(day) {
			continue
		}
		away := max(w.From.DaysSince(day), day.DaysSince(w.To))
		near, ignores = near || away <= maxSlack, ignores || away > windowDays
	}
	r.drifted = r.drifted || (near && !ignores)
}

// read makes the call of a window.
func (r *syncReading) read(ctx context.Context, w window, answers *bankmux.Answers) error {
	r.page = nil
	body := r.body
	body.FromDate, body.ToDate = w.From.String(), w.To.String()
	here := map[string]int{}
	err := r.adapter.api.transactions(ctx, plainPath, r.req.Connection, answers, body, func(i, _ int, t *transaction) {
		row := bankmux.Transaction{Account: r.account}
		if fault := t.fill(&row); fault != nil {
			content := contentOf(&row) + "\x00" + fault.Detail
			if here[content]++; here[content] <= r.failures[content] {
				return // two windows have it
			}
			if r.failures == nil {
				r.failures = map[string]int{}
			}
			r.failures[content]++
			r.unread = append(r.unread, row)
			r.delta.Failed = append(r.delta.Failed, bankmux.Failure{Account: r.account, Transaction: wire.RowName("", i+1), Err: fault})
			return
		}
		r.page = append(r.page, row)
	})
	if err != nil {
		r.answered = window{}
	}
	return interrupted(err, syncState{Cursor: r.cursor.String(), Window: w})
}

// proved is the first day of which all rows were read. Those of the days before it may be among
// rows that the bank selects by an earlier day, which it was not asked for.
//
// A row that is further off than maxSlack was selected by a day that is further away still.
func (r *syncReading) proved() bankmux.Date {
	if r.calls.far > maxSlack && !r.calls.ignores {
		return later(r.first, r.from.AddDays(maxSlack+r.calls.far))
	}
	return later(r.first, r.from.AddDays(r.slack()))
}

// slack is how far the day of selection and the one that is written may be apart in this reading.
func (r *syncReading) slack() int { return min(maxSlack, slackOf(r.to.DaysSince(r.first)+1)) }

// conclusive is the first day of which an absent row is gone, zero where the first row says it. A
// bank may serve fewer days than it says; the first row shows where they begin at the latest. Where
// rows are selected by an earlier day than is written, they leave in another order than that of
// their days.
func (r *syncReading) conclusive() bankmux.Date {
	if !r.drifted || r.begins.IsZero() {
		return bankmux.Date{}
	}
	return r.begins.AddDays(r.slack())
}

// gaps tells of days that no reading has, and remembers how many the bank served.
func (r *syncReading) gaps(mark *reconcile.Mark) {
	gap := func(from, to bankmux.Date) {
		if !to.Before(from) {
			r.delta.Gaps = append(r.delta.Gaps, bankmux.Covered{Account: r.account, From: from, To: to})
		}
	}
	if !mark.Day.IsZero() {
		gap(mark.Day.AddDays(1), r.promised.AddDays(-1))
	}
	switch {
	case !r.denied.IsZero() && mark.Day.IsZero():
		gap(r.promised, r.denied)
	case !r.denied.IsZero():
		gap(later(r.promised, mark.Day.AddDays(1)), r.denied)
	}
	mark.Drifted = r.drifted
	if r.whole {
		mark.Whole, mark.Served = r.cursor.Until, 0
	}
	if !r.denied.IsZero() {
		mark.Served = r.cursor.Until.DaysSince(r.denied)
	}
}
