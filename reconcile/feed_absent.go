package reconcile

// This file reports, at the end of a round, known rows that the provider no longer lists.

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
)

// markAlive notes that the provider lists a known row under an alias.
func (r *feedSync) markAlive(k *Known, alias string) {
	r.alive[keyAlias{k.Key, alias}], r.listed[alias] = true, true
}

// markAlike notes that the provider lists a pending row under an alias with another text. The row
// exists, unless that alias or its own text belongs to another row.
func (r *feedSync) markAlike(k *Known, alias string) {
	if name := (keyAlias{k.Key, alias}); !r.alive[name] {
		r.alike[name] = true
	}
}

// isAlive reports whether the provider still lists a known row, under one of its aliases or under
// an unreported id. Without a list of stored rows, a record from its start shows which rows exist.
// A later part of it only shows the rows that it removes.
func (r *feedSync) isAlive(k *Known) bool {
	if r.feed.Stored == nil {
		return !r.full || slices.ContainsFunc(k.Aliases, func(a string) bool { return r.shown[a] })
	}
	return r.underNewID[k.Key] || slices.ContainsFunc(k.Aliases, func(a string) bool {
		name := keyAlias{k.Key, a}
		return r.alive[name] || (r.alike[name] && !r.foreign[name])
	})
}

// finishRound finds, at the end of a round, known rows that disappeared without being removed.
func (r *feedSync) finishRound(ctx context.Context, refreshed bool) error {
	if r.req.Known == nil {
		return nil
	}
	refreshed = refreshed && r.feed.Stored != nil // only a list shows rows that disappeared
	var rows []Known
	if refreshed {
		var err error
		rows, err = r.knownRows(ctx, r.today.AddDays(-pendingDays), lastDay, func(k *Known) bool {
			// The provider may have sent a pending flag that could not be read. Rows of other
			// providers have none.
			waits := k.Status == bankmux.StatusPending || (k.Status == "" && r.lastAlias(k) != "")
			return waits && !r.reported[k.Key]
		})
		if err != nil {
			return err
		}
	}
	if r.cursor.Missed && refreshed {
		more, err := r.knownRows(ctx, firstDay, lastDay, func(k *Known) bool {
			return k.Missed > 0 && !r.reported[k.Key]
		})
		if err != nil {
			return err
		}
		rows = append(rows, more...)
		r.cursor.Missed = r.anyMissing
	}
	if err := r.reportGone(ctx, rows, func(k Known) {
		if !r.emptyList {
			r.delta.Removed = append(r.delta.Removed, Absence{Known: k, Reason: ReasonVanished})
			return
		}
		r.cursor.Missed = true
		r.delta.Missing = append(r.delta.Missing, Absence{Known: k, Reason: ReasonEmpty})
		if !slices.Contains(r.delta.Suspect, k.Account) {
			r.delta.Suspect = append(r.delta.Suspect, k.Account)
		}
	}); err != nil || !r.cursor.Carried {
		return err
	}
	if r.feed.Stored == nil && !r.full {
		return nil // a later part of the record proves nothing
	}
	if err := r.lookUpCarried(ctx); err != nil {
		return err
	}
	// The record of a new connection may continue with older rows, and the rows of failed accounts
	// come later.
	if r.cursor.Carried = r.feed.Stored == nil || len(r.failed) > 0; !r.cursor.Carried {
		r.cursor.Marks = nil
	}
	return nil
}

// lookUpCarried looks up the rows that were known before the first page. They are of another
// connection, another provider or a cursor that was given up. It looks from the first day that the
// provider serves until a month from now. Absent rows are missing, and are looked up once more at
// the end of the next round. Without a list of stored rows, that is the next record from its start.
func (r *feedSync) lookUpCarried(ctx context.Context) error {
	ids, err := r.accounts(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		day := r.cursor.Mark(id).Day
		if r.full && day.IsZero() { // an empty record proves nothing
			name := r.req.AccountName(id)
			known, err := KnowsAny(ctx, r.req, name)
			if err != nil {
				return err
			}
			if known {
				r.delta.Suspect = append(r.delta.Suspect, name)
			}
		}
		// an unreadable row may be any of them
		if r.full && (r.unreadable[id] || r.unreadable[""]) {
			continue
		}
		if err := r.lookUpCarriedOf(ctx, id, day); err != nil {
			return err
		}
	}
	return nil
}

// lookUpCarriedOf does so for one account, from the first day that the provider serves. A zero day
// means that it serves none.
func (r *feedSync) lookUpCarriedOf(ctx context.Context, id string, day bankmux.Date) error {
	for !day.IsZero() && !day.After(r.today.AddDays(lookupDays)) {
		of := AccountDays{r.req.AccountName(id), day, day.AddDays(lookupDays - 1)}
		rows, err := KnownRows(ctx, r.req, of, func(k *Known) bool { return !r.reported[k.Key] })
		if err != nil {
			return err
		}
		if err := r.reportGone(ctx, rows, func(k Known) {
			if k.Missed > 0 && !r.emptyList {
				// it was missing in an earlier reading too
				r.delta.Removed = append(r.delta.Removed, Absence{Known: k, Reason: ReasonVanished})
				return
			}
			k.Missed++
			r.delta.Missing = append(r.delta.Missing, Absence{Known: k, Reason: ReasonVanished})
			r.cursor.Missed = true
		}); err != nil {
			return err
		}
		day = of.To.AddDays(1)
	}
	return nil
}

// reportGone calls report once for each of the known rows that the provider does not list.
func (r *feedSync) reportGone(ctx context.Context, rows []Known, report func(Known)) error {
	var ask []Known
	for i := range rows {
		if r.lastAlias(&rows[i]) != "" && !r.lookedUp[rows[i].Key] {
			ask = append(ask, rows[i])
		}
	}
	if len(ask) > 0 && r.feed.Stored != nil {
		if err := r.lookUp(ctx, ask); err != nil {
			return err
		}
	}
	for _, k := range rows {
		if !r.isAlive(&k) && !r.reported[k.Key] {
			r.reported[k.Key] = true
			report(k)
		}
	}
	return nil
}
