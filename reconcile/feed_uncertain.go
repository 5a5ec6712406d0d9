package reconcile

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
)

// allLookedUp reports whether the known rows that now have an alias were looked for.
func (r *feedSync) allLookedUp(known []Known, alias string) bool {
	for i := range known {
		if r.lastAlias(&known[i]) == alias && !r.lookedUp[known[i].Key] {
			return false
		}
	}
	return true
}

// withoutForeignAliases returns the known rows without the aliases that by now are those of others: of two rows
// that had one id, the provider lists one under it.
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

// uncertain returns the known rows that a comparison took for gone and that were not looked for.
// Those are certain whose id was removed, or is shown with the content of another row. A row that
// got the content of another under its id, or under an id that it had before, is looked for as
// well. Without a list of stored rows the record is believed.
func (r *feedSync) uncertain(res Result, shown map[string]bool) (list []Known) {
	if r.feed.Stored == nil {
		return nil
	}
	ask := func(k *Known) {
		if alias := r.lastAlias(k); alias != "" && !r.lookedUp[k.Key] && !r.isRemoved(k.Account, alias) && !shown[alias] {
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

// reportDisplaced reports the known rows whose id the record shows with the content of another row, and
// that the provider does not list any more. Without a list of stored rows, an id is that of one
// row, unless several known rows have it.
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
		return r.reportGone(ctx, rows, func(k Known) { r.reportAbsent(k, ReasonVanished, r.more || r.emptyList || r.isSuggested(k.Key)) })
	}
	for _, k := range rows {
		if having[r.lastAlias(&k)] == 1 {
			r.reported[k.Key] = true
			r.reportAbsent(k, ReasonVanished, false)
		}
	}
	return nil
}

// isSuggested reports whether a known row may be another that the page shows. The user decides
// first.
func (r *feedSync) isSuggested(key string) bool {
	return slices.ContainsFunc(r.delta.Suggested, func(s bankmux.Suggestion) bool { return s.Was.Key == key })
}
