package reconcile

// This file cuts days into calls that the bank takes.

import (
	"strconv"

	"github.com/bankmux/bankmux"
)

// windowDays is how many days one call owns. Dapi has no pages, and a bank may be slow.
const windowDays = 31

// slackOf returns how far the day of selection and the written day may differ in a reading of some
// days. No source says whether a bank selects by the day that it writes. Some select by the booking
// date and write the value date.
func slackOf(size int) int { return size / 3 }

// maxSlack is the largest difference between the day of selection and the written day.
const maxSlack = windowDays / 3

// maxRefused limits the calls that a bank refuses for their days. Each size is tried with and
// without the last day.
const maxRefused = 16

// window is what one call asks for, and which rows it owns. A challenge keeps it, so that the
// answers are sent to exactly the interrupted call. Another call in between would end the user's
// session at the bank.
type window struct {
	From  bankmux.Date `json:"from"` // the days asked for
	To    bankmux.Date `json:"to"`
	First bankmux.Date `json:"first"` // the days whose rows it owns
	Last  bankmux.Date `json:"last"`
}

// owns reports whether the window owns the rows of a day.
func (w *window) owns(day bankmux.Date) bool { return !day.Before(w.First) && !day.After(w.Last) }

// asked reports whether a day was asked for.
func (w *window) asked(day bankmux.Date) bool { return !day.Before(w.From) && !day.After(w.To) }

// covers reports whether a call that was made asked for all days of another.
func (w *window) covers(other *window) bool {
	return w.From.IsValid() && !other.From.Before(w.From) && !other.To.After(w.To)
}

// windows cuts the days of one account into calls that the bank accepts, the newest first. If the
// bank refuses days, the last day is left out first, since it may be tomorrow there. Then the
// number of days is halved.
type windows struct {
	first       bankmux.Date // of the days wanted
	earliest    bankmux.Date // no earlier day is asked for; zero means no limit
	last        bankmux.Date // no later day is asked for
	size        int          // days that one call owns
	refused     int
	withoutLast bool // the last day is left out, to find out whether the bank refuses because of it
	settled     bool // the bank accepted a call with or without its last day
}

// next returns the next call, given the last day that is still to be read.
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

// margin returns how many days more a call asks for on either side. A bank that takes few days per
// call is asked for each day once instead. Each row is then in the response of one call.
func (w *windows) margin() int {
	if w.size < windowDays {
		return 0
	}
	return maxSlack
}

// accept notes that the bank accepted a call.
func (w *windows) accept() { w.settled = true }

// shrink notes that the bank refused the days of a call. It reports false if there are no fewer
// days to ask for.
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

// limitTo limits the reading to the days that the bank serves. It returns an error if the caller
// wants all days that were asked for.
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

// refusesGaps reports whether the caller wants an error rather than a response without some days.
func refusesGaps(req *bankmux.TransactionsRequest) bool {
	return !req.From.IsZero() && req.Beyond == bankmux.RangeRefuse
}

// dayCount returns a number of days in words.
func dayCount(n int) string {
	if n == 1 {
		return "one day"
	}
	return strconv.Itoa(n) + " days"
}
