package reconcile

// This file compares the rows of the record with those that the application knows.

import (
	"context"
	"maps"
	"slices"

	"github.com/bankmux/bankmux"
)

// compare compares the rows of the record with those that the application knows.
func (r *feedSync) compare(ctx context.Context) error {
	byAccount, gone := r.merger.rows(), r.merger.removedRows()
	if r.req.Known == nil {
		r.reportWithoutKnown(byAccount, gone)
		return nil
	}
	for _, row := range gone {
		r.removed[r.accountAliasOf(row)] = true
	}
	for _, rows := range byAccount {
		for i := range rows {
			r.shown[r.aliasFor(rows[i].ID)] = true
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
	return r.reportRemoved(ctx, gone)
}

// compareAccount compares the rows of one account. It first assumes that all known rows are gone
// that the record does not show. Rows for which this assumption matters are looked up, and the
// comparison is repeated until no such row is left. Without a list of stored rows it takes rows as
// gone that the record removes, or that a record from its start does not show.
func (r *feedSync) compareAccount(ctx context.Context, account string, rows []bankmux.Transaction) error {
	if err := CheckNames(r.req, append(r.checked, account)); err != nil {
		return err
	}
	r.checked = append(r.checked, account)
	in := Reading{
		Provider: r.feed.Provider,
		Account:  r.req.AccountName(account),
		From:     rows[0].Date,
		To:       rows[0].Date,
		Rows:     rows,
		More:     r.more,
	}
	shown := make(map[string]bool, len(rows)) // aliases of the account's rows
	sought := map[string]bool{}               // aliases of updated rows that are not found yet
	for i := range rows {
		in.From, in.To = earlier(in.From, rows[i].Date), later(in.To, rows[i].Date)
		alias := r.aliasFor(rows[i].ID)
		shown[alias] = true
		if r.merger.isUpdated(account, rows[i].ID) {
			sought[alias] = true
		}
	}
	mark := r.cursor.Mark(account)
	before := mark.Day // the first day that earlier pages showed
	if r.cursor.Carried && (before.IsZero() || in.From.Before(before)) {
		mark.Day = in.From
		r.cursor.Set(mark)
	}
	known, err := r.knownNear(ctx, &in, shown, sought)
	if err != nil {
		return err
	}
	in.Gone = r.gone(in.Account, known, before)
	for {
		res := Compare(r.withoutForeignAliases(known), in)
		doubtful := r.uncertain(res, shown)
		if len(doubtful) == 0 {
			r.markReported(res)
			res.AddTo(&r.delta, in.Account)
			return r.reportDisplaced(ctx, known, shown)
		}
		if err := r.lookUp(ctx, doubtful); err != nil {
			return err
		}
	}
}

// gone returns the function that reports whether a row is gone. before is the first day that
// earlier pages showed.
func (r *feedSync) gone(account string, known []Known, before bankmux.Date) func(alias string) bool {
	switch {
	case r.feed.Stored == nil:
		other := r.unseenAliases(known, before)
		return func(alias string) bool {
			return r.isRemoved(account, alias) || ((r.full || other[alias]) && !r.shown[alias])
		}
	// no row was known before: the known rows are from this record
	case r.cursor.Fetched == 0 && !r.cursor.Carried:
		present := make(map[string]bool, len(known))
		for i := range known {
			present[r.lastAlias(&known[i])] = true
		}
		return func(alias string) bool {
			return !r.listed[alias] &&
				(!present[alias] || r.isRemoved(account, alias) || r.allLookedUp(known, alias))
		}
	}
	return func(alias string) bool { return !r.listed[alias] }
}

// unseenAliases returns the aliases of known rows that the record has not shown. These are rows
// that it should have shown, and rows before its first day. The record of a new connection may
// start with the last weeks and show older rows later.
func (r *feedSync) unseenAliases(known []Known, first bankmux.Date) map[string]bool {
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

// knownNear reads the known rows that the rows of a page may be. It widens the days of the reading
// to include them.
func (r *feedSync) knownNear(ctx context.Context, in *Reading, shown, sought map[string]bool) ([]Known, error) {
	from, to := in.From, in.To
	in.From, in.To = in.From.AddDays(-nearDays), in.To.AddDays(nearDays)
	days := AccountDays{in.Account, in.From.AddDays(nearDays - pendingDays), in.To}
	known, err := KnownRows(ctx, r.req, days, func(k *Known) bool {
		found := false
		for _, a := range k.Aliases {
			found = found || shown[a]
			delete(sought, a)
		}
		// Equal rows are of one day; a row some days earlier may be waiting to be posted.
		return found || k.Status != bankmux.StatusBooked || (!k.Date.Before(from) && !k.Date.After(to))
	})
	if err != nil || len(sought) == 0 {
		return known, err
	}
	has := make(map[string]bool, len(known))
	for i := range known {
		has[known[i].Key] = true
	}
	// Updated rows may have moved to a distant day.
	far, err := KnownRows(ctx, r.req, AccountDays{in.Account, firstDay, lastDay}, func(k *Known) bool {
		return !has[k.Key] && slices.ContainsFunc(k.Aliases, func(a string) bool { return sought[a] })
	})
	return append(known, far...), err
}

// markReported notes the known rows that a page reported.
func (r *feedSync) markReported(res Result) {
	for _, list := range [][]Change{res.Modified, res.Replaced} {
		for i := range list {
			r.reported[list[i].Was.Key] = true
		}
	}
	for _, k := range res.Unchanged {
		r.reported[k.Key] = true
	}
}

// reportWithoutKnown reports rows by the provider's ids, since the application supplies no known
// rows.
func (r *feedSync) reportWithoutKnown(byAccount map[string][]bankmux.Transaction, gone []FeedRow) {
	for _, account := range slices.Sorted(maps.Keys(byAccount)) {
		in := Reading{Provider: r.feed.Provider, Account: r.req.AccountName(account), Rows: byAccount[account]}
		res := Compare(nil, in)
		r.delta.Added = slices.Grow(r.delta.Added, len(res.Added))
		for _, a := range res.Added {
			if !r.merger.isOnlyUpdated(account, a.Row.ID) {
				r.delta.Added = append(r.delta.Added, a)
				continue
			}
			was := &Known{Account: a.Known.Account, Aliases: a.Known.Aliases}
			change := Change{Was: was, Row: a.Row, Known: a.Known, Reason: ReasonUpdated}
			r.delta.Modified = append(r.delta.Modified, change)
		}
	}
	for _, row := range gone {
		name := r.accountAliasOf(row)
		was := Known{Account: name.account, Aliases: []string{name.alias}}
		r.delta.Removed = append(r.delta.Removed, Absence{Known: was, Reason: ReasonRemoved})
	}
}
