package moneykit

import (
	"context"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// sought is an account by the application's name and an alias there.
type sought struct{ account, alias string }

// words are what a row says, without its day.
type words struct{ account, text, amount string }

// search looks for known rows in the list of their days.
type search struct {
	page   *syncPage
	rows   []bankmux.Known
	under  map[sought][]*bankmux.Known
	saying map[words][]*bankmux.Known
	moved  []listing                   // rows that say what a known row says, under no id of it
	unread map[*bankmux.Known]struct{} // known rows that a row without id may be
}

// listing is a listed row and a known one of the same words.
type listing struct {
	known *bankmux.Known
	at    sought
	row   bankmux.Transaction
}

func newSearch(p *syncPage, rows []bankmux.Known) *search {
	s := &search{page: p, rows: rows, under: make(map[sought][]*bankmux.Known, len(rows)), saying: make(map[words][]*bankmux.Known, len(rows))}
	for i := range rows {
		k := &rows[i]
		for _, a := range k.Aliases {
			if strings.HasPrefix(a, aliasPrefix) {
				s.under[sought{k.Account, a}] = append(s.under[sought{k.Account, a}], k)
			}
		}
		said := words{k.Account, reconcile.Loose(k.Text), k.Amount.String()}
		s.saying[said] = append(s.saying[said], k)
	}
	s.again()
	return s
}

// again forgets what a reading found, for the list is read once more.
func (s *search) again() {
	s.moved, s.unread = nil, map[*bankmux.Known]struct{}{}
}

// see notes what a listed row is.
func (s *search) see(w *transaction) {
	account := s.page.req.AccountName(w.AccountID)
	var row bankmux.Transaction
	if w.TransactionID == "" {
		rest := *w
		rest.TransactionID, rest.AccountID = "none", "none" // so that the rest is read
		_ = rest.fill(&row, false)
		s.doubt(w.AccountID, account, &row)
		return
	}
	fault := w.fill(&row, false)
	at := sought{account, reconcile.Alias(Name, w.TransactionID)}
	for _, k := range s.under[at] {
		if fault != nil || reconcile.Remains(k, &row) {
			s.page.lives(k, at.alias)
		} else {
			s.page.taken[naming{k.Key, at.alias}] = true
		}
	}
	if fault != nil || s.page.shown[at.alias] {
		return
	}
	for _, k := range s.saying[words{account, reconcile.Loose(reconcile.Text(&row)), row.Amount.String()}] {
		if later := row.Date.DaysSince(k.Date); later == 0 || (k.Status == bankmux.StatusPending && later > 0 && later <= around) {
			s.moved = append(s.moved, listing{k, at, row})
		}
	}
}

// doubt notes the known rows that a row without id may be: of its account and day, unless both text
// and amount differ. What could not be read of it differs from nothing.
func (s *search) doubt(id, account string, row *bankmux.Transaction) {
	text := reconcile.Loose(reconcile.Text(row))
	if row.Date.IsZero() && text == "" {
		return // it says nothing of any row
	}
	for i := range s.rows {
		k := &s.rows[i]
		amount := row.Amount.IsZero() || row.Amount.Equal(k.Amount)
		switch said := text == "" || text == reconcile.Loose(k.Text); {
		case id != "" && account != k.Account:
		case row.Date.IsZero() && said && amount, row.Date == k.Date && (said || amount):
			s.unread[k] = struct{}{}
		}
	}
}

// conclude notes what the list proves of the rows that were looked for. A list that changed while
// it was read proves none of them gone.
func (s *search) conclude(ctx context.Context, changed bool) error {
	for at, rows := range s.under {
		for _, k := range rows {
			s.page.looked[k.Key] = true
			if _, doubtful := s.unread[k]; doubtful || changed {
				s.page.lives(k, at.alias)
			}
		}
	}
	return s.elsewhere(ctx)
}

// elsewhere notes the known rows that MoneyKit lists under an id that it has not reported yet. One
// listed row stands for one known row, and for none if another known row has its id.
func (s *search) elsewhere(ctx context.Context) error {
	all, ids := s.moved, map[sought]*bankmux.Transaction{}
	s.moved = nil
	from, to := lastDay, firstDay
	for i := range all {
		if m := &all[i]; !s.page.isAlive(m.known) {
			s.moved = append(s.moved, *m)
			ids[m.at] = &m.row
			from, to = earlier(from, m.row.Date), later(to, m.row.Date)
		}
	}
	if len(s.moved) == 0 {
		return nil
	}
	_, err := s.page.known(ctx, from.AddDays(-pendingDays), to.AddDays(pendingDays), func(k *bankmux.Known) bool {
		for _, a := range k.Aliases {
			if row := ids[sought{k.Account, a}]; row != nil && reconcile.Remains(k, row) {
				delete(ids, sought{k.Account, a})
			}
		}
		return false
	})
	for _, m := range s.moved {
		if ids[m.at] != nil && !s.page.elsewhere[m.known.Key] {
			s.page.elsewhere[m.known.Key] = true
			delete(ids, m.at)
		}
	}
	return err
}

// look asks MoneyKit which of some known rows it still lists under any of their aliases, perhaps as
// posted by now. Under an alias that has become another row's a row is not listed.
func (p *syncPage) look(ctx context.Context, list []bankmux.Known) error {
	s := newSearch(p, list)
	from, to := list[0].Date, list[0].Date
	for i := range list {
		from, to = earlier(from, list[i].Date), later(to, list[i].Date)
	}
	if to = to.AddDays(around); to.After(lastDay) {
		to = lastDay
	}
	readings := 1
	for mark, pages := (pageMark{page: 1, total: -1}), 0; ; pages++ {
		if pages == mostPages {
			return &bankmux.Error{Kind: bankmux.ErrMalformed, Scope: bankmux.ScopeCall, Detail: "the pages of a few weeks do not end"}
		}
		var answer transactionsAnswer
		answer.Transactions.Bad = func(int) {} // it says nothing of any row
		answer.Transactions.Each = func(_ int, w *transaction) { s.see(w) }
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
			s.again()
		default:
			return s.conclude(ctx, mark.moved(answer.Total))
		}
		if err != nil {
			return err
		}
	}
}
