package bank

// This file stages the situations about one row.

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// GrowFirst adds the events of the first account until today.
func (bk *Book) GrowFirst() { bk.grow(bk.Accounts[0], DayOf(bk.Bank.Now())) }

// StageRow adds a row to the first account, or changes an existing one.
func (bk *Book) StageRow(situation string) error {
	a, now := bk.Accounts[0], bk.Bank.Now()
	today := DayOf(now)
	n := strconv.Itoa(len(a.Events))
	e := Event{
		ID:      bk.Bank.Name58(12, bk.Institution.Name, bk.Username, a.Key, "staged", n),
		Started: today,
		Posted:  today,
		Appears: today,
		since:   now,
		hold:    -5000,
		amount:  -5000,
		Text:    "Staged " + n,
		Raw:     "Staged " + n,
	}
	switch situation {
	case PendingVanishes:
		e.Posted, e.until = today+1, now.Add(unfoldsAfter)
	case Posted, PostedUnmatched:
		e.Posted, e.Unmatched = today+1, situation == PostedUnmatched
	case PostedSameID:
		e.Posted, e.KeepsID = today+1, true
	case SecondLink:
		e.Posted, e.KeepsID = today+3, true
	case Tip:
		e.Posted, e.amount = today+1, -5900
	case FuelHold:
		e.Posted, e.hold, e.amount = today+1, -10000, -4711
	case Late:
		e.Started, e.Posted = today-lateDays, today-lateDays
	case VeryLate:
		e.Started, e.Posted = today-veryLater, today-veryLater
	case Twin:
		first, err := a.recent(today, func(e *Event) bool { return e.amount == e.hold })
		if err != nil {
			return err
		}
		e.Started, e.Posted, e.hold, e.amount = first.Posted, first.Posted, first.amount, first.amount
		e.Text, e.Raw, e.Ref = first.Text, first.Raw, first.Ref
	case Edited, Withdrawn:
		return a.change(situation, now)
	}
	a.Events = append(a.Events, e)
	return nil
}

// change edits or removes a row of the last two weeks.
func (a *Account) change(situation string, now time.Time) error {
	e, err := a.recent(DayOf(now), func(*Event) bool { return true })
	switch {
	case err != nil:
		return err
	case situation == Edited:
		e.edit, e.edited = now, e.amount-123
	default:
		e.until = now
	}
	return nil
}

// recent returns the first row of the last two weeks that fits.
func (a *Account) recent(today Day, fits func(*Event) bool) (*Event, error) {
	i := slices.IndexFunc(a.Events, func(e Event) bool { return e.recent(today) && fits(&e) })
	if i < 0 {
		return nil, Refuse(http.StatusConflict, "the account has no suitable row of the last two weeks")
	}
	return &a.Events[i], nil
}

// recent reports whether an event is booked, of the last two weeks, and not changed by a situation.
func (e *Event) recent(today Day) bool {
	return e.Posted > today-14 && e.Posted < today-2 && e.Appears < today && e.Spec == nil && e.until.IsZero() &&
		e.edit.IsZero()
}

// IDs has the events whose ids other events have, where a day was renumbered. It is replaced, never
// changed, so that earlier states of the rows keep their ids.
type IDs map[string]string

// Of returns the event whose id an event has.
func (ids IDs) Of(event string) string {
	if other, ok := ids[event]; ok {
		return other
	}
	return event
}

// Renumber adds a row to a day of the last two weeks in the first account. In the ids that it
// returns, each row of the day has the id of the next one.
func (bk *Book) Renumber(ids IDs) (IDs, error) {
	a, today := bk.Accounts[0], DayOf(bk.Bank.Now())
	first := slices.IndexFunc(a.Events, func(e Event) bool { return e.recent(today) })
	if first < 0 {
		return ids, Refuse(http.StatusConflict, "the account has no row of the last two weeks")
	}
	on := a.Events[first].Posted
	if err := bk.StageRow(Late); err != nil {
		return ids, err
	}
	added := &a.Events[len(a.Events)-1]
	added.Started, added.Posted = on, on
	renumbered := IDs{}
	maps.Copy(renumbered, ids)
	last := added.ID
	for i := first; i < len(a.Events)-1; i++ {
		if e := &a.Events[i]; e.Posted == on && e.recent(today) {
			renumbered[last], last = renumbered.Of(e.ID), e.ID
		}
	}
	renumbered[last] = added.ID
	return renumbered, nil
}
