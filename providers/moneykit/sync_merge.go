package moneykit

import (
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// rowID names a row of an answer: one id may be in two accounts, as of a transfer.
type rowID struct{ account, id string }

// merge applies the three lists in MoneyKit's order: created, then updated, then removed. What is
// left are the accounts' rows, each once. Two payments under one id are two rows.
func (p *syncPage) merge(removed []string) (byAccount map[string][]bankmux.Transaction, updated map[rowID]bool) {
	byAccount, updated = map[string][]bankmux.Transaction{}, map[rowID]bool{}
	at := map[rowID][]int{} // where the rows of an id stand in their account
	gone := make(map[string]bool, len(removed))
	for _, id := range removed {
		gone[id] = true
	}
	for i, row := range slices.Concat(p.created.rows, p.updated.rows) {
		id, update := rowID{row.Account, row.ID}, i >= len(p.created.rows)
		if gone[row.ID] {
			continue
		}
		list := byAccount[row.Account]
		switch same := replaced(list, at[id], &row, update && !updated[id]); {
		case same >= 0 && !update && list[same].Status == bankmux.StatusBooked: // the lists have no order: it was pending
		case same >= 0:
			list[same] = row
		default:
			at[id] = append(at[id], len(list))
			byAccount[row.Account] = append(list, row)
		}
		if update {
			updated[id] = true
		}
	}
	return byAccount, updated
}

// replaced returns which of the rows of one id another of that id stands for, -1 if it is another
// payment. An update is one of the row that was created, where there is one.
func replaced(list []bankmux.Transaction, at []int, row *bankmux.Transaction, update bool) int {
	if update && len(at) == 1 {
		return at[0]
	}
	for _, i := range at {
		was := &list[i]
		text := reconcile.Text(was) == reconcile.Text(row)
		amount := was.Amount.Equal(row.Amount)
		same := text && (was.Status != row.Status || (amount && was.Date == row.Date))
		if same || (update && (text || amount)) {
			return i
		}
	}
	return -1
}
