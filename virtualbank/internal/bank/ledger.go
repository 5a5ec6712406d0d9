package bank

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Day is a day of the calendar, counted from 1970-01-01.
type Day int

func DayOf(t time.Time) Day {
	const seconds = 24 * 60 * 60
	u := t.UTC().Unix()
	d := u / seconds
	if u%seconds < 0 {
		d--
	}
	return Day(d)
}

func (d Day) Time() time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }
func (d Day) String() string  { return d.Time().Format(time.DateOnly) }

func ParseDay(s string) (Day, bool) {
	t, err := time.Parse(time.DateOnly, s)
	return DayOf(t), err == nil
}

// defaultHistory is how many days the ledger goes back at the bank's start unless
// [Options.HistoryDays] says otherwise.
const defaultHistory = 730

// LedgerStart is the first day of the ledger.
func (b *Bank) LedgerStart() Day {
	return DayOf(b.clock.start) - Day(cmp.Or(b.historyDays, defaultHistory))
}

// Event is something that happened in an account. A card purchase is held first and posted later,
// perhaps with another amount; a late one is known to the bank days after its date.
type Event struct {
	ID      string
	Started Day
	Posted  Day   // equals began where nothing is held
	Appears Day   // when the bank's customer can see it
	hold    int64 // minor units, into the account is positive
	amount  int64
	Text    string
	Raw     string
	Ref     string
	Spec    *Scripted
	changes []*Scripted // what the spec became, by when

	// Of imported events.
	Original *string // the application's own id
	NoText   bool    // it has no description
	Moment   *string // its timestamp with the offset as given, nil for a bare day

	// Of staged events.
	since   time.Time // when the bank got to know it, zero for appears alone
	until   time.Time // from when nothing is left of it, zero for never
	edit    time.Time // from when the amount is edited
	edited  int64
	KeepsID bool // pending and posted it has one id
}

// Row is an event as it is to be seen at some moment.
type Row struct {
	Event   *Event
	Date    Day
	Pending bool
	Amount  int64
	Spec    *Scripted
}

// Written is the day that Dapi writes for a row: where days of value are staged, three or six days
// after the one that the bank selects by.
func (bk *Book) Written(r Row) Day {
	e, since := r.Event, bk.valueSince
	seen := e.since.After(since) || (e.since.IsZero() && e.Appears > DayOf(since))
	if since.IsZero() || r.Spec != nil || !seen {
		return r.Date
	}
	return r.Date + 3 + 3*Day(bk.Bank.mix(e.ID, "value day")%2)
}

// Rows are what can be seen of an account at a moment, newest first. days limits how far back; 0 is
// all.
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
	slices.SortStableFunc(list, func(x, y Row) int { return cmp.Compare(y.Date, x.Date) })
	return list
}

// grow makes the events of the days that have come.
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

// happen makes the events that begin on a day.
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

// happening is one day of an account.
type happening struct {
	bk   *Book
	a    *Account
	on   Day
	r    *rand.Rand
	unit int64 // one major unit
	n    int   // events so far
}

// add makes an event that is held for some days.
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

// spend draws an amount of up to so many major units.
func (h *happening) spend(limit int64) int64 { return -(h.unit + h.r.Int64N(limit*h.unit)) }

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
			h.add(coffee, 0, "Harbor Coffee").Raw = raw // the same again: two coffees are two rows
		}
	}
	if r.IntN(40) == 0 {
		e := h.add(h.spend(30), 0, "Toll Road")
		e.Appears = h.on + Day(3+r.IntN(4)) // posted late
	}
}

func (h *happening) card(monthday int) {
	r, unit := h.r, h.unit
	if monthday == 27 {
		h.add(190*unit, 0, "Payment Received")
	}
	if r.IntN(3) == 0 {
		e := h.add(h.spend(25), 1+r.IntN(3), "Restaurant")
		if r.IntN(2) == 0 {
			e.amount = e.hold * 118 / 100 // the tip
		}
	}
	if r.IntN(12) == 0 {
		e := h.add(-100*unit, 1+r.IntN(2), "Fuel Station")
		e.amount = h.spend(60) // held for a full tank
	}
	if r.IntN(45) == 0 {
		h.add(unit+r.Int64N(40*unit), 0, "Refund")
	}
}

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
