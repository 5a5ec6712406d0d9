package plaid

// This file stages situations for an Item.

import (
	"maps"
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// circlingPages is how many pages of a sync repeat each other where that is staged.
const circlingPages = 40

// Stage brings a situation about, in the first account of the Item. Rows are there after the next
// look of Plaid's.
func (it *item) Stage(situation string) error {
	f := &it.feed
	var refused error
	switch situation {
	case bank.CursorForgotten:
		f.forgot = true
		return nil
	case bank.CursorCircles:
		f.circles = circlingPages
		return nil
	case bank.MutationDuringPagination:
		f.mutates = true
		return nil
	case bank.NotReady:
		f.hidden = it.bank.Now().Add(bank.StagedFor)
		return nil
	case bank.DaysIgnored:
		f.ignores = it.bank.Now().Add(bank.StagedFor)
		return nil
	case bank.TextDrift:
		it.book.Drift()
		f.churn++
		return nil
	case bank.RenumberedDay:
		return it.renumber()
	case bank.IDChurn, bank.RemovedFirst, bank.Unordered:
		f.churn++
	case bank.UpdatedAndRemoved:
		refused = it.book.StageRow(bank.Withdrawn)
	case bank.CreatedAndUpdated, bank.CreatedAndRemoved:
		refused = it.book.StageRow(bank.Late)
	default:
		return it.book.StageRow(situation)
	}
	if refused == nil {
		f.staged = append(f.staged, stagedRecord{situation, len(f.states) + 1})
	}
	return refused
}

// renumber adds a row to a day of the last two weeks. From the next look on, each row of the day
// has the id of the next.
func (it *item) renumber() error {
	a, today := it.book.Accounts[0], bank.DayOf(it.bank.Now())
	first := slices.IndexFunc(a.Events, func(e bank.Event) bool { return e.Recent(today) })
	if first < 0 {
		return bank.Refuse(http.StatusConflict, "the account has no row of the last two weeks")
	}
	on := a.Events[first].Posted
	if err := it.book.StageRow(bank.Late); err != nil {
		return err
	}
	added := &a.Events[len(a.Events)-1]
	added.Started, added.Posted = on, on
	ids := maps.Clone(it.feed.ids)
	if ids == nil {
		ids = map[string]string{}
	}
	last := added.ID
	for i := first; i < len(a.Events)-1; i++ {
		if e := &a.Events[i]; e.Posted == on && e.Recent(today) {
			ids[last], last = idOf(ids, e.ID), e.ID
		}
	}
	ids[last] = added.ID
	it.feed.ids = ids
	return nil
}
