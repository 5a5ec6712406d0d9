package virtualbank

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// day is a day of the calendar, counted from 1970-01-01.
type day int

func dayOf(t time.Time) day {
	const seconds = 24 * 60 * 60
	u := t.UTC().Unix()
	d := u / seconds
	if u%seconds < 0 {
		d--
	}
	return day(d)
}

func (d day) time() time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }
func (d day) String() string  { return d.time().Format(time.DateOnly) }

func parseDay(s string) (day, bool) {
	t, err := time.Parse(time.DateOnly, s)
	return dayOf(t), err == nil
}

// standardHistory is how many days the ledger goes back at the bank's start unless
// [Options.HistoryDays] says otherwise.
const standardHistory = 730

// ledgerBegins is the first day of the ledger.
func (b *core) ledgerBegins() day {
	return dayOf(b.clock.start) - day(cmp.Or(b.historyDays, standardHistory))
}

// event is something that happened in an account. A card purchase is held first and posted later,
// perhaps with another amount; a late one is known to the bank days after its date.
type event struct {
	id      string
	began   day
	posted  day   // equals began where nothing is held
	appears day   // when the bank's customer can see it
	hold    int64 // minor units, into the account is positive
	amount  int64
	text    string
	raw     string
	ref     string
	spec    *scripted
	changes []*scripted // what the spec became, by when

	// Of imported events.
	original *string // the application's own id
	untold   bool    // it has no description
	moment   *string // its timestamp with the offset as given, nil for a bare day

	// Of staged events.
	since   time.Time // when the bank got to know it, zero for appears alone
	until   time.Time // from when nothing is left of it, zero for never
	edit    time.Time // from when the amount is edited
	edited  int64
	keepsID bool // pending and posted it has one id
}

// row is an event as it is to be seen at some moment.
type row struct {
	event   *event
	date    day
	pending bool
	amount  int64
	spec    *scripted
}

// written is the day that Dapi writes for a row: where days of value are staged, three or six days
// after the one that the bank selects by.
func (bk *book) written(r row) day {
	e, since := r.event, bk.valueSince
	seen := e.since.After(since) || (e.since.IsZero() && e.appears > dayOf(since))
	if since.IsZero() || r.spec != nil || !seen {
		return r.date
	}
	return r.date + 3 + 3*day(bk.bank.mix(e.id, "value day")%2)
}

// rows are what can be seen of an account at a moment, newest first. days limits how far back; 0 is
// all.
func (bk *book) rows(a *account, at time.Time, days int) []row {
	today := dayOf(at)
	bk.grow(a, today)
	var list []row
	for i := range a.events {
		e := &a.events[i]
		if e.appears > today || (e.spec != nil && e.spec.at.After(at)) || e.since.After(at) ||
			(!e.until.IsZero() && !e.until.After(at)) {
			continue
		}
		r := row{event: e, date: e.posted, amount: e.amount, spec: e.spec}
		if !e.edit.IsZero() && !e.edit.After(at) {
			r.amount = e.edited
		}
		for _, c := range e.changes {
			if !c.at.After(at) {
				r.spec = c
			}
		}
		if e.posted > today || (r.spec != nil && r.spec.Pending) {
			r.pending, r.date, r.amount = true, e.began, e.hold
		}
		if days > 0 && r.date <= today-day(days) {
			continue
		}
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(x, y row) int { return cmp.Compare(y.date, x.date) })
	return list
}

// grow makes the events of the days that have come.
func (bk *book) grow(a *account, today day) {
	first := bk.bank.ledgerBegins()
	if a.until == 0 {
		a.until = first - 1
	}
	for d := a.until + 1; d <= today; d++ {
		a.until = d
		if a.kind.quiet {
			continue
		}
		bk.happen(a, d, bk.bank.draw(bk.institution.Name, bk.username, a.key, strconv.Itoa(int(d))))
	}
}

// happen makes the events that begin on a day.
func (bk *book) happen(a *account, d day, r *rand.Rand) {
	unit := int64(1)
	for range exponentOf(a.currency) {
		unit *= 10
	}
	n := 0
	add := func(amount int64, held int, text string) *event {
		n++
		id := bk.bank.name58(12, bk.institution.Name, bk.username, a.key, strconv.Itoa(int(d)), strconv.Itoa(n))
		a.events = append(a.events, event{
			id: id, began: d, posted: d + day(held), appears: d, hold: amount, amount: amount,
			text: text, raw: rawText(text, r),
		})
		if abs(amount) >= 100*unit {
			a.events[len(a.events)-1].ref = "FT" + id[:8]
		}
		return &a.events[len(a.events)-1]
	}
	spend := func(most int64) int64 { return -(unit + r.Int64N(most*unit)) }
	monthday := d.time().Day()
	switch a.key {
	case "checking":
		switch monthday {
		case 1:
			add(-1200*unit, 0, "Rent")
		case 25:
			add(2900*unit+r.Int64N(50*unit), 0, "Salary")
		case 27:
			add(-200*unit, 0, "Transfer to Savings")
			add(-190*unit, 0, "Card Payment")
			add(-250*unit, 0, "Car Loan Payment")
		}
		if r.IntN(3) == 0 {
			add(spend(60), 0, "Groceries")
		}
		if r.IntN(9) == 0 {
			coffee := spend(5)
			add(coffee, 0, "Harbor Coffee")
			if r.IntN(3) == 0 {
				first := a.events[len(a.events)-1]
				again := add(coffee, 0, "Harbor Coffee") // the same again: two coffees are two rows
				again.raw = first.raw
			}
		}
		if r.IntN(40) == 0 {
			e := add(spend(30), 0, "Toll Road")
			e.appears = d + day(3+r.IntN(4)) // posted late
		}
	case "card":
		if monthday == 27 {
			add(190*unit, 0, "Payment Received")
		}
		if r.IntN(3) == 0 {
			e := add(spend(25), 1+r.IntN(3), "Restaurant")
			if r.IntN(2) == 0 {
				e.amount = e.hold * 118 / 100 // the tip
			}
		}
		if r.IntN(12) == 0 {
			e := add(-100*unit, 1+r.IntN(2), "Fuel Station")
			e.amount = spend(60) // held for a full tank
		}
		if r.IntN(45) == 0 {
			add(unit+r.Int64N(40*unit), 0, "Refund")
		}
	case "savings":
		if monthday == 27 {
			add(200*unit, 0, "Transfer from Checking")
		}
		if monthday == 28 {
			add(unit+r.Int64N(9*unit), 0, "Interest")
		}
	case "loan":
		if monthday == 27 {
			add(250*unit, 0, "Car Loan Payment")
		}
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
