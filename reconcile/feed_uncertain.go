package reconcile

// This file finds the known rows whose fate a page of the record leaves open.

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
)

// allLookedUp reports whether the known rows whose last alias is the given one were looked up.
func (r *feedSync) allLookedUp(known []Known, alias string) bool {
	for i := range known {
		if r.lastAlias(&known[i]) == alias && !r.lookedUp[known[i].Key] {
			return false
		}
	}
	return true
}

// withoutForeignAliases returns the known rows without aliases that now belong to other rows. If
// two rows had one id, the provider lists one of them under it.
func (r *feedSync) withoutForeignAliases(known []Known) []Known {
	if len(r.lookedUp) == 0 {
		return known
	}
	list := slices.Clone(known)
	for i := range list {
		k := &list[i]
		strange := func(a string) bool {
			name := keyAlias{k.Key, a}
			return r.lookedUp[k.Key] && !r.alive[name] && (r.listed[a] || (r.underNewID[k.Key] && r.taken[name]))
		}
		if slices.ContainsFunc(k.Aliases, strange) {
			k.Aliases = slices.DeleteFunc(slices.Clone(k.Aliases), strange)
		}
	}
	return list
}

// uncertain returns the known rows that a comparison took as gone and that were not looked up. A
// row is certain if its id was removed, or is shown with the content of another row. A row that
// took the content of another row under an id of its own is looked up as well. Without a list of
// stored rows, the record decides.
func (r *feedSync) uncertain(res Result, shown map[string]bool) (list []Known) {
	if r.feed.Stored == nil {
		return nil
	}
	ask := func(k *Known) {
		alias := r.lastAlias(k)
		if alias != "" && !r.lookedUp[k.Key] && !r.isRemoved(k.Account, alias) && !shown[alias] {
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
		case r.lookedUp[ch.Was.Key]:
		case !SameRow(ch.Was, ch.Row):
			list = append(list, *ch.Was)
		case r.lastAlias(ch.Was) != r.aliasFor(ch.Row.ID):
			ask(ch.Was)
		}
	}
	return list
}

// reportDisplaced reports the known rows whose id the record shows with the content of another row,
// if the provider does not list them. Without a list of stored rows an id belongs to one row,
// unless several known rows have it.
func (r *feedSync) reportDisplaced(ctx context.Context, known []Known, shown map[string]bool) error {
	var rows []Known
	having := map[string]int{}
	for i := range known {
		k := &known[i]
		alias := r.lastAlias(k)
		having[alias]++
		if shown[alias] && !r.reported[k.Key] {
			r.foreign[keyAlias{k.Key, alias}] = true
			rows = append(rows, *k)
		}
	}
	if r.feed.Stored != nil {
		return r.reportGone(ctx, rows, func(k Known) {
			r.reportAbsent(k, ReasonVanished, r.more || r.emptyList || r.isSuggested(k.Key))
		})
	}
	for _, k := range rows {
		if having[r.lastAlias(&k)] == 1 {
			r.reported[k.Key] = true
			r.reportAbsent(k, ReasonVanished, false)
		}
	}
	return nil
}

// isSuggested reports whether a suggestion names a known row. The user decides first.
func (r *feedSync) isSuggested(key string) bool {
	return slices.ContainsFunc(r.delta.Suggested, func(s bankmux.Suggestion) bool { return s.Was.Key == key })
}
