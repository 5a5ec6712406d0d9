package moneykit

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// circlingAnswers is how many pages of a sync repeat each other where that is staged.
const circlingAnswers = 40

// Stage brings a situation about, in the first account of the link.
func (l *link) Stage(situation string) error {
	switch situation {
	case bank.IDChurn,
		bank.RemovedFirst,
		bank.Unordered,
		bank.CreatedAndUpdated,
		bank.CreatedAndRemoved,
		bank.UpdatedAndRemoved,
		bank.CursorForgotten,
		bank.CursorCircles,
		bank.RenumberedDay:
		return l.stageRecord(situation)
	case bank.DaysIgnored:
		l.ignoresUntil = l.bank.Now().Add(bank.StagedFor)
		return nil
	case bank.TextDrift:
		l.book.Drift()
		l.churn++
		return nil
	}
	return l.book.StageRow(situation)
}

// stageRecord spoils MoneyKit's record of changes.
func (l *link) stageRecord(situation string) error {
	var refused error
	switch situation {
	case bank.CursorForgotten:
		l.forgot = true
		return nil
	case bank.CursorCircles:
		l.circles = circlingAnswers
		return nil
	case bank.IDChurn, bank.RemovedFirst, bank.Unordered:
		l.churn++
	case bank.RenumberedDay:
		return l.renumber()
	case bank.UpdatedAndRemoved:
		refused = l.book.StageRow(bank.Withdrawn)
	default:
		refused = l.book.StageRow(bank.Late)
	}
	if refused == nil {
		l.twists = append(l.twists, twist{situation, len(l.history) + 1})
	}
	return refused
}

// twist is a situation of the changes that lead to a state.
type twist struct {
	situation string
	to        int
}

// twisted are changes as the situations have them. First comes the order, then what has an order of
// its own: a row is not removed before it is created.
func (l *link) twisted(list []change, from, to int) []change {
	var twists []twist
	for _, t := range l.twists {
		if from < t.to && t.to <= to {
			twists = append(twists, t)
		}
	}
	for _, t := range twists {
		switch t.situation {
		case bank.RemovedFirst:
			slices.SortStableFunc(list, func(x, y change) int { return len(y.removed) - len(x.removed) })
		case bank.Unordered:
			slices.Reverse(list)
			for i := 0; i+7 < len(list); i += 8 {
				list[i], list[i+7] = list[i+7], list[i]
			}
		}
	}
	for _, t := range twists {
		switch t.situation {
		case bank.CreatedAndUpdated:
			if i := slices.IndexFunc(
				list,
				func(c change) bool { return c.created != nil && !c.created.Pending },
			); i >= 0 {
				list = slices.Insert(list, i+1, change{updated: list[i].created})
			}
		case bank.CreatedAndRemoved:
			if i := slices.IndexFunc(
				list,
				func(c change) bool { return c.created != nil && !c.created.Pending },
			); i >= 0 {
				short := *list[i].created
				short.ID = "txn_" + l.bank.Name58(22, l.id, "short-lived", strconv.Itoa(t.to))
				list = slices.Insert(list, i+1, change{created: &short}, change{removed: short.ID})
			}
		case bank.UpdatedAndRemoved:
			before := l.stored(from, l.book.Accounts)
			for i, c := range list {
				at := slices.IndexFunc(before, func(t transaction) bool { return t.ID == c.removed })
				if c.removed != "" && at >= 0 {
					list = slices.Insert(list, i, change{updated: &before[at]})
					break
				}
			}
		}
	}
	return list
}

// renumber adds a row to a day of the last two weeks and lets each row of the day have the id of
// the next, from the next refresh on.
func (l *link) renumber() error {
	a, today := l.book.Accounts[0], bank.DayOf(l.bank.Now())
	first := slices.IndexFunc(a.Events, func(e bank.Event) bool { return e.Recent(today) })
	if first < 0 {
		return bank.Refuse(http.StatusConflict, "the account has no row of the last two weeks")
	}
	on := a.Events[first].Posted
	if err := l.book.StageRow(bank.Late); err != nil {
		return err
	}
	added := &a.Events[len(a.Events)-1]
	added.Began, added.Posted = on, on
	ids := maps.Clone(l.ids)
	if ids == nil {
		ids = map[string]string{}
	}
	last := added.Id
	for i := first; i < len(a.Events)-1; i++ {
		if e := &a.Events[i]; e.Posted == on && e.Recent(today) {
			ids[last], last = idOf(ids, e.Id), e.Id
		}
	}
	ids[last] = added.Id
	l.ids = ids
	return nil
}

// idOf returns the event whose id an event has.
func idOf(ids map[string]string, event string) string {
	if other, ok := ids[event]; ok {
		return other
	}
	return event
}
