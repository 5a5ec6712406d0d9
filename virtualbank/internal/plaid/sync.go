package plaid

// This file serves the sync of transactions.

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// changeKind is the list of a sync that a change is in.
type changeKind int

const (
	addedRow changeKind = iota
	modifiedRow
	removedRow
)

// change is one entry of a sync.
type change struct {
	kind changeKind
	row  row
}

// changeList are the changes between two states, remembered for the pages of a round.
type changeList struct {
	from, to int
	account  string
	list     []change
}

// compare returns what leads from one state to another: what was added and modified, the oldest
// first, and then what was removed. So a pending row may be removed on a later page than the posted
// one is added.
func compare(before, after []row) []change {
	old := make(map[string]row, len(before))
	for _, r := range before {
		old[r.id] = r
	}
	var added, modified, removed []change
	for _, r := range after {
		known, ok := old[r.id]
		delete(old, r.id)
		switch {
		case !ok:
			added = append(added, change{addedRow, r})
		case known.differs(r):
			modified = append(modified, change{modifiedRow, r})
		}
	}
	for _, r := range before {
		if _, gone := old[r.id]; gone {
			removed = append(removed, change{removedRow, r})
		}
	}
	return slices.Concat(added, modified, removed)
}

// differs reports whether a sync has the row among the modified ones.
func (r row) differs(other row) bool {
	r.event = other.event // an id may pass to another event
	return r != other
}

// syncMark is a place between two states: from what the client has, to which it is being brought,
// and how many changes it has got.
type syncMark struct{ from, to, at int }

// syncCursor writes the mark as a cursor of the Item, and of the account whose stream it is.
func (it *item) syncCursor(m syncMark, account string) string {
	place := fmt.Sprintf("%d %d %d", m.from, m.to, m.at)
	return base64.StdEncoding.EncodeToString([]byte(place + " " + it.bank.Name58(16, "cursor", it.id, account, place)))
}

func (it *item) readMark(text, account string) (m syncMark, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return m, false
	}
	n, err := fmt.Sscanf(string(raw), "%d %d %d", &m.from, &m.to, &m.at)
	valid := n == 3 && err == nil && m.from >= 0 && m.to >= m.from && m.at >= 0 && m.to <= len(it.feed.states)
	return m, valid && text == it.syncCursor(m, account)
}

// syncRequest is what a call of sync asks for.
type syncRequest struct {
	cursor  string
	count   int
	account string
	options rowOptions
	days    int
}

func (r request) readSync() (access string, q syncRequest) {
	access = r.text("access_token", true, false)
	q.cursor = r.text("cursor", false, true)
	if len(q.cursor) > 256 {
		r.invalid("cursor", "must have at most 256 characters")
	}
	q.count = r.integer("count", false, 100, 1, 500)
	if options, ok := r.object.object("options", false, false); ok {
		q.options = readRowOptions(options)
		q.days = options.integer("days_requested", false, 0, 1, maxDays)
		q.account = options.text("account_id", false, true)
	}
	return access, q
}

// serveSync serves /transactions/sync: 200 with empty lists while there is nothing, and an error
// within a round whose Item has changed.
func (b *Provider) serveSync(r request) bank.Reply {
	access, q := r.readSync()
	it, p, ok := r.dataOf(access, "transactions")
	if !ok {
		return p
	}
	f := &it.feed
	if f.started.IsZero() { // the first call adds the product, and may still choose the days
		if q.days > 0 {
			f.days = q.days
		}
		it.startFeed(b.Now())
	}
	f.synced = true
	if q.account != "" && !slices.ContainsFunc(it.accounts(), func(a *bank.Account) bool {
		return it.AccountID(a) == q.account
	}) {
		return refuse(invalidAccount, "failed to find requested account ID for this item")
	}
	m, known := it.markOf(q)
	if !known {
		return foreignCursor()
	}
	if f.phase == phaseNone || b.Now().Before(f.hidden) || r.call.Fault == faultNotReady {
		return it.syncReply(q, syncPage{status: "NOT_READY"})
	}
	return it.syncPageOf(q, m)
}

// markOf reads the cursor of a call. It is false for a cursor that the Item does not have.
func (it *item) markOf(q syncRequest) (m syncMark, ok bool) {
	switch q.cursor {
	case "":
		return m, true
	case "now":
		return syncMark{len(it.feed.states), len(it.feed.states), 0}, true
	}
	return it.readMark(q.cursor, q.account)
}

func foreignCursor() bank.Reply {
	return refuse(invalidField, "cursor not associated with access_token")
}

// syncPageOf responds with one page of a round.
func (it *item) syncPageOf(q syncRequest, m syncMark) bank.Reply {
	f := &it.feed
	f.forgot = f.forgot && q.cursor != ""
	if f.forgot && q.cursor != "now" {
		return foreignCursor()
	}
	if m.at > 0 && (m.to < len(f.states) || f.mutates) {
		f.mutates = false
		return refuse(mutated, "Underlying transaction data changed since last page was fetched. "+
			"Please restart pagination from last update.")
	}
	if m.at == 0 {
		m.to = len(f.states)
	}
	if f.circles > 0 {
		f.circles--
		m.at = 1 - m.at%2
		return it.syncReply(q, syncPage{next: it.syncCursor(m, q.account), more: true, status: f.phase.String()})
	}
	list := it.changes(m, q.account)
	end := min(m.at+q.count, len(list))
	page := syncPage{list: list[min(m.at, len(list)):end], more: end < len(list), status: f.phase.String()}
	next := syncMark{m.to, m.to, 0}
	if page.more {
		next = syncMark{m.from, m.to, end}
	}
	page.next = it.syncCursor(next, q.account)
	return it.syncReply(q, page)
}

// changes are what happened between the two states of a mark, as situations have it.
func (it *item) changes(m syncMark, account string) []change {
	f := &it.feed
	if c := f.cached; c.list != nil && c.from == m.from && c.to == m.to && c.account == account {
		return c.list
	}
	var before []row
	if m.from > 0 {
		before = it.render(f.states[m.from-1], m.from)
	}
	after := f.latest
	if m.to < len(f.states) {
		after = it.render(f.states[m.to-1], m.to)
	}
	list := it.withSituations(compare(before, after), m, before)
	if account != "" {
		list = slices.DeleteFunc(list, func(c change) bool { return it.AccountID(c.row.account) != account })
	}
	f.cached = changeList{m.from, m.to, account, list}
	return list
}

// syncPage is one page before it is written.
type syncPage struct {
	list   []change
	next   string
	more   bool
	status string
}

func (it *item) syncReply(q syncRequest, page syncPage) bank.Reply {
	added, modified, removed := []wireRow{}, []wireRow{}, []map[string]any{}
	var accounts []*bank.Account
	for _, c := range page.list {
		if !slices.Contains(accounts, c.row.account) {
			accounts = append(accounts, c.row.account)
		}
		switch c.kind {
		case addedRow:
			added = append(added, it.wire(c.row, q.options))
		case modifiedRow:
			modified = append(modified, it.wire(c.row, q.options))
		default:
			removed = append(removed, map[string]any{
				"transaction_id": c.row.id, "account_id": it.AccountID(c.row.account),
			})
		}
	}
	return ok(map[string]any{
		"added": added, "modified": modified, "removed": removed, "accounts": it.accountBodies(accounts),
		"next_cursor": page.next, "has_more": page.more,
		"transactions_update_status": page.status,
	})
}

// stagedRecord is a situation of the changes that lead to a state.
type stagedRecord struct {
	situation string
	to        int
}

// withSituations are changes as the situations have them: first the order, then what has an order
// of its own.
func (it *item) withSituations(list []change, m syncMark, before []row) []change {
	var staged []stagedRecord
	for _, s := range it.feed.staged {
		if m.from < s.to && s.to <= m.to {
			staged = append(staged, s)
		}
	}
	for _, s := range staged {
		switch s.situation {
		case bank.RemovedFirst:
			slices.SortStableFunc(list, func(x, y change) int { return removedBefore(y.kind) - removedBefore(x.kind) })
		case bank.Unordered:
			order := chance(uint64(s.to)) //nolint:gosec // a position in a list
			order.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		}
	}
	for _, s := range staged {
		switch s.situation {
		case bank.CreatedAndUpdated, bank.CreatedAndRemoved:
			list = it.addedTwice(list, s)
		case bank.UpdatedAndRemoved:
			list = modifiedBeforeRemoved(list, before)
		}
	}
	return list
}

func removedBefore(k changeKind) int {
	if k == removedRow {
		return 1
	}
	return 0
}

// addedTwice puts a second change after the first posted row that is added: the row is modified, or
// another is added and removed.
func (it *item) addedTwice(list []change, s stagedRecord) []change {
	i := slices.IndexFunc(list, func(c change) bool { return c.kind == addedRow && !c.row.pending })
	if i < 0 {
		return list
	}
	again := list[i].row
	if s.situation == bank.CreatedAndUpdated {
		return slices.Insert(list, i+1, change{modifiedRow, again})
	}
	again.id, again.pendingID = it.bank.Name58(37, it.id, "short-lived", strconv.Itoa(s.to)), ""
	return slices.Insert(list, i+1, change{addedRow, again}, change{removedRow, again})
}

// modifiedBeforeRemoved puts a modification before the first row that is removed.
func modifiedBeforeRemoved(list []change, before []row) []change {
	for i, c := range list {
		at := slices.IndexFunc(before, func(r row) bool { return r.id == c.row.id })
		if c.kind == removedRow && at >= 0 {
			return slices.Insert(list, i, change{modifiedRow, before[at]})
		}
	}
	return list
}

// refreshTransactions looks at the institution before it answers. Whether Plaid only starts to look
// is not clear from its sources.
func (b *Provider) refreshTransactions(r request) bank.Reply {
	it, p, found := r.dataOf(r.text("access_token", true, false), "")
	switch {
	case !found:
		return p
	case !slices.Contains(it.products, "transactions") || it.feed.started.IsZero():
		return refuse(notSupported, "the Item does not have the product transactions")
	}
	if p, down := it.unreachable(); down {
		return p
	}
	if it.book.Username == userDynamic {
		it.moveDynamic()
	}
	it.refresh(b.Now())
	return ok(map[string]any{})
}

// unreachable answers for an institution that is down, where a call has to ask it.
func (it *item) unreachable() (bank.Reply, bool) {
	if !it.bank.Outages[it.institution.Name] {
		return bank.Reply{}, false
	}
	return refuse(institutionDown, "this institution is not currently responding to this request. "+
		"please try again soon"), true
}

// categoryOf returns category and detail of a text in Plaid's taxonomy, version 2.
func categoryOf(text string) (primary, detailed string) {
	for name, both := range map[string]string{
		"Harbor Coffee": "FOOD_AND_DRINK COFFEE", "Groceries": "FOOD_AND_DRINK GROCERIES",
		"Restaurant": "FOOD_AND_DRINK RESTAURANT", "Rent": "RENT_AND_UTILITIES RENT", "Salary": "INCOME SALARY",
		"Fuel Station": "TRANSPORTATION GAS", "Interest": "INCOME INTEREST_EARNED",
		"Toll Road": "TRANSPORTATION TOLLS", "Transfer to Savings": "TRANSFER_OUT SAVINGS",
		"Transfer from Checking": "TRANSFER_IN ACCOUNT_TRANSFER", "Card Payment": "LOAN_PAYMENTS CREDIT_CARD_PAYMENT",
		"Car Loan Payment": "LOAN_PAYMENTS CAR_PAYMENT",
	} {
		if name == text {
			primary, detailed, _ = strings.Cut(both, " ")
			return primary, primary + "_" + detailed
		}
	}
	return "", ""
}
