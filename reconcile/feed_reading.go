package reconcile

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
)

// feedReading is a page or a round of a record of changes on its way into a delta.
type feedReading struct {
	feed   *Feed
	req    *bankmux.SyncRequest
	cursor *Cursor
	today  bankmux.Date
	prefix string // of the provider's aliases
	delta  bankmux.Delta
	more   bool // there are more pages than were read
	full   bool // the reading is the whole record, from its beginning

	rows      *merger
	answered  feedStep          // the call that the user's answers went to
	failed    map[string]bool   // accounts that could not be fetched
	unread    map[string]bool   // accounts with rows that could not be read
	named     []string          // accounts with rows
	ids       []string          // of the connection's accounts, once they are asked for
	removed   map[feedName]bool // what the record says is removed
	shown     map[string]bool   // aliases of all rows
	looked    map[string]bool   // keys of known rows that were looked for
	alive     map[rowName]bool  // names under which the provider still lists them
	listed    map[string]bool   // the same, by the alias alone
	taken     map[rowName]bool  // names under which the provider lists another row
	alike     map[rowName]bool  // names under which it lists a row of the same amount that may be it
	foreign   map[rowName]bool  // names under which the record or the list shows another row
	elsewhere map[string]bool   // keys of known rows that it lists under an id it has not reported
	kept      map[string]bool   // keys of known rows that were reported on
	empty     bool              // a list was empty where rows are known
	missed    bool              // there are missing rows
}

// feedName is an alias in an account, by the application's name. "" is any account.
type feedName struct{ account, alias string }

// rowName is a known row, by its key, under one of its aliases.
type rowName struct{ key, alias string }

func newFeedReading(f *Feed, req *bankmux.SyncRequest, cursor *Cursor) *feedReading {
	r := &feedReading{
		feed: f, req: req, cursor: cursor, today: f.today(), prefix: Alias(f.Provider, ""),
		full:   f.Stored == nil && cursor.Provider == "",
		failed: map[string]bool{}, unread: map[string]bool{}, removed: map[feedName]bool{}, shown: map[string]bool{},
		looked: map[string]bool{}, alive: map[rowName]bool{}, listed: map[string]bool{}, taken: map[rowName]bool{},
		alike: map[rowName]bool{}, foreign: map[rowName]bool{},
		elsewhere: map[string]bool{}, kept: map[string]bool{},
	}
	if ids := named(req); len(ids) > 0 {
		r.ids = ids
	}
	return r
}

const (
	around      = 12 // days before and after a row where its other forms may lie
	pendingDays = 60 // how long a row may be pending
	lookDays    = 31 // days of known rows that are looked for at a time
)

// The days of all rows.
var (
	firstDay = bankmux.NewDate(1, time.January, 1)
	lastDay  = bankmux.NewDate(9999, time.December, 31)
)

// compare finds what the rows are of what the application knows.
func (r *feedReading) compare(ctx context.Context) error {
	byAccount, gone := r.rows.rows(), r.rows.gone()
	if r.req.Known == nil {
		r.blind(byAccount, gone)
		return nil
	}
	for _, row := range gone {
		r.removed[r.nameOf(row)] = true
	}
	for _, rows := range byAccount {
		for i := range rows {
			r.shown[r.alias(rows[i].ID)] = true
		}
	}
	for _, account := range slices.Sorted(maps.Keys(byAccount)) {
		if err := r.compareAccount(ctx, account, byAccount[account]); err != nil {
			return err
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return r.withdrawn(ctx, gone)
}

// alias is a row's id as the application stores it.
func (r *feedReading) alias(id string) string { return r.prefix + id }

// nameOf names a row as the application stores it.
func (r *feedReading) nameOf(row FeedRow) feedName {
	name := feedName{alias: r.alias(row.ID)}
	if row.Account != "" {
		name.account = r.req.AccountName(row.Account)
	}
	return name
}

// isRemoved reports whether the record says that a row of an account is removed.
func (r *feedReading) isRemoved(account, alias string) bool {
	return r.removed[feedName{"", alias}] || r.removed[feedName{account, alias}]
}

// withdrawn reports the known rows of the ids that the record says are removed. A row that has got
// another alias, perhaps of another connection to the same account, is looked for under all of
// them.
func (r *feedReading) withdrawn(ctx context.Context, gone []FeedRow) error {
	var renamed []Known
	ids, err := r.accountsOf(ctx, gone)
	if err != nil {
		return err
	}
	rows, err := r.knownOf(ctx, ids, firstDay, lastDay, func(k *Known) bool {
		switch {
		case r.kept[k.Key]:
		case r.isRemoved(k.Account, r.aliasOf(k)):
			return true
		case slices.ContainsFunc(k.Aliases, func(a string) bool { return r.isRemoved(k.Account, a) }):
			renamed = append(renamed, *k)
		}
		return false
	})
	if err != nil {
		return err
	}
	for _, k := range rows {
		r.kept[k.Key] = true
		r.lost(k, ReasonRemoved, r.more)
	}
	return r.gone(ctx, renamed, func(k Known) { r.lost(k, ReasonRemoved, r.more || r.empty) })
}

// accountsOf returns the accounts that removed rows may be of.
func (r *feedReading) accountsOf(ctx context.Context, gone []FeedRow) (ids []string, err error) {
	for _, row := range gone {
		if row.Account == "" {
			return r.accounts(ctx)
		}
		if !slices.Contains(ids, row.Account) {
			ids = append(ids, row.Account)
		}
	}
	return ids, Names(r.req, ids)
}

// lost reports a row that the provider has no more. While there are more pages it is missing only,
// for a later one may show it under another id.
func (r *feedReading) lost(k Known, reason string, more bool) {
	if !more {
		r.delta.Removed = append(r.delta.Removed, Absence{Known: k, Reason: reason})
		return
	}
	k.Missed++
	r.delta.Missing = append(r.delta.Missing, Absence{Known: k, Reason: reason})
	r.cursor.Missed, r.missed = true, true
}

// blind reports rows without what the application knows: they go by the provider's ids.
func (r *feedReading) blind(byAccount map[string][]bankmux.Transaction, gone []FeedRow) {
	for _, account := range slices.Sorted(maps.Keys(byAccount)) {
		res := Compare(
			nil,
			Reading{Provider: r.feed.Provider, Account: r.req.AccountName(account), Rows: byAccount[account]},
		)
		for _, a := range res.Added {
			if !r.rows.isOld(account, a.Row.ID) {
				r.delta.Added = append(r.delta.Added, a)
				continue
			}
			was := &Known{Account: a.Known.Account, Aliases: a.Known.Aliases}
			r.delta.Modified = append(
				r.delta.Modified,
				Change{Was: was, Row: a.Row, Known: a.Known, Reason: ReasonUpdated},
			)
		}
	}
	for _, row := range gone {
		name := r.nameOf(row)
		was := Known{Account: name.account, Aliases: []string{name.alias}}
		r.delta.Removed = append(r.delta.Removed, Absence{Known: was, Reason: ReasonRemoved})
	}
}

// compareAccount compares as if all known rows that the record does not show were gone, looks for
// those of which that would matter, and compares again until it is so. Without a list of stored
// rows, those are gone that the record says are removed, or that its beginning does not show.
func (r *feedReading) compareAccount(ctx context.Context, account string, rows []bankmux.Transaction) error {
	if err := Names(r.req, append(r.named, account)); err != nil {
		return err
	}
	r.named = append(r.named, account)
	in := Reading{
		Provider: r.feed.Provider,
		Account:  r.req.AccountName(account),
		From:     rows[0].Date,
		To:       rows[0].Date,
		Rows:     rows,
		More:     r.more,
		Gone:     func(alias string) bool { return !r.listed[alias] },
	}
	shown := make(map[string]bool, len(rows)) // aliases of the account's rows
	sought := map[string]bool{}               // those of updated rows that are yet to be found
	for i := range rows {
		in.From, in.To = earlier(in.From, rows[i].Date), later(in.To, rows[i].Date)
		alias := r.alias(rows[i].ID)
		shown[alias] = true
		if r.rows.isUpdated(account, rows[i].ID) {
			sought[alias] = true
		}
	}
	mark := r.cursor.Mark(account)
	before := mark.Day // the first day that the record showed before
	if r.cursor.Carried && (before.IsZero() || in.From.Before(before)) {
		mark.Day = in.From
		r.cursor.Set(mark)
	}
	known, err := r.around(ctx, &in, shown, sought)
	if err != nil {
		return err
	}
	switch {
	case r.feed.Stored == nil:
		other := r.others(known, before)
		in.Gone = func(alias string) bool {
			return r.isRemoved(in.Account, alias) || ((r.full || other[alias]) && !r.shown[alias])
		}
	case r.cursor.Fetched == 0 && !r.cursor.Carried: // nothing was known before: what is known has just been shown
		present := make(map[string]bool, len(known))
		for i := range known {
			present[r.aliasOf(&known[i])] = true
		}
		in.Gone = func(alias string) bool {
			return !r.listed[alias] && (!present[alias] || r.isRemoved(in.Account, alias) || r.sought(known, alias))
		}
	}
	for {
		res := Compare(r.ownNames(known), in)
		doubtful := r.doubtful(res, shown)
		if len(doubtful) == 0 {
			r.keep(res)
			res.Tell(&r.delta, in.Account)
			return r.displaced(ctx, known, shown)
		}
		if err := r.look(ctx, doubtful); err != nil {
			return err
		}
	}
}

// others returns the aliases of known rows that the record has not shown: those that it should
// have, and was without, and those before the first day that it showed. Of a new connection the
// record may have the last weeks first, and rows that are known from another connection later.
func (r *feedReading) others(known []Known, first bankmux.Date) map[string]bool {
	aliases := map[string]bool{}
	for i := range known {
		k := &known[i]
		if k.Missed > 0 || (r.cursor.Carried && (first.IsZero() || k.Date.Before(first))) {
			for _, a := range k.Aliases {
				aliases[a] = true
			}
		}
	}
	return aliases
}

// around reads the known rows that the rows of a page may be, and widens the days of the reading to
// theirs.
func (r *feedReading) around(ctx context.Context, in *Reading, shown, sought map[string]bool) ([]Known, error) {
	from, to := in.From, in.To
	in.From, in.To = in.From.AddDays(-around), in.To.AddDays(around)
	known, err := Ask(ctx, r.req, in.Account, in.From.AddDays(around-pendingDays), in.To, func(k *Known) bool {
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
	far, err := Ask(ctx, r.req, in.Account, firstDay, lastDay, func(k *Known) bool {
		return !has[k.Key] && slices.ContainsFunc(k.Aliases, func(a string) bool { return sought[a] })
	})
	return append(known, far...), err
}

// keep notes which known rows a page reported on.
func (r *feedReading) keep(res Result) {
	for _, list := range [][]Change{res.Modified, res.Replaced} {
		for i := range list {
			r.kept[list[i].Was.Key] = true
		}
	}
	for _, k := range res.Unchanged {
		r.kept[k.Key] = true
	}
}

// anyKnown reports whether the application knows rows of the connection's accounts.
func (r *feedReading) anyKnown(ctx context.Context) (bool, error) {
	if r.req.Known == nil {
		return false, nil
	}
	ids, err := r.accounts(ctx)
	for _, id := range ids {
		if found, err := Knows(ctx, r.req, r.req.AccountName(id)); found || err != nil {
			return found, err
		}
	}
	return false, err
}

// known are the rows of all accounts that the application knows and that are wanted.
func (r *feedReading) known(ctx context.Context, from, to bankmux.Date, want func(*Known) bool) ([]Known, error) {
	ids, err := r.accounts(ctx)
	if err != nil {
		return nil, err
	}
	return r.knownOf(ctx, ids, from, to, want)
}

// knownOf are the rows of some accounts that the application knows and that are wanted.
func (r *feedReading) knownOf(
	ctx context.Context,
	ids []string,
	from, to bankmux.Date,
	want func(*Known) bool,
) (all []Known, err error) {
	for _, id := range ids {
		rows, err := Ask(ctx, r.req, r.req.AccountName(id), from, to, want)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// aliasOf is the alias under which the provider last showed a known row, "" if it never did.
func (r *feedReading) aliasOf(k *Known) string {
	if i := slices.IndexFunc(k.Aliases, func(a string) bool { return strings.HasPrefix(a, r.prefix) }); i >= 0 {
		return k.Aliases[i]
	}
	return ""
}

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
