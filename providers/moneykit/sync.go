package moneykit

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/wire"
	"github.com/bankmux/bankmux/reconcile"
)

// opSync is the operation of this file, as errors name it.
const opSync = "Sync"

// mostSync is the largest page of a sync.
const mostSync = 500

// syncAnswer: the three lists have no order, and one id may be in two of them.
type syncAnswer struct {
	linked
	Transactions struct {
		Created wire.Rows[transaction] `json:"created"`
		Updated wire.Rows[transaction] `json:"updated"`
		Removed []string               `json:"removed"`
	} `json:"transactions"`
	Cursor struct {
		Next string `json:"next"`
	} `json:"cursor"`
	HasMore bool `json:"has_more"`
}

// sync is GET /links/{id}/transactions/sync.
func (a *api) sync(ctx context.Context, link string, query url.Values, answer *syncAnswer) error {
	return a.onLink(ctx, opSync, link, "/transactions/sync", query, answer, "transactions")
}

// around is how many days before and after a row its other forms may lie.
const around = 12

// Sync reads a page of MoneyKit's own record of changes. What it leaves untold is found with Known: which row a pending one became, which row is the same
// under another id, and, on the last page after a refresh, which pending rows are gone.
func (a *adapter) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	cursor, err := reconcile.ParseCursor(req.Cursor, req.Connection)
	if err != nil {
		return bankmux.Delta{}, err
	}
	size := req.PageSize
	if size == 0 || size > mostSync {
		size = mostSync
	}
	query := url.Values{"size": {strconv.Itoa(size)}}
	if cursor.Provider != "" {
		query.Set("cursor", cursor.Provider)
	}
	delta := bankmux.Delta{}
	page := syncPage{req: &req, rows: map[string][]bankmux.Transaction{}, at: map[string]int{}, delta: &delta}
	var answer syncAnswer
	answer.Transactions.Created.Each, answer.Transactions.Updated.Each = page.take, page.take
	link := req.Connection.Credential().Reveal()
	if err := a.api.sync(ctx, link, query, &answer); err != nil {
		if e, ok := errors.AsType[*bankmux.Error](err); ok && strings.HasSuffix(e.Field, ".cursor") { // what MoneyKit answers to an invalid one is not documented
			refused := *e
			refused.Field, refused.Detail = "SyncRequest.Cursor", "MoneyKit does not know the cursor any more: begin again without one; with Known nothing is doubled"
			err = &refused
		}
		return bankmux.Delta{}, err
	}
	if answer.HasMore && (answer.Cursor.Next == "" || answer.Cursor.Next == cursor.Provider) {
		return bankmux.Delta{}, &bankmux.Error{Kind: bankmux.ErrMalformed, Scope: bankmux.ScopeCall, Detail: "MoneyKit says that there is more and not where"}
	}
	fetchedAt := asOf(answer.Link, "transactions")
	if cursor.Fetched > 0 && fetchedAt.UnixMicro() > cursor.Fetched && req.Known != nil {
		if err := a.findGone(ctx, link, &page); err != nil {
			return bankmux.Delta{}, err
		}
	}
	if err := page.compare(ctx, answer.Transactions.Removed); err != nil {
		return bankmux.Delta{}, err
	}
	delta.More = answer.HasMore
	if answer.Cursor.Next != "" {
		cursor.Provider = answer.Cursor.Next
	}
	if !delta.More {
		page.sweep()
		if !fetchedAt.IsZero() {
			cursor.Fetched = fetchedAt.UnixMicro()
		}
	}
	delta.Next = cursor.String()
	return delta, nil
}

// syncPage is one answer on its way into a delta.
type syncPage struct {
	req   *bankmux.SyncRequest
	rows  map[string][]bankmux.Transaction // by account
	at    map[string]int                   // where an id lies in its account's rows
	gone  []bankmux.Known                  // pending rows that a refresh threw away
	delta *bankmux.Delta
}

// take keeps a row. One id created and updated in one answer is one row, as updated: that list comes second.
func (p *syncPage) take(i int, w *transaction) {
	if len(p.req.Accounts) > 0 && !slices.Contains(p.req.Accounts, w.AccountID) {
		return
	}
	var row bankmux.Transaction
	if fault := w.fill(&row, true); fault != nil {
		p.delta.Failed = append(p.delta.Failed, bankmux.Failure{Account: w.AccountID, Transaction: rowName(w.TransactionID, i), Err: fault})
		return
	}
	if at, ok := p.at[row.ID]; ok {
		p.rows[row.Account][at] = row
		return
	}
	p.at[row.ID] = len(p.rows[row.Account])
	p.rows[row.Account] = append(p.rows[row.Account], row)
}

// compare finds what the page's rows are of what the application knows.
func (p *syncPage) compare(ctx context.Context, removed []string) error {
	gone := map[string]bool{}
	for _, k := range p.gone {
		gone[k.Aliases[0]] = true
	}
	for _, account := range sortedKeys(p.rows) {
		rows := p.rows[account]
		in := reconcile.Reading{Provider: Name, Account: p.req.AccountName(account), From: rows[0].Date, To: rows[0].Date, Rows: rows, Gone: gone}
		for i := range rows {
			if rows[i].Date.Before(in.From) {
				in.From = rows[i].Date
			}
			if rows[i].Date.After(in.To) {
				in.To = rows[i].Date
			}
		}
		in.From, in.To = in.From.AddDays(-around), in.To.AddDays(around)
		if err := reconcile.Into(ctx, p.delta, p.req, in); err != nil {
			return err
		}
	}
	return p.remove(ctx, removed)
}

// remove tells of the rows MoneyKit says are gone. They come as ids alone, so the application's rows are gone through for them; a row that has another id by
// now is not meant.
func (p *syncPage) remove(ctx context.Context, removed []string) error {
	if len(removed) == 0 {
		return nil
	}
	gone := map[string]bool{}
	for _, id := range removed {
		gone[reconcile.Alias(Name, id)] = true
	}
	if p.req.Known == nil {
		for _, id := range removed {
			p.delta.Removed = append(p.delta.Removed, bankmux.Absence{Known: bankmux.Known{Aliases: []string{reconcile.Alias(Name, id)}}, Reason: reasonRemoved})
		}
		return nil
	}
	kept := map[string]bool{} // rows that this very page knows under another id
	for _, list := range [][]bankmux.Change{p.delta.Replaced, p.delta.Modified} {
		for _, ch := range list {
			kept[ch.Was.Key] = true
		}
	}
	first, last := bankmux.NewDate(1, time.January, 1), bankmux.NewDate(9999, time.December, 31)
	for _, account := range p.accounts() {
		for k, err := range p.req.Known(ctx, account, first, last) {
			if err != nil {
				_, err = reconcile.Collect(func(yield func(bankmux.Known, error) bool) { yield(bankmux.Known{}, err) })
				return err
			}
			if len(k.Aliases) > 0 && gone[k.Aliases[0]] && !kept[k.Key] {
				p.delta.Removed = append(p.delta.Removed, bankmux.Absence{Known: k, Reason: reasonRemoved})
			}
		}
	}
	return nil
}

const (
	reasonRemoved  = "the provider removed it"
	reasonVanished = "it was pending and a refresh threw it away"
)

// accounts are the application's names of the accounts that were asked for, "" for all.
func (p *syncPage) accounts() []string {
	if len(p.req.Accounts) == 0 {
		return []string{""}
	}
	var names []string
	for _, id := range p.req.Accounts {
		names = append(names, p.req.AccountName(id))
	}
	return names
}

// findGone finds the pending rows that are gone: MoneyKit makes new ones at each refresh and does not report the end of the old. What is pending now
// is read once more, from the first day on which a known row is pending.
func (a *adapter) findGone(ctx context.Context, link string, page *syncPage) error {
	req, day := page.req, today()
	from := day
	for _, account := range page.accounts() {
		for k, err := range req.Known(ctx, account, day.AddDays(-pendingDays), day) {
			if err != nil {
				_, err = reconcile.Collect(func(yield func(bankmux.Known, error) bool) { yield(bankmux.Known{}, err) })
				return err
			}
			if k.Status == bankmux.StatusPending && len(k.Aliases) > 0 {
				page.gone = append(page.gone, k)
				if k.Date.Before(from) {
					from = k.Date
				}
			}
		}
	}
	if len(page.gone) == 0 {
		return nil
	}
	alive := map[string]bool{}
	for mark := (pageMark{page: 1, total: -1}); ; {
		var answer transactionsAnswer
		answer.Transactions.Each = func(_ int, w *transaction) { alive[reconcile.Alias(Name, w.TransactionID)] = true }
		if err := a.api.transactions(ctx, link, window(req.Accounts, from, day, pageSize, mark), &answer); err != nil {
			return err
		}
		next, err := mark.next(answer.Transactions.N, pageSize, answer.Total)
		if err != nil {
			return err
		}
		if next == "" {
			break
		}
		if mark, err = parseMark(next, "SyncRequest.Cursor"); err != nil {
			return err
		}
	}
	page.gone = slices.DeleteFunc(page.gone, func(k bankmux.Known) bool { return alive[k.Aliases[0]] })
	return nil
}

// sweep tells of the pending rows that are gone and became no other.
func (p *syncPage) sweep() {
	found := map[string]bool{}
	for _, list := range [][]bankmux.Change{p.delta.Replaced, p.delta.Modified} {
		for _, ch := range list {
			found[ch.Was.Key] = true
		}
	}
	for _, k := range p.gone {
		if !found[k.Key] {
			p.delta.Removed = append(p.delta.Removed, bankmux.Absence{Known: k, Reason: reasonVanished})
		}
	}
}

// pendingDays is how long a row may be pending.
const pendingDays = 60

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
