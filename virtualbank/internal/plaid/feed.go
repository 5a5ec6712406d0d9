package plaid

// This file decides when the rows of a bank reach an Item.

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// How long Plaid works on a new Item, and how often it asks an institution afterwards. The real
// numbers are seconds to minutes, and one to four times a day.
const (
	initialAfter    = 3 * time.Second
	historicalAfter = 6 * time.Second
	asksEvery       = 6 * time.Hour
	initialDays     = 30
)

// phase is how far the first fetch of transactions is.
type phase int

const (
	phaseNone phase = iota
	phaseInitial
	phaseHistorical
)

func (p phase) String() string {
	return [...]string{"NOT_READY", "INITIAL_UPDATE_COMPLETE", "HISTORICAL_UPDATE_COMPLETE"}[p]
}

// feed is what Plaid has of the transactions of an Item.
type feed struct {
	started time.Time // since when Plaid fetches, zero while the product is not on the Item
	days    int
	phase   phase
	updated time.Time // the last successful look
	failed  time.Time
	synced  bool      // /transactions/sync was called
	states  []fetched // what the looks found, where that was new
	latest  []row     // of the last state
	pending map[string]int
	churn   int
	ids     bank.IDs // of days that were renumbered
	cached  changeList
	staged  []stagedRecord
	forgot  bool      // cursors are refused until a sync starts without one
	circles int       // pages that repeat
	mutates bool      // the next page within a round is refused
	hidden  time.Time // until when the Item is not ready
	ignores time.Time // until when lists ignore the days asked for
}

// fetched is one state of the transactions that Plaid has.
type fetched struct {
	at    time.Time
	first bank.Day // rows before are not served
	churn int
	ids   bank.IDs
}

// row is a transaction in one state.
type row struct {
	id, pendingID string
	account       *bank.Account
	event         *bank.Event
	date          bank.Day
	day           string // as it is written
	amount        string
	currency      string
	pending       bool
	text, raw     string
}

// startFeed lets Plaid fetch the transactions.
func (it *item) startFeed(now time.Time) {
	if it.feed.started.IsZero() {
		it.feed.started = now
	}
}

// settleFeed lets Plaid look at the institution when it is time.
func (it *item) settleFeed(now time.Time) {
	f := &it.feed
	if f.started.IsZero() || it.err.name != "" {
		return
	}
	if it.bank.Outages[it.institution.Name] {
		if f.updated.IsZero() || now.Sub(f.updated) >= asksEvery {
			f.failed = now
		}
		return
	}
	if due := f.started.Add(initialAfter); f.phase == phaseNone && !now.Before(due) {
		it.fetch(due, phaseInitial)
	}
	if due := f.started.Add(historicalAfter); f.phase == phaseInitial && !now.Before(due) {
		it.fetch(due, phaseHistorical)
	}
	if passed := now.Sub(f.updated).Truncate(asksEvery); f.phase == phaseHistorical && passed > 0 {
		it.fetch(f.updated.Add(passed), phaseHistorical)
	}
}

// refresh lets Plaid look at once, and finishes a first fetch.
func (it *item) refresh(now time.Time) {
	if it.err.name == "" && !it.bank.Outages[it.institution.Name] {
		it.investedAt, it.investedFrom = now, now
	}
	if it.feed.started.IsZero() || it.err.name != "" {
		return
	}
	if it.bank.Outages[it.institution.Name] {
		it.feed.failed = now
		return
	}
	if it.feed.phase == phaseNone {
		it.fetch(now, phaseInitial)
	}
	it.fetch(now, phaseHistorical)
}

// fetch is one look at the institution. It announces what is new.
func (it *item) fetch(at time.Time, to phase) {
	f := &it.feed
	days := f.days
	if to == phaseInitial {
		days = min(days, initialDays)
	}
	state := fetched{at: at, first: bank.DayOf(f.started) - bank.Day(days), churn: f.churn, ids: f.ids}
	rows := it.render(state, len(f.states)+1)
	list := compare(f.latest, rows)
	step := to != f.phase
	f.phase, f.updated = to, at
	if len(list) == 0 && len(f.states) > 0 {
		if step {
			it.announceRows(at, list, step)
		}
		return
	}
	f.states, f.latest = append(f.states, state), rows
	if f.pending == nil {
		f.pending = map[string]int{}
	}
	for _, r := range rows {
		if _, seen := f.pending[r.event.ID]; r.pending && !seen {
			f.pending[r.event.ID] = len(f.states)
		}
	}
	it.announceRows(at, list, step)
}

// announceRows announces a look: for readers of /transactions/get always, for those of sync once
// they have called it.
func (it *item) announceRows(at time.Time, list []change, step bool) {
	f := &it.feed
	removed := []string{}
	added := 0
	for _, c := range list {
		switch c.kind {
		case removedRow:
			removed = append(removed, c.row.id)
		case addedRow:
			added++
		case modifiedRow:
		}
	}
	name := "DEFAULT_UPDATE"
	if step {
		name = strings.TrimSuffix(f.phase.String(), "_COMPLETE")
	}
	if step || added > 0 {
		it.announce(at, "TRANSACTIONS", name, map[string]any{"new_transactions": added})
	}
	if len(removed) > 0 {
		it.announce(at, "TRANSACTIONS", "TRANSACTIONS_REMOVED", map[string]any{"removed_transactions": removed})
	}
	if f.synced && (step || len(list) > 0) {
		it.announce(at, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE", map[string]any{
			"initial_update_complete":    f.phase >= phaseInitial,
			"historical_update_complete": f.phase >= phaseHistorical,
		})
	}
}

// render writes down the rows of a state, the oldest first. n is its number.
func (it *item) render(s fetched, n int) []row {
	var list []row
	for _, a := range it.accounts() {
		if kind, _ := kindOf(a); kind == "investment" {
			continue
		}
		for _, r := range it.book.Rows(a, s.at, 0) {
			if r.Date >= s.first || r.Spec != nil {
				list = append(list, it.row(s, a, r, n))
			}
		}
	}
	slices.SortStableFunc(list, func(x, y row) int {
		return cmp.Or(cmp.Compare(x.date, y.date), cmp.Compare(x.id, y.id))
	})
	return list
}

// row is a row of the book as a state has it. A pending row and the posted one have different ids.
func (it *item) row(s fetched, a *bank.Account, r bank.Row, n int) row {
	e := r.Event
	parts := []string{it.id, s.ids.Of(e.ID), strconv.Itoa(s.churn)}
	posted, pending := it.bank.Name58(37, parts...), ""
	if seen, ok := it.feed.pending[e.ID]; (r.Pending || (ok && seen < n)) && !e.KeepsID {
		pending = it.bank.Name58(37, append(parts, "pending")...)
	}
	out := row{
		id: posted, account: a, event: e, date: r.Date, day: r.Date.String(), pending: r.Pending, text: e.Text,
		amount: bank.Plain(-r.Amount, a.Currency), currency: a.Currency,
	}
	switch {
	case r.Pending && pending != "":
		out.id = pending
	case !e.Unmatched:
		out.pendingID = pending
	}
	if raw := it.book.RawText(e, s.at); raw != nil {
		out.raw = *raw
	}
	if spec := r.Spec; spec != nil {
		out.scripted(spec)
	}
	return out
}

// scripted writes a row as a script has it. A credit is money into the account, so negative.
func (r *row) scripted(spec *bank.Scripted) {
	r.amount = spec.Amount
	if spec.Type == "credit" && spec.Amount != "" {
		if text, negative := strings.CutPrefix(spec.Amount, "-"); negative {
			r.amount = text
		} else {
			r.amount = "-" + spec.Amount
		}
	}
	if spec.Currency != "" {
		r.currency = spec.Currency
	}
	if spec.NoCurrency {
		r.currency = ""
	}
	if spec.Date != "" {
		r.day = spec.Date
	}
}
