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
	removed          map[string]bool // aliases that the page says are removed
	looked           map[string]bool // keys of known rows that were looked for
	alive            map[naming]bool // names under which MoneyKit still lists them
	listed           map[string]bool // the same, by the alias alone
	taken            map[naming]bool // names under which MoneyKit lists another row
	elsewhere        map[string]bool // keys of known rows that it lists under an id it has not reported
	shown            map[string]bool // aliases of all rows on the page
	empty            bool            // a list was empty where rows are known
	missed           bool            // the page has missing rows
	kept             map[string]bool // keys of known rows that this page reported on
}

// naming is a known row, by its key, under one of its aliases.
type naming struct{ key, alias string }

func newSyncPage(a *adapter, req *bankmux.SyncRequest) *syncPage {
	p := &syncPage{
		api: a.api, today: a.today(), req: req, link: req.Connection.Credential().Reveal(), ids: req.Accounts,
		removed: map[string]bool{}, looked: map[string]bool{}, alive: map[naming]bool{}, listed: map[string]bool{},
		kept: map[string]bool{}, taken: map[naming]bool{}, elsewhere: map[string]bool{}, shown: map[string]bool{},
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

// compare finds what the page's rows are of what the application knows.
func (p *syncPage) compare(ctx context.Context, removed []string, cursor *reconcile.Cursor, more bool) error {
	byAccount, updated := p.merge(removed)
	if p.req.Known == nil {
		p.blind(byAccount, updated, removed)
		return nil
	}
	for _, id := range removed {
		p.removed[reconcile.Alias(Name, id)] = true
	}
	for _, rows := range byAccount {
		for i := range rows {
			p.shown[reconcile.Alias(Name, rows[i].ID)] = true
		}
	}
	for _, account := range sortedKeys(byAccount) {
		if err := p.compareAccount(ctx, account, byAccount[account], updated, cursor, more); err != nil {
			return err
		}
	}
	if len(removed) == 0 {
		return nil
	}
	return p.withdrawn(ctx, cursor, more)
}

// withdrawn reports the known rows of the ids that the page says are removed. A row that has got
// another alias, perhaps of another link to the same account, is looked for under all of them.
func (p *syncPage) withdrawn(ctx context.Context, cursor *reconcile.Cursor, more bool) error {
	var renamed []bankmux.Known
	rows, err := p.known(ctx, firstDay, lastDay, func(k *bankmux.Known) bool {
		switch {
		case p.kept[k.Key]:
		case p.removed[aliasOf(k)]:
			return true
		case slices.ContainsFunc(k.Aliases, func(a string) bool { return p.removed[a] }):
			renamed = append(renamed, *k)
		}
		return false
	})
	if err != nil {
		return err
	}
	for _, k := range rows {
		p.kept[k.Key] = true
		p.lost(k, reasonRemoved, cursor, more)
	}
	return p.gone(ctx, renamed, func(k bankmux.Known) { p.lost(k, reasonRemoved, cursor, more || p.empty) })
}

// lost reports a row that MoneyKit has no more. While there are more pages it is missing only, for
// a later one may show it under another id.
func (p *syncPage) lost(k bankmux.Known, reason string, cursor *reconcile.Cursor, more bool) {
	if !more {
		p.delta.Removed = append(p.delta.Removed, bankmux.Absence{Known: k, Reason: reason})
		return
	}
	k.Missed++
	p.delta.Missing = append(p.delta.Missing, bankmux.Absence{Known: k, Reason: reason})
	cursor.Missed, p.missed = true, true
}

// blind tells of a page without what the application knows: rows go by MoneyKit's ids.
func (p *syncPage) blind(byAccount map[string][]bankmux.Transaction, updated map[rowID]bool, removed []string) {
	for _, account := range sortedKeys(byAccount) {
		res := reconcile.Compare(nil, reconcile.Reading{Provider: Name, Account: p.req.AccountName(account), Rows: byAccount[account]})
		for _, a := range res.Added {
			if !updated[rowID{account, a.Row.ID}] {
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

// compareAccount compares as if all known rows that the page does not show were gone, looks for
// those of which that would matter, and compares again until it is so.
func (p *syncPage) compareAccount(
	ctx context.Context, account string, rows []bankmux.Transaction, updated map[rowID]bool, cursor *reconcile.Cursor, more bool,
) error {
	if err := reconcile.Names(p.req, append(p.named, account)); err != nil {
		return err
	}
	p.named = append(p.named, account)
	in := reconcile.Reading{
		Provider: Name, Account: p.req.AccountName(account), From: rows[0].Date, To: rows[0].Date, Rows: rows, More: more,
		Gone: func(alias string) bool { return !p.listed[alias] },
	}
	shown := make(map[string]bool, len(rows)) // aliases on the page
	sought := map[string]bool{}               // those of updated rows that are yet to be found
	for i := range rows {
		in.From, in.To = earlier(in.From, rows[i].Date), later(in.To, rows[i].Date)
		alias := reconcile.Alias(Name, rows[i].ID)
		shown[alias] = true
		if updated[rowID{account, rows[i].ID}] {
			sought[alias] = true
		}
	}
	if mark := cursor.Mark(account); cursor.Carried && (mark.Day.IsZero() || in.From.Before(mark.Day)) {
		mark.Day = in.From
		cursor.Set(mark)
	}
	known, err := p.around(ctx, &in, shown, sought)
	if err != nil {
		return err
	}
	if cursor.Fetched == 0 && !cursor.Carried { // nothing was known before: what is known has just been shown
		present := make(map[string]bool, len(known))
		for i := range known {
			present[aliasOf(&known[i])] = true
		}
		in.Gone = func(alias string) bool {
			return !p.listed[alias] && (!present[alias] || p.removed[alias] || p.sought(known, alias))
		}
	}
	for {
		res := reconcile.Compare(p.ownNames(known), in)
		doubtful := p.doubtful(res, shown)
		if len(doubtful) == 0 {
			p.keep(res)
			res.Tell(&p.delta, in.Account)
			return p.displaced(ctx, known, shown, cursor, more)
		}
		if err := p.look(ctx, doubtful); err != nil {
			return err
		}
	}
}

// around reads the known rows that the rows of a page may be, and widens the days of the reading to
// theirs.
func (p *syncPage) around(ctx context.Context, in *reconcile.Reading, shown, sought map[string]bool) ([]bankmux.Known, error) {
	from, to := in.From, in.To
	in.From, in.To = in.From.AddDays(-around), in.To.AddDays(around)
	known, err := reconcile.Ask(ctx, p.req, in.Account, in.From.AddDays(around-pendingDays), in.To, func(k *bankmux.Known) bool {
		found := false
		for _, a := range k.Aliases {
			found = found || shown[a]
			delete(sought, a)
		}
		// Alike are rows of one day; some days off a row may be waiting to be posted.
		return found || k.Status != bankmux.StatusBooked || (!k.Date.Before(from) && !k.Date.After(to))
	})
	if err != nil || len(sought) == 0 {
		return known, err
	}
	has := make(map[string]bool, len(known))
	for i := range known {
		has[known[i].Key] = true
	}
	// Updated rows whose day moved far.
	far, err := reconcile.Ask(ctx, p.req, in.Account, firstDay, lastDay, func(k *bankmux.Known) bool {
		return !has[k.Key] && slices.ContainsFunc(k.Aliases, func(a string) bool { return sought[a] })
	})
	return append(known, far...), err
}

// sought reports whether the known rows that now have an alias were looked for.
func (p *syncPage) sought(known []bankmux.Known, alias string) bool {
	for i := range known {
		if aliasOf(&known[i]) == alias && !p.looked[known[i].Key] {
			return false
		}
	}
	return true
}

// ownNames returns the known rows without the aliases that by now are those of others: of two rows
// that had one id, MoneyKit lists one under it.
func (p *syncPage) ownNames(known []bankmux.Known) []bankmux.Known {
	if len(p.looked) == 0 {
		return known
	}
	list := slices.Clone(known)
	for i := range list {
		k := &list[i]
		strange := func(a string) bool {
			name := naming{k.Key, a}
			return p.looked[k.Key] && !p.alive[name] && (p.listed[a] || (p.elsewhere[k.Key] && p.taken[name]))
		}
		if slices.ContainsFunc(k.Aliases, strange) {
			k.Aliases = slices.DeleteFunc(slices.Clone(k.Aliases), strange)
		}
	}
	return list
}

// doubtful returns the known rows that a comparison took for gone and that were not looked for.
// Those are certain whose id was removed, or is shown with the content of another row. A row that
// got the content of another under its id, or under an id that it had before, is looked for as
// well.
func (p *syncPage) doubtful(res reconcile.Result, shown map[string]bool) (list []bankmux.Known) {
	ask := func(k *bankmux.Known) {
		if alias := aliasOf(k); alias != "" && !p.looked[k.Key] && !p.removed[alias] && !shown[alias] {
			list = append(list, *k)
		}
	}
	for i := range res.Replaced {
		ask(res.Replaced[i].Was)
	}
	for i := range res.Suggested {
		ask(res.Suggested[i].Was)
	}
	for i := range res.Modified {
		ch := &res.Modified[i]
		switch {
		case p.looked[ch.Was.Key]:
		case !reconcile.Remains(ch.Was, ch.Row):
			list = append(list, *ch.Was)
		case aliasOf(ch.Was) != reconcile.Alias(Name, ch.Row.ID):
			ask(ch.Was)
		}
	}
	return list
}

// displaced reports the known rows whose id the page shows with the content of another row, and
// that MoneyKit does not list any more.
func (p *syncPage) displaced(
	ctx context.Context, known []bankmux.Known, shown map[string]bool, cursor *reconcile.Cursor, more bool,
) error {
	var rows []bankmux.Known
	for _, k := range known {
		if shown[aliasOf(&k)] && !p.kept[k.Key] {
			rows = append(rows, k)
		}
	}
	return p.gone(ctx, rows, func(k bankmux.Known) { p.lost(k, reasonVanished, cursor, more || p.empty || p.isSuggested(k.Key)) })
}

// isSuggested reports whether a known row may be another that the page shows. The user decides
// first.
func (p *syncPage) isSuggested(key string) bool {
	return slices.ContainsFunc(p.delta.Suggested, func(s bankmux.Suggestion) bool { return s.Was.Key == key })
}

// keep notes which known rows a page reported on.
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
	answer, err := p.api.accounts(ctx, p.link, nil)
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
