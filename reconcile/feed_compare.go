package reconcile

import (
	"context"
	"maps"
	"slices"

	"github.com/bankmux/bankmux"
)

// compare finds what the rows are of what the application knows.
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

// compareAccount compares as if all known rows that the record does not show were gone, looks for
// those of which that would matter, and compares again until it is so. Without a list of stored
// rows, those are gone that the record says are removed, or that its beginning does not show.
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
		Gone:     func(alias string) bool { return !r.listed[alias] },
	}
	shown := make(map[string]bool, len(rows)) // aliases of the account's rows
	sought := map[string]bool{}               // those of updated rows that are yet to be found
	for i := range rows {
		in.From, in.To = earlier(in.From, rows[i].Date), later(in.To, rows[i].Date)
		alias := r.aliasFor(rows[i].ID)
		shown[alias] = true
		if r.merger.isUpdated(account, rows[i].ID) {
			sought[alias] = true
		}
	}
	mark := r.cursor.Mark(account)
	before := mark.Day // the first day that the record showed before
	if r.cursor.Carried && (before.IsZero() || in.From.Before(before)) {
		mark.Day = in.From
		r.cursor.Set(mark)
	}
	known, err := r.knownNear(ctx, &in, shown, sought)
	if err != nil {
		return err
	}
	switch {
	case r.feed.Stored == nil:
		other := r.unseenAliases(known, before)
		in.Gone = func(alias string) bool {
			return r.isRemoved(in.Account, alias) || ((r.full || other[alias]) && !r.shown[alias])
		}
	case r.cursor.Fetched == 0 && !r.cursor.Carried: // nothing was known before: what is known has just been shown
		present := make(map[string]bool, len(known))
		for i := range known {
			present[r.lastAlias(&known[i])] = true
		}
		in.Gone = func(alias string) bool {
			return !r.listed[alias] && (!present[alias] || r.isRemoved(in.Account, alias) || r.allLookedUp(known, alias))
		}
	}
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

// unseenAliases returns the aliases of known rows that the record has not shown: those that it should
// have, and was without, and those before the first day that it showed. Of a new connection the
// record may have the last weeks first, and rows that are known from another connection later.
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

// knownNear reads the known rows that the rows of a page may be, and widens the days of the reading to
// theirs.
func (r *feedSync) knownNear(ctx context.Context, in *Reading, shown, sought map[string]bool) ([]Known, error) {
	from, to := in.From, in.To
	in.From, in.To = in.From.AddDays(-nearDays), in.To.AddDays(nearDays)
	known, err := KnownRows(ctx, r.req, AccountDays{in.Account, in.From.AddDays(nearDays - pendingDays), in.To}, func(k *Known) bool {
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
	far, err := KnownRows(ctx, r.req, AccountDays{in.Account, firstDay, lastDay}, func(k *Known) bool {
		return !has[k.Key] && slices.ContainsFunc(k.Aliases, func(a string) bool { return sought[a] })
	})
	return append(known, far...), err
}

// markReported notes which known rows a page reported on.
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

// reportWithoutKnown reports rows without what the application knows: they go by the provider's ids.
func (r *feedSync) reportWithoutKnown(byAccount map[string][]bankmux.Transaction, gone []FeedRow) {
	for _, account := range slices.Sorted(maps.Keys(byAccount)) {
		in := Reading{Provider: r.feed.Provider, Account: r.req.AccountName(account), Rows: byAccount[account]}
		res := Compare(nil, in)
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
