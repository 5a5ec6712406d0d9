package plaid

// This file stages situations for an Item.

import (
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

// renumber stages a renumbered day. From the next look the rows have other ids.
func (it *item) renumber() (refused error) {
	it.feed.ids, refused = it.book.Renumber(it.feed.ids)
	return refused
}
