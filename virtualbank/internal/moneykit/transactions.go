package moneykit

// This file serves transactions and the sync.

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// transaction is a transaction as MoneyKit writes it.
type transaction struct {
	ID          string          `json:"transaction_id"`
	Account     string          `json:"account_id"`
	Amount      json.RawMessage `json:"amount"`
	Type        string          `json:"type"`
	Currency    string          `json:"currency"`
	Date        string          `json:"date"`
	Datetime    *string         `json:"datetime"`
	Description *string         `json:"description"`
	Raw         *string         `json:"raw_description"`
	Pending     bool            `json:"pending"`
	Category    *string         `json:"category"`
	Enrichment  any             `json:"enrichment"`
	Original    *string         `json:"original_id"`
	keepsID     bool
	label       string // the categories of the enrichment, to detect a correction
}

// stored returns the n-th state of the transactions, the newest first. Pending rows have other ids
// in each state.
func (l *link) stored(n int, accounts []*bank.Account) []transaction {
	return l.storedBetween(n, accounts, math.MinInt, math.MaxInt)
}

// storedBetween returns those from one day to another, both included.
func (l *link) storedBetween(n int, accounts []*bank.Account, from, to int) []transaction {
	if n == 0 {
		return nil
	}
	state := l.history[n-1]
	var list []transaction
	for _, a := range accounts {
		id := l.accountID(a)
		for _, r := range l.book.Rows(a, state.at, 0) {
			if within(r, from, to) { // checked first, because most reads are of a few days
				list = append(list, l.transaction(id, a, r, n))
			}
		}
	}
	slices.SortStableFunc(list, newestFirst)
	return list
}

// newestFirst compares two transactions by day.
func newestFirst(x, y transaction) int {
	return cmp.Compare(y.Date[:min(10, len(y.Date))], x.Date[:min(10, len(x.Date))])
}

// within reports whether MoneyKit lists a row between two days. A row with an invalid day is always
// listed.
func within(r bank.Row, from, to int) bool {
	on := r.Date
	if r.Spec != nil && r.Spec.Date != "" {
		var ok bool
		if on, ok = bank.ParseDay(r.Spec.Date[:min(10, len(r.Spec.Date))]); !ok {
			return true
		}
	}
	return from <= int(on) && int(on) <= to
}

// transaction returns a row as the n-th state has it.
func (l *link) transaction(accountID string, a *bank.Account, r bank.Row, n int) transaction {
	state := l.history[n-1]
	parts := []string{state.ids.Of(r.Event.ID), strconv.Itoa(state.churn)}
	if r.Pending && !r.Event.KeepsID {
		parts = append(parts, "pending", strconv.Itoa(state.refresh))
	}
	t := transaction{
		ID:          l.transactionID(parts),
		Account:     accountID,
		Type:        "credit",
		Currency:    a.Currency,
		Amount:      quoted(bank.Plain(bank.Abs(r.Amount), a.Currency)),
		Date:        r.Date.String(),
		Pending:     r.Pending,
		Description: &r.Event.Text,
		Raw:         l.book.RawText(r.Event, state.at),
		Original:    r.Event.Original,
		keepsID:     r.Event.KeepsID,
		Datetime:    r.Event.Moment,
	}
	if r.Event.NoText {
		t.Description, t.Raw = nil, nil
	}
	t.Enrichment, t.label = enrich(r.Event.Text, l.corrected(a, r.Event, n))
	if r.Amount < 0 {
		t.Type = "debit"
	}
	if s := r.Spec; s != nil {
		t.Amount, t.Type = nil, s.Type
		if s.Amount != "" {
			t.Amount = quoted(s.Amount)
		}
		if s.AsNumber {
			t.Amount = json.RawMessage(s.Amount)
		}
		if s.Currency != "" {
			t.Currency = s.Currency
		}
		if s.NoCurrency {
			t.Currency = ""
		}
		if s.Date != "" {
			t.Date = s.Date
		}
	}
	return t
}

// transactionID returns the id that follows from the parts. It is remembered, since every page of a
// sync compares all rows of two states.
func (l *link) transactionID(parts []string) string {
	key := strings.Join(parts, "\x00")
	id, known := l.transactionIDs[key]
	if !known {
		id = "txn_" + l.bank.Name58(22, append([]string{l.id}, parts...)...)
		if l.transactionIDs == nil {
			l.transactionIDs = map[string]string{}
		}
		l.transactionIDs[key] = id
	}
	return id
}

// quoted returns a text as JSON.
func quoted(text string) json.RawMessage {
	raw, _ := json.Marshal(text) // a text can be encoded
	return raw
}

// pageQuery is the query of a paged list: page, size, and the days of start_date and end_date.
type pageQuery struct{ page, size, from, to int }

// readPages reads the query of a paged list. If ok is false, it returns the refusal.
func readPages(q url.Values, today bank.Day) (out pageQuery, p bank.Reply, ok bool) {
	out = pageQuery{page: 1, size: 50, from: int(today) - 90, to: int(today)}
	for name, n := range map[string]struct {
		into *int
		max  int
	}{"page": {&out.page, 1 << 30}, "size": {&out.size, 1000}} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		v, err := strconv.Atoi(text)
		switch {
		case err != nil:
			return out, queryFault(name, "value is not a valid integer", "type_error.integer"), false
		case v < 1:
			return out, queryFault(
				name,
				"ensure this value is greater than or equal to 1",
				"value_error.number.not_ge",
			), false
		case v > n.max:
			return out, queryFault(
				name,
				"ensure this value is less than or equal to "+strconv.Itoa(n.max),
				"value_error.number.not_le",
			), false
		}
		*n.into = v
	}
	for name, into := range map[string]*int{"start_date": &out.from, "end_date": &out.to} {
		if text := q.Get(name); text != "" {
			d, ok := bank.ParseDay(text)
			if !ok {
				return out, queryFault(name, "invalid date format", "value_error.date"), false
			}
			*into = int(d)
		}
	}
	return out, bank.Reply{}, true
}

// pageOf returns one page of a list.
func pageOf[T any](list []T, q pageQuery) []T {
	from := min((q.page-1)*q.size, len(list))
	return append([]T{}, list[from:min(from+q.size, len(list))]...)
}

// serveTransactions serves GET /links/{id}/transactions.
func (b *Provider) serveTransactions(c *bank.Call) bank.Reply {
	q, refusal, ok := readPages(c.Request.URL.Query(), bank.DayOf(b.Now()))
	if !ok {
		return refusal
	}
	return b.withData(c, "transactions", func(l *link) bank.Reply {
		wanted := l.wanted(c)
		q = l.withoutDays(q)
		list := l.storedBetween(len(l.history), wanted, q.from, q.to)
		page := pageOf(list, q)
		return bank.Reply{Status: http.StatusOK, Body: map[string]any{
			"total":        len(list),
			"page":         q.page,
			"size":         len(page),
			"transactions": page,
			"accounts":     l.accountList(wanted),
			"link":         l.wire(),
		}}
	})
}

// withoutDays returns the query without its days while DaysIgnored is staged.
func (l *link) withoutDays(q pageQuery) pageQuery {
	if l.bank.Now().Before(l.daysIgnoredUntil) {
		q.from, q.to = math.MinInt, math.MaxInt
	}
	return q
}

// serveUserTransactions serves the transactions of all connected links of a user.
func (b *Provider) serveUserTransactions(c *bank.Call) bank.Reply {
	q, refusal, ok := readPages(c.Request.URL.Query(), bank.DayOf(b.Now()))
	if !ok {
		return refusal
	}
	b.Lock()
	defer b.Unlock()
	ids := c.Request.URL.Query()["account_id"]
	var list []transaction
	accounts := map[string]any{}
	for _, l := range b.connectedLinks(c.Vars["id"]) {
		var wanted []*bank.Account
		for _, a := range l.accounts() {
			if len(ids) == 0 || slices.Contains(ids, l.accountID(a)) {
				wanted = append(wanted, a)
				accounts[l.accountID(a)] = map[string]any{
					"name":           a.Name,
					"last_synced_at": timestamp(l.synced),
					"institution_id": l.institution.MoneyKitID,
					"link_id":        l.id,
				}
			}
		}
		if l.products["transactions"] != nil {
			q := l.withoutDays(q)
			list = append(list, l.storedBetween(len(l.history), wanted, q.from, q.to)...)
		}
	}
	slices.SortStableFunc(list, newestFirst)
	page := pageOf(list, q)
	return bank.Reply{
		Status: http.StatusOK,
		Body: map[string]any{
			"total":        len(list),
			"page":         q.page,
			"size":         len(page),
			"transactions": page,
			"accounts":     accounts,
		},
	}
}

// syncMark is a place in a sync. It names the state that the client has, the state that it is
// brought to, and the number of changes that it has received.
type syncMark struct{ from, to, at int }

// syncCursor returns the cursor for a place in the sync of a link. It contains a keyed digest of
// the link's id. The id itself gives access to the link, and clients store cursors in the clear.
func (b *Provider) syncCursor(m syncMark, linkID string) string {
	place := fmt.Sprintf("%d %d %d", m.from, m.to, m.at)
	return base64.RawURLEncoding.EncodeToString([]byte("sync " + place + " " + b.Name58(16, "cursor", linkID, place)))
}

// readSyncMark reads a cursor of a link.
func (b *Provider) readSyncMark(text, linkID string) (m syncMark, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return m, false
	}
	n, err := fmt.Sscanf(string(raw), "sync %d %d %d", &m.from, &m.to, &m.at)
	return m, n == 3 && err == nil && m.from >= 0 && m.to >= m.from && m.at >= 0 && text == b.syncCursor(m, linkID)
}

// change is one entry of a sync: a transaction created or updated, or the id of one removed.
type change struct {
	created, updated *transaction
	removed          string
}

// changes returns the changes between two states. MoneyKit reports the creation of a pending row
// but not its end.
func (l *link) changes(from, to int) []change {
	before := map[string]transaction{}
	for _, t := range l.stored(from, l.accounts()) {
		if !t.Pending || t.keepsID {
			before[t.ID] = t
		}
	}
	var list []change
	for _, t := range l.stored(to, l.accounts()) {
		old, known := before[t.ID]
		delete(before, t.ID)
		switch {
		case !known && (!t.Pending || to > from):
			list = append(list, change{created: &t})
		case known && old.differs(t):
			list = append(list, change{updated: &t})
		}
	}
	var gone []string
	for id := range before {
		gone = append(gone, id)
	}
	slices.Sort(gone)
	for _, id := range gone {
		list = append(list, change{removed: id})
	}
	return list
}

// differs reports whether a sync reports the row as updated.
func (old transaction) differs(t transaction) bool {
	return string(old.Amount)+old.Date != string(t.Amount)+t.Date || old.Pending != t.Pending ||
		old.label != t.label || !sameText(old.Raw, t.Raw)
}

// sameText compares two optional texts.
func sameText(a, b *string) bool { return a == b || (a != nil && b != nil && *a == *b) }

// serveSync serves GET /links/{id}/transactions/sync.
func (b *Provider) serveSync(c *bank.Call) bank.Reply {
	q := c.Request.URL.Query()
	size := 50
	if text := q.Get("size"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil || size < 1 || size > 500 {
			return queryFault("size", "ensure this value is between 1 and 500", "value_error.number")
		}
	}
	return b.withData(c, "transactions", func(l *link) bank.Reply {
		var m syncMark
		text := q.Get("cursor")
		l.cursorForgotten = l.cursorForgotten && text != ""
		if text != "" {
			var ok bool
			if m, ok = b.readSyncMark(text, l.id); !ok || m.to > len(l.history) || l.cursorForgotten {
				return queryFault("cursor", "invalid cursor", "value_error")
			}
		}
		if m.at == 0 {
			m.to = len(l.history)
		}
		if l.repeatingPages > 0 {
			l.repeatingPages--
			m.at = 1 - m.at%2
			return b.syncReply(l, nil, m, true)
		}
		list := l.withSituations(l.changes(m.from, m.to), m.from, m.to)
		end := min(m.at+size, len(list))
		more := end < len(list)
		next := syncMark{m.to, m.to, 0}
		if more {
			next = syncMark{m.from, m.to, end}
		}
		return b.syncReply(l, list[min(m.at, len(list)):end], next, more)
	})
}

// syncReply returns one page of a sync.
func (b *Provider) syncReply(l *link, page []change, next syncMark, more bool) bank.Reply {
	created, updated, removed := []transaction{}, []transaction{}, []string{}
	for _, ch := range page {
		switch {
		case ch.created != nil:
			created = append(created, *ch.created)
		case ch.updated != nil:
			updated = append(updated, *ch.updated)
		default:
			removed = append(removed, ch.removed)
		}
	}
	return bank.Reply{Status: http.StatusOK, Body: map[string]any{
		"transactions": map[string]any{"created": created, "updated": updated, "removed": removed},
		"accounts":     l.accountList(l.accounts()),
		"cursor":       map[string]any{"next": b.syncCursor(next, l.id)},
		"has_more":     more,
		"link":         l.wire(),
	}}
}
