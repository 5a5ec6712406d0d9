package moneykit

// This file stages situations for a link.

import (
	"slices"
	"strconv"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// circlingPages is how many pages of a sync repeat after CursorCircles.
const circlingPages = 40

// Stage makes a situation happen in the first account of the link.
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
		l.daysIgnoredUntil = l.bank.Now().Add(bank.StagedFor)
		return nil
	case bank.TextDrift:
		l.book.Drift()
		l.churn++
		return nil
	}
	return l.book.StageRow(situation)
}

// stageRecord stages a situation of the changes that a sync reports.
func (l *link) stageRecord(situation string) error {
	var refused error
	switch situation {
	case bank.CursorForgotten:
		l.cursorForgotten = true
		return nil
	case bank.CursorCircles:
		l.repeatingPages = circlingPages
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
		l.recordSituations = append(l.recordSituations, recordSituation{situation, len(l.history) + 1})
	}
	return refused
}

// recordSituation is a situation of the changes that lead to a state of the transactions.
type recordSituation struct {
	situation string
	to        int
}

// withSituations applies the staged situations to changes. The order of all changes comes first.
// Then come the situations with an order of their own: a row is not removed before it is created.
func (l *link) withSituations(list []change, from, to int) []change {
	var staged []recordSituation
	for _, t := range l.recordSituations {
		if from < t.to && t.to <= to {
			staged = append(staged, t)
		}
	}
	for _, t := range staged {
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
	for _, t := range staged {
		switch t.situation {
		case bank.CreatedAndUpdated, bank.CreatedAndRemoved:
			list = l.createdTwice(list, t)
		case bank.UpdatedAndRemoved:
			list = l.updatedBeforeRemoved(list, from)
		}
	}
	return list
}

// createdTwice adds a change after the first booked row that is created. The row is updated, or
// another row is created and removed.
func (l *link) createdTwice(list []change, t recordSituation) []change {
	i := slices.IndexFunc(list, func(c change) bool { return c.created != nil && !c.created.Pending })
	switch {
	case i < 0:
		return list
	case t.situation == bank.CreatedAndUpdated:
		return slices.Insert(list, i+1, change{updated: list[i].created})
	}
	short := *list[i].created
	short.ID = "txn_" + l.bank.Name58(22, l.id, "short-lived", strconv.Itoa(t.to))
	return slices.Insert(list, i+1, change{created: &short}, change{removed: short.ID})
}

// updatedBeforeRemoved adds an update before the first row that is removed.
func (l *link) updatedBeforeRemoved(list []change, from int) []change {
	before := l.stored(from, l.accounts())
	for i, c := range list {
		at := slices.IndexFunc(before, func(t transaction) bool { return t.ID == c.removed })
		if c.removed != "" && at >= 0 {
			return slices.Insert(list, i, change{updated: &before[at]})
		}
	}
	return list
}

// renumber stages a renumbered day. From the next refresh the rows have other ids.
func (l *link) renumber() (refused error) {
	l.ids, refused = l.book.Renumber(l.ids)
	return refused
}
