package virtualbank

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// circlingAnswers is how many pages of a sync repeat each other where that is staged.
const circlingAnswers = 40

// Stage brings a situation about, in the first account of the link.
func (l *link) Stage(situation string) error {
	switch situation {
	case IDChurn,
		RemovedFirst,
		Unordered,
		CreatedAndUpdated,
		CreatedAndRemoved,
		UpdatedAndRemoved,
		CursorForgotten,
		CursorCircles,
		RenumberedDay:
		return l.stageRecord(situation)
	case DaysIgnored:
		l.ignoresUntil = l.bank.Now().Add(stagedFor)
		return nil
	case TextDrift:
		l.book.drift()
		l.churn++
		return nil
	}
	return l.book.stageRow(situation)
}

// stageRecord spoils MoneyKit's record of changes.
func (l *link) stageRecord(situation string) error {
	var refused error
	switch situation {
	case CursorForgotten:
		l.forgot = true
		return nil
	case CursorCircles:
		l.circles = circlingAnswers
		return nil
	case IDChurn, RemovedFirst, Unordered:
		l.churn++
	case RenumberedDay:
		return l.renumber()
	case UpdatedAndRemoved:
		refused = l.book.stageRow(Withdrawn)
	default:
		refused = l.book.stageRow(Late)
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
		case RemovedFirst:
			slices.SortStableFunc(list, func(x, y change) int { return len(y.removed) - len(x.removed) })
		case Unordered:
			slices.Reverse(list)
			for i := 0; i+7 < len(list); i += 8 {
				list[i], list[i+7] = list[i+7], list[i]
			}
		}
	}
	for _, t := range twists {
		switch t.situation {
		case CreatedAndUpdated:
			if i := slices.IndexFunc(
				list,
				func(c change) bool { return c.created != nil && !c.created.Pending },
			); i >= 0 {
				list = slices.Insert(list, i+1, change{updated: list[i].created})
			}
		case CreatedAndRemoved:
			if i := slices.IndexFunc(
				list,
				func(c change) bool { return c.created != nil && !c.created.Pending },
			); i >= 0 {
				short := *list[i].created
				short.ID = "txn_" + l.bank.name58(22, l.id, "short-lived", strconv.Itoa(t.to))
				list = slices.Insert(list, i+1, change{created: &short}, change{removed: short.ID})
			}
		case UpdatedAndRemoved:
			before := l.stored(from, l.book.accounts)
			for i, c := range list {
				at := slices.IndexFunc(before, func(t mkTransaction) bool { return t.ID == c.removed })
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
	a, today := l.book.accounts[0], dayOf(l.bank.Now())
	first := slices.IndexFunc(a.events, func(e event) bool { return e.recent(today) })
	if first < 0 {
		return refuse(http.StatusConflict, "the account has no row of the last two weeks")
	}
	on := a.events[first].posted
	if err := l.book.stageRow(Late); err != nil {
		return err
	}
	added := &a.events[len(a.events)-1]
	added.began, added.posted = on, on
	ids := maps.Clone(l.ids)
	if ids == nil {
		ids = map[string]string{}
	}
	last := added.id
	for i := first; i < len(a.events)-1; i++ {
		if e := &a.events[i]; e.posted == on && e.recent(today) {
			ids[last], last = idOf(ids, e.id), e.id
		}
	}
	ids[last] = added.id
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
