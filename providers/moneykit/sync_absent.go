package moneykit

import (
	"context"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// sought is an account by the application's name and an alias there.
type sought struct{ account, alias string }

// look asks MoneyKit which of some known rows it still lists under any of their aliases, perhaps as
// posted by now. Under an alias that has become another row's a row is not listed.
func (p *syncPage) look(ctx context.Context, list []bankmux.Known) error {
	looking := make(map[sought][]*bankmux.Known, len(list))
	from, to := list[0].Date, list[0].Date
	for i := range list {
		k := &list[i]
		from, to = earlier(from, k.Date), later(to, k.Date)
		for _, a := range k.Aliases {
			if strings.HasPrefix(a, aliasPrefix) {
				looking[sought{k.Account, a}] = append(looking[sought{k.Account, a}], k)
			}
		}
	}
	if to = to.AddDays(around); to.After(lastDay) {
		to = lastDay
	}
	readings, unread := 1, false // a row without id may be any that is sought
	for mark, pages := (pageMark{page: 1, total: -1}), 0; ; pages++ {
		if pages == mostPages {
			return &bankmux.Error{Kind: bankmux.ErrMalformed, Scope: bankmux.ScopeCall, Detail: "the pages of a few weeks do not end"}
		}
		var answer transactionsAnswer
		answer.Transactions.Bad = func(int) { unread = true }
		answer.Transactions.Each = func(_ int, w *transaction) {
			unread = unread || w.TransactionID == ""
			at := sought{p.req.AccountName(w.AccountID), reconcile.Alias(Name, w.TransactionID)}
			for _, k := range looking[at] {
				var row bankmux.Transaction
				if fault := w.fill(&row, false); fault != nil || reconcile.Remains(k, &row) {
					p.lives(k, at.alias)
				}
			}
		}
		if err := p.api.transactions(ctx, p.link, window(p.req.Accounts, from, to, pageSize, mark), &answer); err != nil {
			return err
		}
		if mark.total < 0 && answer.Transactions.N == 0 {
			booked, err := p.known(ctx, from, to, func(k *bankmux.Known) bool { return k.Status == bankmux.StatusBooked })
			if err != nil {
				return err
			}
			p.empty = p.empty || len(booked) > 0
		}
		next, err := mark.next(answer.Transactions.N, pageSize, answer.Total)
		if err != nil {
			return err
		}
		switch {
		case next != "":
			mark, err = parseMark(next, "SyncRequest.Cursor")
		case mark.moved(answer.Total) && readings < mostReadings:
			readings++
			mark = pageMark{page: 1, total: -1}
		default:
			for at, rows := range looking {
				for _, k := range rows {
					p.looked[k.Key] = true
					if unread || mark.moved(answer.Total) {
						// A list that changes while it is read, or has unreadable rows, proves
						// nothing gone.
						p.lives(k, at.alias)
					}
				}
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lives notes that MoneyKit lists a known row under an alias.
func (p *syncPage) lives(k *bankmux.Known, alias string) {
	p.alive[naming{k.Key, alias}], p.listed[alias] = true, true
}

// isAlive reports whether MoneyKit lists a known row under any of its aliases.
func (p *syncPage) isAlive(k *bankmux.Known) bool {
	return slices.ContainsFunc(k.Aliases, func(a string) bool { return p.alive[naming{k.Key, a}] })
}

// end finds, at the end of a round, the known rows that are gone without a word.
func (p *syncPage) end(ctx context.Context, cursor *reconcile.Cursor, refreshed bool) error {
	if p.req.Known == nil {
		return nil
	}
	var rows []bankmux.Known
	if refreshed {
		var err error
		rows, err = p.known(ctx, p.today.AddDays(-pendingDays), lastDay, func(k *bankmux.Known) bool { return k.Status == bankmux.StatusPending && !p.kept[k.Key] })
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
