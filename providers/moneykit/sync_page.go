package moneykit

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// syncPage is one answer of a sync on its way into a delta.
type syncPage struct {
	api   *api
	req   *bankmux.SyncRequest
	link  string
	today bankmux.Date
	delta bankmux.Delta

	created, updated *syncRows
	named            []string        // accounts with rows on the page
	ids              []string        // of the accounts of the link, once they are asked for
	looked, alive    map[string]bool // aliases that were looked for, and those that MoneyKit still lists
	empty            bool            // a list was empty where rows are known
	kept             map[string]bool // keys of known rows that this page told of
}

func newSyncPage(a *adapter, req *bankmux.SyncRequest) *syncPage {
	p := &syncPage{
		api: a.api, today: a.today(), req: req, link: req.Connection.Credential().Reveal(), ids: req.Accounts,
		looked: map[string]bool{}, alive: map[string]bool{}, kept: map[string]bool{},
	}
	p.created, p.updated = &syncRows{page: p, name: "created"}, &syncRows{page: p, name: "updated"}
	return p
}

// The reasons of this adapter.
const (
	reasonUpdated  = "the provider updated it"
	reasonRemoved  = "the provider removed it"
	reasonVanished = "the provider does not list it any more"
)

const (
	around      = 12 // days before and after a row where its other forms may lie
	pendingDays = 60 // how long a row may be pending
	lookDays    = 31 // days of known rows that are looked for at a time

	mostReadings = 3    // of a list that changes while it is read
	mostPages    = 1000 // of all these together
)

// The days of all rows.
var (
	firstDay = bankmux.NewDate(1, time.January, 1)
	lastDay  = bankmux.NewDate(9999, time.December, 31)
)

// merge applies the three lists in MoneyKit's order: created, then updated, then removed. What is left are the accounts' rows, an id once.
func (p *syncPage) merge(removed []string) (byAccount map[string][]bankmux.Transaction, updated map[string]bool) {
	byAccount, updated = map[string][]bankmux.Transaction{}, map[string]bool{}
	last := map[string]int{}
	all := slices.Concat(p.created.rows, p.updated.rows)
	for i := range all {
		last[all[i].ID] = i
		if i >= len(p.created.rows) {
			updated[all[i].ID] = true
		}
	}
	for _, id := range removed {
		last[id] = -1
	}
	for i, row := range all {
		if row.ID == "" || last[row.ID] == i {
			byAccount[row.Account] = append(byAccount[row.Account], row)
		}
	}
	return byAccount, updated
}

// compare finds what the page's rows are of what the application knows.
func (p *syncPage) compare(ctx context.Context, removed []string, cursor *reconcile.Cursor, more bool) error {
	byAccount, updated := p.merge(removed)
	if p.req.Known == nil {
		p.blind(byAccount, updated, removed)
		return nil
	}
	gone := make(map[string]bool, len(removed))
	for _, id := range removed {
		alias := reconcile.Alias(Name, id)
		gone[alias], p.looked[alias] = true, true
	}
	for _, account := range sortedKeys(byAccount) {
		if err := p.compareAccount(ctx, account, byAccount[account], updated, cursor, more); err != nil {
			return err
		}
	}
	if len(gone) == 0 {
		return nil
	}
	rows, err := p.known(ctx, firstDay, lastDay, func(k *bankmux.Known) bool { return gone[aliasOf(k)] && !p.kept[k.Key] })
	if err != nil {
		return err
	}
	for _, k := range rows {
		p.kept[k.Key] = true
		if !more {
			p.delta.Removed = append(p.delta.Removed, bankmux.Absence{Known: k, Reason: reasonRemoved})
			continue
		}
		k.Missed++ // a later page may show it under another id
		p.delta.Missing = append(p.delta.Missing, bankmux.Absence{Known: k, Reason: reasonRemoved})
		cursor.Missed = true
	}
	return nil
}

// blind tells of a page without what the application knows: rows go by MoneyKit's ids.
func (p *syncPage) blind(byAccount map[string][]bankmux.Transaction, updated map[string]bool, removed []string) {
	for _, account := range sortedKeys(byAccount) {
		res := reconcile.Compare(nil, reconcile.Reading{Provider: Name, Account: p.req.AccountName(account), Rows: byAccount[account]})
		for _, a := range res.Added {
			if !updated[a.Row.ID] {
				p.delta.Added = append(p.delta.Added, a)
				continue
			}
			was := &bankmux.Known{Account: a.Known.Account, Aliases: a.Known.Aliases}
			p.delta.Modified = append(p.delta.Modified, bankmux.Change{Was: was, Row: a.Row, Known: a.Known, Reason: reasonUpdated})
		}
	}
	for _, id := range removed {
		was := bankmux.Known{Aliases: []string{reconcile.Alias(Name, id)}}
		p.delta.Removed = append(p.delta.Removed, bankmux.Absence{Known: was, Reason: reasonRemoved})
	}
}

// compareAccount compares as if all known rows that the page does not show were gone, looks for those of which that would matter, and compares again
// until it is so.
func (p *syncPage) compareAccount(ctx context.Context, account string, rows []bankmux.Transaction, updated map[string]bool, cursor *reconcile.Cursor, more bool) error {
	if err := reconcile.Names(p.req, append(p.named, account)); err != nil {
		return err
	}
	p.named = append(p.named, account)
	in := reconcile.Reading{
		Provider: Name, Account: p.req.AccountName(account), From: rows[0].Date, To: rows[0].Date, Rows: rows, More: more,
		Gone: func(alias string) bool { return !p.alive[alias] },
	}
	if cursor.Fetched == 0 && !cursor.Carried { // the first round and nothing known before it: what is known has just been shown
		in.Gone = func(alias string) bool { return p.looked[alias] && !p.alive[alias] }
	}
	shown, sought := make(map[string]bool, len(rows)), map[string]bool{} // aliases on the page, and those of updated rows that are yet to be found
	for i := range rows {
		in.From, in.To = earlier(in.From, rows[i].Date), later(in.To, rows[i].Date)
		alias := reconcile.Alias(Name, rows[i].ID)
		shown[alias] = true
		if updated[rows[i].ID] {
			sought[alias] = true
		}
	}
	if mark := cursor.Mark(account); cursor.Carried && (mark.Day.IsZero() || in.From.Before(mark.Day)) {
		mark.Day = in.From
		cursor.Set(mark)
	}
	from, to := in.From, in.To
	in.From, in.To = in.From.AddDays(-around), in.To.AddDays(around)
	known, err := reconcile.Ask(ctx, p.req, in.Account, in.From.AddDays(around-pendingDays), in.To, func(k *bankmux.Known) bool {
		delete(sought, aliasOf(k))
		// Alike are rows of one day; some days off a row may be waiting to be posted.
		return shown[aliasOf(k)] || k.Status != bankmux.StatusBooked || (!k.Date.Before(from) && !k.Date.After(to))
	})
	if err == nil && len(sought) > 0 { // updated rows whose day moved far
		var far []bankmux.Known
		far, err = reconcile.Ask(ctx, p.req, in.Account, firstDay, lastDay, func(k *bankmux.Known) bool { return sought[aliasOf(k)] })
		known = append(known, far...)
	}
	if err != nil {
		return err
	}
	for {
		res := reconcile.Compare(known, in)
		doubtful := p.doubtful(res)
		if len(doubtful) == 0 {
			p.keep(res)
			res.Tell(&p.delta, in.Account)
			return nil
		}
		if err := p.look(ctx, doubtful); err != nil {
			return err
		}
	}
}

// doubtful are the known rows that a comparison took for gone and nobody has looked for.
func (p *syncPage) doubtful(res reconcile.Result) (list []bankmux.Known) {
	ask := func(k *bankmux.Known) {
		if alias := aliasOf(k); alias != "" && !p.looked[alias] {
			list = append(list, *k)
		}
	}
	for i := range res.Replaced {
		ask(res.Replaced[i].Was)
	}
	for i := range res.Suggested {
		ask(res.Suggested[i].Was)
	}
	return list
}

// keep notes which known rows a page told of.
func (p *syncPage) keep(res reconcile.Result) {
	for _, list := range [][]bankmux.Change{res.Modified, res.Replaced} {
		for i := range list {
			p.kept[list[i].Was.Key] = true
		}
	}
	for _, k := range res.Unchanged {
		p.kept[k.Key] = true
	}
}

// look asks MoneyKit which of some known rows it still lists, perhaps as posted by now.
func (p *syncPage) look(ctx context.Context, list []bankmux.Known) error {
	sought := make(map[string]bool, len(list))
	from, to := list[0].Date, list[0].Date
	for i := range list {
		from, to = earlier(from, list[i].Date), later(to, list[i].Date)
		sought[aliasOf(&list[i])] = true
	}
	readings, unread := 1, false // a row without id may be any that is sought
	for mark, pages := (pageMark{page: 1, total: -1}), 0; ; pages++ {
		if pages == mostPages {
			return &bankmux.Error{Kind: bankmux.ErrMalformed, Scope: bankmux.ScopeCall, Detail: "the pages of a few weeks do not end"}
		}
		var answer transactionsAnswer
		answer.Transactions.Bad = func(int) { unread = true }
		answer.Transactions.Each = func(_ int, w *transaction) {
			unread = unread || w.TransactionID == ""
			if alias := reconcile.Alias(Name, w.TransactionID); sought[alias] {
				p.alive[alias] = true
			}
		}
		if err := p.api.transactions(ctx, p.link, window(p.req.Accounts, from, to.AddDays(around), pageSize, mark), &answer); err != nil {
			return err
		}
		if mark.total < 0 && answer.Transactions.N == 0 {
			booked, err := p.known(ctx, from, to.AddDays(around), func(k *bankmux.Known) bool { return k.Status == bankmux.StatusBooked })
			if err != nil {
				return err
			}
			p.empty = p.empty || len(booked) > 0
		}
		next, err := mark.next(answer.Transactions.N, pageSize, answer.Total)
		if err != nil {
			return err
		}
		switch {
		case next != "":
			mark, err = parseMark(next, "SyncRequest.Cursor")
		case mark.moved(answer.Total) && readings < mostReadings:
			readings++
			mark = pageMark{page: 1, total: -1}
		default:
			for alias := range sought {
				p.looked[alias] = true
				if unread || mark.moved(answer.Total) {
					p.alive[alias] = true // a list that changes while it is read, or has unreadable rows, proves nothing gone
				}
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// end finds, at the end of a round, the known rows that are gone without a word.
func (p *syncPage) end(ctx context.Context, cursor *reconcile.Cursor, refreshed bool) error {
	if p.req.Known == nil {
		return nil
	}
	var rows []bankmux.Known
	if refreshed {
		var err error
		rows, err = p.known(ctx, p.today.AddDays(-pendingDays), p.today, func(k *bankmux.Known) bool { return k.Status == bankmux.StatusPending && !p.kept[k.Key] })
		if err != nil {
			return err
		}
	}
	if cursor.Missed && refreshed {
		more, err := p.known(ctx, firstDay, lastDay, func(k *bankmux.Known) bool { return k.Missed > 0 && !p.kept[k.Key] })
		if err != nil {
			return err
		}
		rows = append(rows, more...)
		cursor.Missed = false
	}
	if err := p.gone(ctx, rows, func(k bankmux.Known) {
		if !p.empty {
			p.delta.Removed = append(p.delta.Removed, bankmux.Absence{Known: k, Reason: reasonVanished})
			return
		}
		cursor.Missed = true
		p.delta.Missing = append(p.delta.Missing, bankmux.Absence{Known: k, Reason: reconcile.ReasonEmpty})
		if !slices.Contains(p.delta.Suspect, k.Account) {
			p.delta.Suspect = append(p.delta.Suspect, k.Account)
		}
	}); err != nil || !cursor.Carried {
		return err
	}
	cursor.Carried = false
	return p.carried(ctx, cursor)
}

// carried looks for the rows that were known before the first page, of another link, another provider or a cursor that was given up, between the first day
// that MoneyKit serves and today. They are missing, and looked for once more at the end of the next round.
func (p *syncPage) carried(ctx context.Context, cursor *reconcile.Cursor) error {
	ids, err := p.accounts(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		day := cursor.Mark(id).Day
		for !day.IsZero() && !day.After(p.today) {
			until := day.AddDays(lookDays - 1)
			rows, err := reconcile.Ask(ctx, p.req, p.req.AccountName(id), day, until, func(k *bankmux.Known) bool { return !p.kept[k.Key] })
			if err != nil {
				return err
			}
			if err := p.gone(ctx, rows, func(k bankmux.Known) {
				if k.Missed > 0 && !p.empty {
					p.delta.Removed = append(p.delta.Removed, bankmux.Absence{Known: k, Reason: reasonVanished}) // so was it in a reading before
					return
				}
				k.Missed++
				p.delta.Missing = append(p.delta.Missing, bankmux.Absence{Known: k, Reason: reasonVanished})
				cursor.Missed = true
			}); err != nil {
				return err
			}
			day = until.AddDays(1)
		}
	}
	cursor.Marks = nil
	return nil
}

// gone tells of each of some known rows that MoneyKit does not list, once.
func (p *syncPage) gone(ctx context.Context, rows []bankmux.Known, tell func(bankmux.Known)) error {
	var ask []bankmux.Known
	for i := range rows {
		if alias := aliasOf(&rows[i]); alias != "" && !p.looked[alias] {
			ask = append(ask, rows[i])
		}
	}
	if len(ask) > 0 {
		if err := p.look(ctx, ask); err != nil {
			return err
		}
	}
	for _, k := range rows {
		if !p.alive[aliasOf(&k)] && !p.kept[k.Key] {
			p.kept[k.Key] = true
			tell(k)
		}
	}
	return nil
}

// anyKnown reports whether the application knows rows of the link's accounts.
func (p *syncPage) anyKnown(ctx context.Context) (bool, error) {
	if p.req.Known == nil {
		return false, nil
	}
	ids, err := p.accounts(ctx)
	for _, id := range ids {
		if found, err := reconcile.Knows(ctx, p.req, p.req.AccountName(id)); found || err != nil {
			return found, err
		}
	}
	return false, err
}

// known are the rows of all accounts that the application knows and that are wanted.
func (p *syncPage) known(ctx context.Context, from, to bankmux.Date, want func(*bankmux.Known) bool) (all []bankmux.Known, err error) {
	ids, err := p.accounts(ctx)
	for _, id := range ids {
		rows, err := reconcile.Ask(ctx, p.req, p.req.AccountName(id), from, to, want)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, err
}

// accounts are the ids of the accounts that are synced.
func (p *syncPage) accounts(ctx context.Context) ([]string, error) {
	if p.ids != nil {
		return p.ids, nil
	}
	answer, err := p.api.accounts(ctx, opSync, p.link, nil)
	if err != nil {
		return nil, err
	}
	list, failed := named(&answer.Accounts)
	p.delta.Failed = append(p.delta.Failed, failed...)
	p.ids = []string{}
	for _, acc := range list {
		p.ids = append(p.ids, acc.AccountID)
	}
	return p.ids, reconcile.Names(p.req, p.ids)
}

// aliasOf is the alias under which MoneyKit last showed a known row, "" if it never did.
func aliasOf(k *bankmux.Known) string {
	if i := slices.IndexFunc(k.Aliases, func(a string) bool { return strings.HasPrefix(a, aliasPrefix) }); i >= 0 {
		return k.Aliases[i]
	}
	return ""
}

var aliasPrefix = reconcile.Alias(Name, "")

func earlier(a, b bankmux.Date) bankmux.Date {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b bankmux.Date) bankmux.Date {
	if b.After(a) {
		return b
	}
	return a
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
