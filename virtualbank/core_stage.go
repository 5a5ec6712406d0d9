package virtualbank

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// growFirst makes the events of the first account that have come.
func (bk *book) growFirst() { bk.grow(bk.accounts[0], dayOf(bk.bank.Now())) }

// stageRow puts a row into the first account, or changes one that is there.
func (bk *book) stageRow(situation string) error {
	b := bk.bank
	a, now := bk.accounts[0], b.Now()
	today := dayOf(now)
	n := len(a.events)
	text := fmt.Sprintf("Staged %d", n)
	e := event{
		id: b.name58(
			12,
			bk.institution.Name,
			bk.username,
			a.key,
			"staged",
			strconv.Itoa(n),
		),
		began:   today,
		posted:  today,
		appears: today,
		since:   now,
		hold:    -5000,
		amount:  -5000,
		text:    text,
		raw:     text,
	}
	switch situation {
	case PendingVanishes:
		e.posted, e.until = today+1, now.Add(unfoldsAfter)
	case Posted:
		e.posted = today + 1
	case PostedSameID:
		e.posted, e.keepsID = today+1, true
	case SecondLink:
		e.posted, e.keepsID = today+3, true
	case Tip:
		e.posted, e.amount = today+1, -5900
	case FuelHold:
		e.posted, e.hold, e.amount = today+1, -10000, -4711
	case Late:
		e.began, e.posted = today-lateDays, today-lateDays
	case VeryLate:
		e.began, e.posted = today-veryLater, today-veryLater
	case Twin:
		i := slices.IndexFunc(a.events, func(e event) bool { return e.recent(today) && e.amount == e.hold })
		if i < 0 {
			return refuse(http.StatusConflict, "the account has no row of the last two weeks")
		}
		first := a.events[i]
		e.began, e.posted, e.hold, e.amount, e.text, e.raw, e.ref = first.posted, first.posted, first.amount, first.amount, first.text, first.raw, first.ref
	case Edited, Withdrawn:
		i := slices.IndexFunc(a.events, func(e event) bool { return e.recent(today) })
		switch {
		case i < 0:
			return refuse(http.StatusConflict, "the account has no row of the last two weeks")
		case situation == Edited:
			a.events[i].edit, a.events[i].edited = now, a.events[i].amount-123
		default:
			a.events[i].until = now
		}
		return nil
	}
	a.events = append(a.events, e)
	return nil
}

// recent reports whether a row is booked, some days old, and nothing was staged with it.
func (e *event) recent(today day) bool {
	return e.posted > today-14 && e.posted < today-2 && e.appears < today && e.spec == nil && e.until.IsZero() &&
		e.edit.IsZero()
}
