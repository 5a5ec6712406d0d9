package reconcile

// This file merges the pages of a record into one state per row.

import (
	"slices"

	"github.com/bankmux/bankmux"
)

// merger applies the lists of one page after the other: created, updated, removed. The result is
// each account's rows, each once. Two payments under one id are two rows, unless single is set.
type merger struct {
	single    bool // an id is one row, and its last row counts
	byAccount map[string][]bankmux.Transaction
	ids       map[FeedRow]*idState
	removed   map[FeedRow]bool // false if a later page shows the row again
	order     []FeedRow        // of removed
	page      int              // the number of the current page, from 1
	room      int              // how many rows the current page has
	holes     bool             // byAccount has rows that a later page removed
	updates   bool             // a page had updated rows
	unused    []idState        // of one allocation
}

// idState is what the pages say about an id of an account.
type idState struct {
	rows             []int  // positions of its rows in the account
	first            [1]int // the memory of rows, which is usually one
	page             int    // the first page that named it
	replacedOn       int    // the last page that replaced its only row
	created, updated bool
}

func newMerger(single bool) *merger {
	return &merger{single: single, byAccount: map[string][]bankmux.Transaction{}, removed: map[FeedRow]bool{}}
}

// addPage applies a page, without accounts that are not wanted. It returns failures for rows that
// lack a required part.
func (m *merger) addPage(page *FeedPage, wanted func(account string) bool) (incomplete []bankmux.Failure) {
	m.page++
	m.room = len(page.Created) + len(page.Updated)
	m.updates = m.updates || len(page.Updated) > 0
	if m.ids == nil {
		m.ids = make(map[FeedRow]*idState, m.room)
	}
	gone := make(map[FeedRow]bool, len(page.Removed))
	for _, row := range page.Removed {
		switch {
		case !wanted(row.Account):
		case row.ID == "":
			incomplete = append(incomplete, missingPart(row.Account, "", "a removed row without id"))
		default:
			gone[row] = true
			m.remove(row)
		}
	}
	for i, list := range [][]bankmux.Transaction{page.Created, page.Updated} {
		for j := range list {
			row := &list[j]
			switch {
			case !wanted(row.Account):
			case len(gone) > 0 && (gone[FeedRow{row.ID, row.Account}] || gone[FeedRow{ID: row.ID}]):
			case row.ID == "" || row.Account == "":
				incomplete = append(incomplete, missingPart(row.Account, row.ID, "a transaction without id or account"))
			case row.Date.IsZero() || row.Amount.IsZero():
				incomplete = append(incomplete, missingPart(row.Account, row.ID, "a transaction without day or amount"))
			default:
				m.upsert(row, i == 1)
			}
		}
	}
	return incomplete
}

// missingPart returns the failure of a row that lacks a required part.
func missingPart(account, id, what string) bankmux.Failure {
	if id == "" {
		id = "without id" // a failure without a name would be that of the account
	}
	return bankmux.Failure{Account: account, Transaction: id, Err: &bankmux.Error{
		Kind: bankmux.ErrMalformed, Scope: bankmux.ScopeCall, Detail: "the provider sent " + what,
	}}
}

// upsert adds a row, or replaces the row that it stands for.
func (m *merger) upsert(row *bankmux.Transaction, update bool) {
	id := FeedRow{row.ID, row.Account}
	e := m.ids[id]
	if e == nil {
		e = m.newState()
		m.ids[id] = e
	}
	known := e.page < m.page // an earlier page named it, so this page is later than its row
	list := m.byAccount[row.Account]
	switch same := e.rowToReplace(list, row, update, m.single || e.replacedOn != m.page && (update || known)); {
	// a list has no order, so the pending row is the older one
	case same >= 0 && !m.single && !update && !known && list[same].Status == bankmux.StatusBooked:
	case same >= 0:
		list[same] = *row
	default:
		if list == nil && len(m.byAccount) == 0 { // most pages are of one account
			list = make([]bankmux.Transaction, 0, m.room)
		}
		e.rows = append(e.rows, len(list))
		m.byAccount[row.Account] = append(list, *row)
	}
	if update || known {
		e.replacedOn = m.page
	}
	e.updated, e.created = e.updated || update, e.created || !update
	for _, named := range [...]FeedRow{id, {ID: row.ID}} {
		if len(m.order) > 0 && m.removed[named] {
			m.removed[named] = false
		}
	}
}

// newState returns the state of an id that no page has named.
func (m *merger) newState() *idState {
	if len(m.unused) == 0 {
		m.unused = make([]idState, max(m.room, 1))
	}
	e := &m.unused[0]
	m.unused = m.unused[1:]
	e.page, e.rows = m.page, e.first[:0]
	return e
}

// rowToReplace returns which row of an id a new row of that id replaces, -1 if it is another
// payment. On each later page the first row of an id replaces its only row.
func (e *idState) rowToReplace(list []bankmux.Transaction, row *bankmux.Transaction, update, only bool) int {
	if only && len(e.rows) == 1 {
		return e.rows[0]
	}
	for _, i := range e.rows {
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

// remove drops the rows of an id and notes it as removed.
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
			for _, i := range e.rows {
				list[i], m.holes = bankmux.Transaction{}, true
			}
			e.rows = nil
		}
	}
}

// rows returns the remaining rows by account.
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

// isOnlyUpdated reports whether a row was updated and not created since the cursor.
func (m *merger) isOnlyUpdated(account, id string) bool {
	if !m.updates {
		return false
	}
	e := m.ids[FeedRow{id, account}]
	return e != nil && e.updated && !e.created
}

// removedRows returns the ids that are removed in the end, in the order of the record.
func (m *merger) removedRows() (list []FeedRow) {
	for _, row := range m.order {
		if m.removed[row] {
			list = append(list, row)
		}
	}
	return list
}
