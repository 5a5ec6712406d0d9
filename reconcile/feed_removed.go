package reconcile

import (
	"context"
	"slices"
)

// reportRemoved reports the known rows of the ids that the record says are removed. A row that has got
// another alias, perhaps of another connection to the same account, is looked for under all of
// them.
func (r *feedSync) reportRemoved(ctx context.Context, gone []FeedRow) error {
	var renamed []Known
	ids, err := r.accountsOf(ctx, gone)
	if err != nil {
		return err
	}
	rows, err := r.knownRowsOf(ctx, ids, firstDay, lastDay, func(k *Known) bool {
		switch {
		case r.reported[k.Key]:
		case r.isRemoved(k.Account, r.lastAlias(k)):
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
		r.reported[k.Key] = true
		r.reportAbsent(k, ReasonRemoved, r.more)
	}
	return r.reportGone(ctx, renamed, func(k Known) { r.reportAbsent(k, ReasonRemoved, r.more || r.emptyList) })
}

// accountsOf returns the accounts that removed rows may be of.
func (r *feedSync) accountsOf(ctx context.Context, gone []FeedRow) (ids []string, err error) {
	for _, row := range gone {
		if row.Account == "" {
			return r.accounts(ctx)
		}
		if !slices.Contains(ids, row.Account) {
			ids = append(ids, row.Account)
		}
	}
	return ids, CheckNames(r.req, ids)
}

// reportAbsent reports a row that the provider has no more. While there are more pages it is missing only,
// for a later one may show it under another id.
func (r *feedSync) reportAbsent(k Known, reason string, more bool) {
	if !more {
		r.delta.Removed = append(r.delta.Removed, Absence{Known: k, Reason: reason})
		return
	}
	k.Missed++
	r.delta.Missing = append(r.delta.Missing, Absence{Known: k, Reason: reason})
	r.cursor.Missed, r.anyMissing = true, true
}
