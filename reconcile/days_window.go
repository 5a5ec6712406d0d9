package reconcile

import (
	"strconv"

	"github.com/bankmux/bankmux"
)

// windowDays is how many days one call is for: Dapi has no pages, and a bank may be slow.
const windowDays = 31

// slackOf is how far apart the day of selection and the day that is written are taken to be in a
// reading of so many days. No source says whether a bank selects by the day that it writes: some
// select by the day of booking and write a day of value.
func slackOf(size int) int { return size / 3 }

// maxSlack is how far apart the day of selection and the day that is written are taken to be at
// most.
const maxSlack = windowDays / 3

// maxRefused bounds the calls that a bank refuses for their days: each size is tried with and
// without the last day.
const maxRefused = 16

// window is what one call asks for, and which of the rows it is for. A challenge keeps it, so that
// the answer goes to the very call that was interrupted. Another call in between would end the
// user's session at the bank.
type window struct {
	From  bankmux.Date `json:"from"` // asked for
	To    bankmux.Date `json:"to"`
	First bankmux.Date `json:"first"` // rows of these days are taken
	Last  bankmux.Date `json:"last"`
}

// owns reports whether a row of the day is one of the window's own.
func (w *window) owns(day bankmux.Date) bool { return !day.Before(w.First) && !day.After(w.Last) }

// asked reports whether the day was asked for.
func (w *window) asked(day bankmux.Date) bool { return !day.Before(w.From) && !day.After(w.To) }

// covers reports whether a call that was made asked for all days of another.
func (w *window) covers(other *window) bool {
	return w.From.IsValid() && !other.From.Before(w.From) && !other.To.After(w.To)
}

// windows cuts the days of one account into calls that the bank takes, the newest first. A bank
// that refuses days is asked for fewer: without the last day, which may be tomorrow there, then for
// half.
type windows struct {
	first       bankmux.Date // of the days wanted
	earliest    bankmux.Date // the bank is asked for no day before it; zero means no limit
	last        bankmux.Date // and for none after it
	size        int          // days of one call's own
	refused     int
	withoutLast bool // the last day is left out, to find out whether it is what the bank refuses
	settled     bool // the bank took a call with its last day, or without
}

// next is what to ask for, given the last day that is still to be read.
func (w *windows) next(to bankmux.Date) window {
	last := w.last
	if w.withoutLast {
		last = last.AddDays(-1)
	}
	to = earlier(to, last)
	first := later(w.firstAsked(w.size < windowDays), to.AddDays(1-w.size))
	return window{
		From: later(w.earliest, first.AddDays(-w.margin())), To: earlier(last, to.AddDays(w.margin())),
		First: first, Last: to,
	}
}

// margin is how many days more a call asks for on either side. A bank that takes few days a call is
// asked for each day once instead, so that each row is in the answer of one call.
func (w *windows) margin() int {
	if w.size < windowDays {
		return 0
	}
	return maxSlack
}

// accept notes that the bank took a call.
func (w *windows) accept() { w.settled = true }

// shrink notes that the bank refused the days of a call. It reports false if there are no fewer to
// ask for.
func (w *windows) shrink(call window) bool {
	if w.refused++; w.refused > maxRefused {
		return false
	}
	if !w.settled {
		if !w.withoutLast && call.To == w.last {
			w.withoutLast = true
			return true
		}
		w.withoutLast = false
	}
	if w.size == 1 {
		return false
	}
	w.size /= 2
	return true
}

// limitTo limits the reading to the days that the bank serves, or says that they are not all that was
// asked for.
func (w *windows) limitTo(days int, req *bankmux.TransactionsRequest) error {
	if days == 0 {
		return nil
	}
	w.earliest = w.last.AddDays(1 - days)
	if !w.first.Before(w.earliest) {
		return nil
	}
	if refusesGaps(req) {
		return &bankmux.Error{
			Kind:    bankmux.ErrInvalid,
			Field:   "TransactionsRequest.From",
			NotSent: true,
			Detail: "is before the " + dayCount(days) +
				" the bank serves; ask for later days or set Beyond to RangeClamp",
		}
	}
	w.first = w.earliest
	return nil
}

// refusesGaps reports whether the caller wants an error rather than an answer without some days.
func refusesGaps(req *bankmux.TransactionsRequest) bool {
	return !req.From.IsZero() && req.Beyond == bankmux.RangeRefuse
}

// dayCount is a number of days in words.
func dayCount(n int) string {
	if n == 1 {
		return "one day"
	}
	return strconv.Itoa(n) + " days"
}
