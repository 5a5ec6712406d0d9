package reconcile

import (
	"slices"

	"github.com/bankmux/bankmux"
)

// merger applies the lists of pages, one page after the other: created, then updated, then removed.
// What is left are the accounts' rows, each once. Two payments under one id are two rows.
type merger struct {
	byAccount map[string][]bankmux.Transaction
	ids       map[FeedRow]*merged
	removed   map[FeedRow]bool // false where a later page shows the row again
	order     []FeedRow        // of removed
	page      int              // the number of the page that is applied, from 1
	holes     bool             // byAccount has rows that a later page removed
}

// merged is what the pages say about an id of an account.
type merged struct {
	at               []int // where its rows stand in the account
	page             int   // the first page that named it
	touched          int   // the last page that replaced its only row
	created, updated bool
}

func newMerger() *merger {
	return &merger{
		byAccount: map[string][]bankmux.Transaction{},
		ids:       map[FeedRow]*merged{},
		removed:   map[FeedRow]bool{},
	}
}

// add applies a page, without the accounts that are not wanted. It returns the rows that lack what
// every row has.
func (m *merger) add(page *FeedPage, wanted func(account string) bool) (incomplete []bankmux.Failure) {
	m.page++
	gone := make(map[FeedRow]bool, len(page.Removed))
	for _, row := range page.Removed {
		switch {
		case !wanted(row.Account):
		case row.ID == "":
			incomplete = append(incomplete, lacking(row.Account, "", "a removed row without id"))
		default:
			gone[row] = true
			m.remove(row)
		}
	}
	for i, list := range [][]bankmux.Transaction{page.Created, page.Updated} {
		for j := range list {
			row := &list[j]
			switch {
			case !wanted(row.Account), gone[FeedRow{row.ID, row.Account}], gone[FeedRow{ID: row.ID}]:
			case row.ID == "" || row.Account == "":
				incomplete = append(incomplete, lacking(row.Account, row.ID, "a transaction without id or account"))
			case row.Date.IsZero() || row.Amount.IsZero():
				incomplete = append(incomplete, lacking(row.Account, row.ID, "a transaction without day or amount"))
			default:
				m.put(row, i == 1)
			}
		}
	}
	return incomplete
}

// lacking is the failure of a row that lacks what every row has.
func lacking(account, id, what string) bankmux.Failure {
	if id == "" {
		id = "without id" // a failure without a row's name would be that of the account
	}
	return bankmux.Failure{Account: account, Transaction: id, Err: &bankmux.Error{
		Kind: bankmux.ErrMalformed, Scope: bankmux.ScopeCall, Detail: "the provider sent " + what,
	}}
}

// put adds a row, in place of the one that it stands for.
func (m *merger) put(row *bankmux.Transaction, update bool) {
	id := FeedRow{row.ID, row.Account}
	e := m.ids[id]
	if e == nil {
		e = &merged{page: m.page}
		m.ids[id] = e
	}
	known := e.page < m.page // a page before named it, which this one is later than
	list := m.byAccount[row.Account]
	switch same := e.replaced(list, row, update, e.touched != m.page && (update || known)); {
	// a list has no order: it was pending
	case same >= 0 && !update && !known && list[same].Status == bankmux.StatusBooked:
	case same >= 0:
		list[same] = *row
	default:
		e.at = append(e.at, len(list))
		m.byAccount[row.Account] = append(list, *row)
	}
	if update || known {
		e.touched = m.page
	}
	e.updated, e.created = e.updated || update, e.created || !update
	for _, named := range [...]FeedRow{id, {ID: row.ID}} {
		if len(m.order) > 0 && m.removed[named] {
			m.removed[named] = false
		}
	}
}

// replaced returns which of the rows of an id another of that id stands for, -1 if it is another
// payment. The first row of a page that names the id again stands for the only row that there is.
func (e *merged) replaced(list []bankmux.Transaction, row *bankmux.Transaction, update, only bool) int {
	if only && len(e.at) == 1 {
		return e.at[0]
	}
	for _, i := range e.at {
		was := &list[i]
		text := Text(was) == Text(row)
		amount := was.Amount.Equal(row.Amount)
		same := text && (was.Status != row.Status || (amount && was.Date == row.Date))
		if same || (update && only && (text || amount)) {
			return i
		}
	}
	return -1
}

// remove drops the rows of an id that pages before have, and notes it as removed.
func (m *merger) remove(row FeedRow) {
	if _, named := m.removed[row]; !named {
		m.order = append(m.order, row)
	}
	m.removed[row] = true
	for account, list := range m.byAccount {
		if row.Account != "" && account != row.Account {
			continue
		}
		if e := m.ids[FeedRow{row.ID, account}]; e != nil {
			for _, i := range e.at {
				list[i], m.holes = bankmux.Transaction{}, true
			}
			e.at = nil
		}
	}
}

// rows returns what is left, by account.
func (m *merger) rows() map[string][]bankmux.Transaction {
	if m.holes {
		for account, list := range m.byAccount {
			list = slices.DeleteFunc(list, func(t bankmux.Transaction) bool { return t.ID == "" })
			if m.byAccount[account] = list; len(list) == 0 {
				delete(m.byAccount, account)
			}
		}
		m.holes = false
	}
	return m.byAccount
}

// isUpdated reports whether a row was updated, perhaps after it was created.
func (m *merger) isUpdated(account, id string) bool {
	e := m.ids[FeedRow{id, account}]
	return e != nil && e.updated
}

// isOld reports whether a row was updated and not created since the cursor.
func (m *merger) isOld(account, id string) bool {
	e := m.ids[FeedRow{id, account}]
	return e != nil && e.updated && !e.created
}

// gone returns the ids of the rows that are removed in the end, in the order of the record.
func (m *merger) gone() (list []FeedRow) {
	for _, row := range m.order {
		if m.removed[row] {
			list = append(list, row)
		}
	}
	return list
}
