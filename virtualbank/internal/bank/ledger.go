package bank

// This file makes the transactions of accounts, day by day.

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Day is a day of the calendar, counted from 1970-01-01.
type Day int

// DayOf returns the UTC day of a time.
func DayOf(t time.Time) Day {
	const seconds = 24 * 60 * 60
	u := t.UTC().Unix()
	d := u / seconds
	if u%seconds < 0 {
		d--
	}
	return Day(d)
}

// Time returns the start of the day in UTC.
func (d Day) Time() time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }

// String returns the day as 2026-11-20.
func (d Day) String() string { return d.Time().Format(time.DateOnly) }

// ParseDay parses a day such as 2026-11-20.
func ParseDay(s string) (Day, bool) {
	t, err := time.Parse(time.DateOnly, s)
	return DayOf(t), err == nil
}

// defaultHistory is how many days before the bank's start the ledger starts by default.
const defaultHistory = 730

// LedgerStart returns the first day of the ledger.
func (b *Bank) LedgerStart() Day {
	return DayOf(b.clock.start) - Day(cmp.Or(b.historyDays, defaultHistory))
}

// Event is something that happened in an account. A card purchase is held first and posted later,
// sometimes with another amount. A late event appears days after its date.
type Event struct {
	ID      string
	Started Day
	Posted  Day   // equals Started if nothing is held
	Appears Day   // since when the customer sees it
	hold    int64 // minor units; money into the account is positive
	amount  int64
	Text    string
	Raw     string
	Ref     string
	Spec    *Scripted
	changes []*Scripted // later versions of Spec

	// For imported events.
	Original *string // the application's id
	NoText   bool    // the event has no description
	Moment   *string // the timestamp with its offset, nil for a bare day

	// For staged events.
	since   time.Time // since when the event exists; zero means that only Appears counts
	until   time.Time // until when the event exists; zero means without end
	edit    time.Time // since when the amount is edited
	edited  int64
	KeepsID bool // the row has the same id when pending and when posted

	Unmatched bool // the posted row does not name the pending one
}

// Row is an event as it appears at some time.
type Row struct {
	Event   *Event
	Date    Day
	Pending bool
	Amount  int64
	Spec    *Scripted
}

// Written returns the day that Dapi writes for a row. If value dates are staged, it is three or six
// days after the day that requests select by.
func (bk *Book) Written(r Row) Day {
	e, since := r.Event, bk.valueSince
	seen := e.since.After(since) || (e.since.IsZero() && e.Appears > DayOf(since))
	if since.IsZero() || r.Spec != nil || !seen {
		return r.Date
	}
	return r.Date + 3 + 3*Day(bk.Bank.mix(e.ID, "value day")%2)
}

// Rows returns the rows of an account at a time, the newest first. days limits the rows to that
// many days; 0 means all.
func (bk *Book) Rows(a *Account, at time.Time, days int) []Row {
	today := DayOf(at)
	bk.grow(a, today)
	var list []Row
	for i := range a.Events {
		e := &a.Events[i]
		if e.Appears > today || (e.Spec != nil && e.Spec.At.After(at)) || e.since.After(at) ||
			(!e.until.IsZero() && !e.until.After(at)) {
			continue
		}
		r := Row{Event: e, Date: e.Posted, Amount: e.amount, Spec: e.Spec}
		if !e.edit.IsZero() && !e.edit.After(at) {
			r.Amount = e.edited
		}
		for _, c := range e.changes {
			if !c.At.After(at) {
				r.Spec = c
			}
		}
		if e.Posted > today || (r.Spec != nil && r.Spec.Pending) {
			r.Pending, r.Date, r.Amount = true, e.Started, e.hold
		}
		if days > 0 && r.Date <= today-Day(days) {
			continue
		}
		list = append(list, r)
	}
	newestFirst(list)
	return list
}

// newestFirst sorts rows by day, and keeps the order within a day. Events are nearly in the order
// of their days, so sorting that way and reversing moves few rows.
func newestFirst(list []Row) {
	slices.SortStableFunc(list, func(x, y Row) int { return cmp.Compare(x.Date, y.Date) })
	slices.Reverse(list)
	for i := 0; i < len(list); {
		end := i + 1
		for end < len(list) && list[end].Date == list[i].Date {
			end++
		}
		slices.Reverse(list[i:end])
		i = end
	}
}

// grow adds the events of all days until today.
func (bk *Book) grow(a *Account, today Day) {
	first := bk.Bank.LedgerStart()
	if a.until == 0 {
		a.until = first - 1
	}
	for d := a.until + 1; d <= today; d++ {
		a.until = d
		if a.Kind.Quiet {
			continue
		}
		bk.happen(a, d, bk.Bank.draw(bk.Institution.Name, bk.Username, a.Key, strconv.Itoa(int(d))))
	}
}

// happen adds the events that start on a day.
func (bk *Book) happen(a *Account, d Day, r *rand.Rand) {
	h := happening{bk: bk, a: a, on: d, r: r, unit: UnitOf(a.Currency)}
	monthday := d.Time().Day()
	switch a.Key {
	case "checking":
		h.checking(monthday)
	case "card":
		h.card(monthday)
	case "savings":
		if monthday == 27 {
			h.add(200*h.unit, 0, "Transfer from Checking")
		}
		if monthday == 28 {
			h.add(h.unit+r.Int64N(9*h.unit), 0, "Interest")
		}
	case "loan":
		if monthday == 27 {
			h.add(250*h.unit, 0, "Car Loan Payment")
		}
	}
}

// happening adds the events of one day to an account.
type happening struct {
	bk   *Book
	a    *Account
	on   Day
	r    *rand.Rand
	unit int64 // one major unit
	n    int   // the number of events so far
}

// add adds an event that is pending for the given number of days.
func (h *happening) add(amount int64, held int, text string) *Event {
	h.n++
	bk := h.bk
	id := bk.Bank.Name58(12, bk.Institution.Name, bk.Username, h.a.Key, strconv.Itoa(int(h.on)), strconv.Itoa(h.n))
	e := Event{
		ID: id, Started: h.on, Posted: h.on + Day(held), Appears: h.on, hold: amount, amount: amount,
		Text: text, Raw: rawText(text, h.r),
	}
	if Abs(amount) >= 100*h.unit {
		e.Ref = "FT" + id[:8]
	}
	h.a.Events = append(h.a.Events, e)
	return &h.a.Events[len(h.a.Events)-1]
}

// spend draws an amount of at most limit+1 major units, as money out of the account.
func (h *happening) spend(limit int64) int64 { return -(h.unit + h.r.Int64N(limit*h.unit)) }

// checking adds the events of a checking account.
func (h *happening) checking(monthday int) {
	r, unit := h.r, h.unit
	switch monthday {
	case 1:
		h.add(-1200*unit, 0, "Rent")
	case 25:
		h.add(2900*unit+r.Int64N(50*unit), 0, "Salary")
	case 27:
		h.add(-200*unit, 0, "Transfer to Savings")
		h.add(-190*unit, 0, "Card Payment")
		h.add(-250*unit, 0, "Car Loan Payment")
	}
	if r.IntN(3) == 0 {
		h.add(h.spend(60), 0, "Groceries")
	}
	if r.IntN(9) == 0 {
		coffee := h.spend(5)
		raw := h.add(coffee, 0, "Harbor Coffee").Raw
		if r.IntN(3) == 0 {
			h.add(coffee, 0, "Harbor Coffee").Raw = raw // two equal purchases are two rows
		}
	}
	if r.IntN(40) == 0 {
		e := h.add(h.spend(30), 0, "Toll Road")
		e.Appears = h.on + Day(3+r.IntN(4)) // the event appears late
	}
}

// card adds the events of a credit card.
func (h *happening) card(monthday int) {
	r, unit := h.r, h.unit
	if monthday == 27 {
		h.add(190*unit, 0, "Payment Received")
	}
	if r.IntN(3) == 0 {
		e := h.add(h.spend(25), 1+r.IntN(3), "Restaurant")
		if r.IntN(2) == 0 {
			e.amount = e.hold * 118 / 100 // with a tip
		}
	}
	if r.IntN(12) == 0 {
		e := h.add(-100*unit, 1+r.IntN(2), "Fuel Station")
		e.amount = h.spend(60) // the hold was for a full tank
	}
	if r.IntN(45) == 0 {
		h.add(unit+r.Int64N(40*unit), 0, "Refund")
	}
}

// rawText returns a description as the institution writes it.
func rawText(text string, r *rand.Rand) string {
	raw := make([]byte, 0, len(text)+12)
	for _, b := range []byte(text) {
		if 'a' <= b && b <= 'z' {
			b -= 'a' - 'A'
		}
		raw = append(raw, b)
	}
	return string(raw) + " #" + strconv.Itoa(100+r.IntN(900))
}
