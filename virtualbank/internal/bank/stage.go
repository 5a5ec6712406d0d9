package bank

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// GrowFirst makes the events of the first account that have come.
func (bk *Book) GrowFirst() { bk.grow(bk.Accounts[0], DayOf(bk.Bank.Now())) }

// StageRow puts a row into the first account, or changes one that is there.
func (bk *Book) StageRow(situation string) error {
	b := bk.Bank
	a, now := bk.Accounts[0], b.Now()
	today := DayOf(now)
	n := len(a.Events)
	text := fmt.Sprintf("Staged %d", n)
	e := Event{
		Id: b.Name58(
			12,
			bk.Institution.Name,
			bk.Username,
			a.Key,
			"staged",
			strconv.Itoa(n),
		),
		Began:   today,
		Posted:  today,
		Appears: today,
		since:   now,
		hold:    -5000,
		amount:  -5000,
		Text:    text,
		Raw:     text,
	}
	switch situation {
	case PendingVanishes:
		e.Posted, e.until = today+1, now.Add(unfoldsAfter)
	case Posted:
		e.Posted = today + 1
	case PostedSameID:
		e.Posted, e.KeepsID = today+1, true
	case SecondLink:
		e.Posted, e.KeepsID = today+3, true
	case Tip:
		e.Posted, e.amount = today+1, -5900
	case FuelHold:
		e.Posted, e.hold, e.amount = today+1, -10000, -4711
	case Late:
		e.Began, e.Posted = today-lateDays, today-lateDays
	case VeryLate:
		e.Began, e.Posted = today-veryLater, today-veryLater
	case Twin:
		i := slices.IndexFunc(a.Events, func(e Event) bool { return e.Recent(today) && e.amount == e.hold })
		if i < 0 {
			return Refuse(http.StatusConflict, "the account has no row of the last two weeks")
		}
		first := a.Events[i]
		e.Began, e.Posted, e.hold, e.amount, e.Text, e.Raw, e.Ref = first.Posted, first.Posted, first.amount, first.amount, first.Text, first.Raw, first.Ref
	case Edited, Withdrawn:
		i := slices.IndexFunc(a.Events, func(e Event) bool { return e.Recent(today) })
		switch {
		case i < 0:
			return Refuse(http.StatusConflict, "the account has no row of the last two weeks")
		case situation == Edited:
			a.Events[i].edit, a.Events[i].edited = now, a.Events[i].amount-123
		default:
			a.Events[i].until = now
		}
		return nil
	}
	a.Events = append(a.Events, e)
	return nil
}

// Recent reports whether a row is booked, some days old, and nothing was staged with it.
func (e *Event) Recent(today Day) bool {
	return e.Posted > today-14 && e.Posted < today-2 && e.Appears < today && e.Spec == nil && e.until.IsZero() &&
		e.edit.IsZero()
}
