package reconcile

// This file reports the rows that the record says are removed.

import (
	"context"
	"slices"
)

// reportRemoved reports the known rows that the record removes by their present id. If the record
// removes another alias of a row, the row is looked up under all of them. That alias may be of
// another connection to the same account.
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

// accountsOf returns the accounts that removed rows may belong to.
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

// reportAbsent reports a row that the provider no longer has. While there are more pages it is only
// missing, since a later page may show it under another id.
func (r *feedSync) reportAbsent(k Known, reason string, more bool) {
	if !more {
		r.delta.Removed = append(r.delta.Removed, Absence{Known: k, Reason: reason})
		return
	}
	k.Missed++
	r.delta.Missing = append(r.delta.Missing, Absence{Known: k, Reason: reason})
	r.cursor.Missed, r.anyMissing = true, true
}
