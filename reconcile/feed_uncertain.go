package reconcile

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
)

// sought reports whether the known rows that now have an alias were looked for.
func (r *feedReading) sought(known []Known, alias string) bool {
	for i := range known {
		if r.aliasOf(&known[i]) == alias && !r.looked[known[i].Key] {
			return false
		}
	}
	return true
}

// ownNames returns the known rows without the aliases that by now are those of others: of two rows
// that had one id, the provider lists one under it.
func (r *feedReading) ownNames(known []Known) []Known {
	if len(r.looked) == 0 {
		return known
	}
	list := slices.Clone(known)
	for i := range list {
		k := &list[i]
		strange := func(a string) bool {
			name := rowName{k.Key, a}
			return r.looked[k.Key] && !r.alive[name] && (r.listed[a] || (r.elsewhere[k.Key] && r.taken[name]))
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
// well. Without a list of stored rows the record is believed.
func (r *feedReading) doubtful(res Result, shown map[string]bool) (list []Known) {
	if r.feed.Stored == nil {
		return nil
	}
	ask := func(k *Known) {
		if alias := r.aliasOf(k); alias != "" && !r.looked[k.Key] && !r.isRemoved(k.Account, alias) && !shown[alias] {
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
		case r.looked[ch.Was.Key]:
		case !Remains(ch.Was, ch.Row):
			list = append(list, *ch.Was)
		case r.aliasOf(ch.Was) != r.alias(ch.Row.ID):
			ask(ch.Was)
		}
	}
	return list
}

// displaced reports the known rows whose id the record shows with the content of another row, and
// that the provider does not list any more. Without a list of stored rows, an id is that of one
// row, unless several known rows have it.
func (r *feedReading) displaced(ctx context.Context, known []Known, shown map[string]bool) error {
	var rows []Known
	having := map[string]int{}
	for i := range known {
		k := &known[i]
		alias := r.aliasOf(k)
		having[alias]++
		if shown[alias] && !r.kept[k.Key] {
			r.foreign[rowName{k.Key, alias}] = true
			rows = append(rows, *k)
		}
	}
	if r.feed.Stored != nil {
		return r.gone(ctx, rows, func(k Known) { r.lost(k, ReasonVanished, r.more || r.empty || r.isSuggested(k.Key)) })
	}
	for _, k := range rows {
		if having[r.aliasOf(&k)] == 1 {
			r.kept[k.Key] = true
			r.lost(k, ReasonVanished, false)
		}
	}
	return nil
}

// isSuggested reports whether a known row may be another that the page shows. The user decides
// first.
func (r *feedReading) isSuggested(key string) bool {
	return slices.ContainsFunc(r.delta.Suggested, func(s bankmux.Suggestion) bool { return s.Was.Key == key })
}
