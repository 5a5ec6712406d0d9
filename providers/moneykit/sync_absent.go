package moneykit

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// lives notes that MoneyKit lists a known row under an alias.
func (p *syncPage) lives(k *bankmux.Known, alias string) {
	p.alive[naming{k.Key, alias}], p.listed[alias] = true, true
}

// isAlive reports whether MoneyKit lists a known row under any of its aliases, or under an id that
// it has not reported yet.
func (p *syncPage) isAlive(k *bankmux.Known) bool {
	return p.elsewhere[k.Key] || slices.ContainsFunc(k.Aliases, func(a string) bool { return p.alive[naming{k.Key, a}] })
}

// end finds, at the end of a round, the known rows that are gone without a word.
func (p *syncPage) end(ctx context.Context, cursor *reconcile.Cursor, refreshed bool) error {
	if p.req.Known == nil {
		return nil
	}
	var rows []bankmux.Known
	if refreshed {
		var err error
		rows, err = p.known(ctx, p.today.AddDays(-pendingDays), lastDay, func(k *bankmux.Known) bool {
			// MoneyKit may have sent a pending flag that could not be read. Other providers have
			// none.
			waits := k.Status == bankmux.StatusPending || (k.Status == "" && aliasOf(k) != "")
			return waits && !p.kept[k.Key]
		})
		if err != nil {
			return err
		}
	}
	if cursor.Missed && refreshed {
		more, err := p.known(ctx, firstDay, lastDay, func(k *bankmux.Known) bool { return k.Missed > 0 && !p.kept[k.Key] })
		if err != nil {
			return err
		}
		rows = append(rows, more...)
		cursor.Missed = p.missed
	}
	if err := p.gone(ctx, rows, func(k bankmux.Known) {
		if !p.empty {
			p.delta.Removed = append(p.delta.Removed, bankmux.Absence{Known: k, Reason: reasonVanished})
			return
		}
		cursor.Missed = true
		p.delta.Missing = append(p.delta.Missing, bankmux.Absence{Known: k, Reason: reconcile.ReasonEmpty})
		if !slices.Contains(p.delta.Suspect, k.Account) {
			p.delta.Suspect = append(p.delta.Suspect, k.Account)
		}
	}); err != nil || !cursor.Carried {
		return err
	}
	cursor.Carried = false
	return p.carried(ctx, cursor)
}

// carried looks for the rows that were known before the first page: of another link, another
// provider or a cursor that was given up. It looks between the first day that MoneyKit serves and a
// month from now. They are missing, and looked for once more at the end of the next round.
func (p *syncPage) carried(ctx context.Context, cursor *reconcile.Cursor) error {
	ids, err := p.accounts(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		day := cursor.Mark(id).Day
		for !day.IsZero() && !day.After(p.today.AddDays(lookDays)) {
			until := day.AddDays(lookDays - 1)
			rows, err := reconcile.Ask(ctx, p.req, p.req.AccountName(id), day, until, func(k *bankmux.Known) bool { return !p.kept[k.Key] })
			if err != nil {
				return err
			}
			if err := p.gone(ctx, rows, func(k bankmux.Known) {
				if k.Missed > 0 && !p.empty {
					p.delta.Removed = append(p.delta.Removed, bankmux.Absence{Known: k, Reason: reasonVanished}) // so was it in a reading before
					return
				}
				k.Missed++
				p.delta.Missing = append(p.delta.Missing, bankmux.Absence{Known: k, Reason: reasonVanished})
				cursor.Missed = true
			}); err != nil {
				return err
			}
			day = until.AddDays(1)
		}
	}
	cursor.Marks = nil
	return nil
}

// gone calls tell for each of some known rows that MoneyKit does not list, once.
func (p *syncPage) gone(ctx context.Context, rows []bankmux.Known, tell func(bankmux.Known)) error {
	var ask []bankmux.Known
	for i := range rows {
		if aliasOf(&rows[i]) != "" && !p.looked[rows[i].Key] {
			ask = append(ask, rows[i])
		}
	}
	if len(ask) > 0 {
		if err := p.look(ctx, ask); err != nil {
			return err
		}
	}
	for _, k := range rows {
		if !p.isAlive(&k) && !p.kept[k.Key] {
			p.kept[k.Key] = true
			tell(k)
		}
	}
	return nil
}
