package reconcile

import (
	"context"
	"strings"

	"github.com/bankmux/bankmux"
)

// words are what a row says, without its day.
type words struct{ account, text, amount string }

// search looks for known rows in the list of their days.
type search struct {
	reading *feedReading
	rows    []Known
	under   map[feedName][]*Known
	saying  map[words][]*Known
	moved   []listing           // rows that say what a known row says, under no id of it
	alike   []listing           // rows under an id of a known row that say something else
	unread  map[*Known]struct{} // known rows that a row without id may be
}

// listing is a listed row and a known one that it may be.
type listing struct {
	known *Known
	at    feedName
	row   bankmux.Transaction
}

func newSearch(r *feedReading, rows []Known) *search {
	s := &search{
		reading: r,
		rows:    rows,
		under:   make(map[feedName][]*Known, len(rows)),
		saying:  make(map[words][]*Known, len(rows)),
	}
	for i := range rows {
		k := &rows[i]
		for _, a := range k.Aliases {
			if strings.HasPrefix(a, r.prefix) {
				s.under[feedName{k.Account, a}] = append(s.under[feedName{k.Account, a}], k)
			}
		}
		said := words{k.Account, Loose(k.Text), k.Amount.String()}
		s.saying[said] = append(s.saying[said], k)
	}
	s.again()
	return s
}

// again forgets what a reading found, for the list is read once more.
func (s *search) again() {
	s.moved, s.alike, s.unread = nil, nil, map[*Known]struct{}{}
}

// see notes what a listed row is.
func (s *search) see(row *bankmux.Transaction) {
	account := s.reading.req.AccountName(row.Account)
	at := feedName{account, s.reading.alias(row.ID)}
	for _, k := range s.under[at] {
		switch {
		case Loose(Text(row)) == Loose(k.Text):
			s.reading.lives(k, at.alias)
		case Remains(k, row):
			s.reading.resembles(k, at.alias)
			s.alike = append(s.alike, listing{k, at, *row})
		default:
			s.reading.taken[rowName{k.Key, at.alias}] = true
		}
	}
	if s.reading.shown[at.alias] {
		return
	}
	for _, k := range s.saying[words{account, Loose(Text(row)), row.Amount.String()}] {
		later := row.Date.DaysSince(k.Date)
		if later == 0 || (k.Status == bankmux.StatusPending && later > 0 && later <= around) {
			s.moved = append(s.moved, listing{k, at, *row})
		}
	}
}

// unreadable notes the known rows that a row which cannot be read may be: that of its id, or those
// that say the same.
func (s *search) unreadable(row *bankmux.Transaction) {
	account := s.reading.req.AccountName(row.Account)
	if row.ID == "" {
		s.doubt(row.Account, account, row)
		return
	}
	at := feedName{account, s.reading.alias(row.ID)}
	for _, k := range s.under[at] {
		s.reading.lives(k, at.alias)
	}
}

// doubt notes the known rows that a row without id may be: of its account and day, unless both text
// and amount differ. What could not be read of it differs from nothing.
func (s *search) doubt(id, account string, row *bankmux.Transaction) {
	text := Loose(Text(row))
	if row.Date.IsZero() && text == "" {
		return // it says nothing of any row
	}
	for i := range s.rows {
		k := &s.rows[i]
		amount := row.Amount.IsZero() || row.Amount.Equal(k.Amount)
		switch said := text == "" || text == Loose(k.Text); {
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
			s.reading.looked[k.Key] = true
			if _, doubtful := s.unread[k]; doubtful || changed {
				s.reading.lives(k, at.alias)
				if k.Missed > 0 { // it is looked for again in the next round
					s.reading.cursor.Missed, s.reading.missed = true, true
				}
			}
		}
	}
	if err := s.others(ctx); err != nil {
		return err
	}
	return s.elsewhere(ctx)
}

// others notes where a listed row under an id of a known one is another known row: that has the id
// too, and says what is listed.
func (s *search) others(ctx context.Context) error {
	if len(s.alike) == 0 {
		return nil
	}
	from, to := lastDay, firstDay
	under := map[feedName][]*listing{}
	for i := range s.alike {
		m := &s.alike[i]
		from, to = earlier(from, m.row.Date), later(to, m.row.Date)
		under[m.at] = append(under[m.at], m)
	}
	_, err := s.reading.known(ctx, from.AddDays(-pendingDays), to.AddDays(pendingDays), func(k *Known) bool {
		for _, a := range k.Aliases {
			for _, m := range under[feedName{k.Account, a}] {
				if k.Key != m.known.Key && Loose(k.Text) == Loose(Text(&m.row)) {
					s.reading.foreign[rowName{m.known.Key, a}] = true
				}
			}
		}
		return false
	})
	return err
}

// elsewhere notes the known rows that the provider lists under an id that it has not reported yet.
// One listed row stands for one known row, and for none if another known row has its id.
func (s *search) elsewhere(ctx context.Context) error {
	all, ids := s.moved, map[feedName]*bankmux.Transaction{}
	s.moved = nil
	from, to := lastDay, firstDay
	for i := range all {
		if m := &all[i]; !s.reading.isAlive(m.known) {
			s.moved = append(s.moved, *m)
			ids[m.at] = &m.row
			from, to = earlier(from, m.row.Date), later(to, m.row.Date)
		}
	}
	if len(s.moved) == 0 {
		return nil
	}
	_, err := s.reading.known(ctx, from.AddDays(-pendingDays), to.AddDays(pendingDays), func(k *Known) bool {
		for _, a := range k.Aliases {
			if row := ids[feedName{k.Account, a}]; row != nil && Remains(k, row) {
				delete(ids, feedName{k.Account, a})
			}
		}
		return false
	})
	for _, m := range s.moved {
		if ids[m.at] != nil && !s.reading.elsewhere[m.known.Key] {
			s.reading.elsewhere[m.known.Key] = true
			delete(ids, m.at)
		}
	}
	return err
}

// look asks the provider which of some known rows it still lists under any of their aliases,
// perhaps as posted by now. Under an alias that has become another row's a row is not listed.
func (r *feedReading) look(ctx context.Context, list []Known) error {
	s := newSearch(r, list)
	from, to := list[0].Date, list[0].Date
	for i := range list {
		from, to = earlier(from, list[i].Date), later(to, list[i].Date)
	}
	if to = to.AddDays(around); to.After(lastDay) {
		to = lastDay
	}
	ask := StoredRequest{Accounts: named(r.req), From: from, To: to}
	for readings, pages := 1, 0; ; pages++ {
		if pages == maxStored {
			return &bankmux.Error{
				Kind:   bankmux.ErrMalformed,
				Scope:  bankmux.ScopeCall,
				Detail: "the pages of a few weeks do not end",
			}
		}
		page, err := r.stored(ctx, ask)
		if err != nil {
			return err
		}
		for i := range page.Rows {
			if row := &page.Rows[i]; row.ID == "" {
				s.unreadable(row)
			} else {
				s.see(row)
			}
		}
		for i := range page.Unread {
			s.unreadable(&page.Unread[i])
		}
		if ask.Page == "" && len(page.Rows)+len(page.Unread) == 0 {
			hides, err := s.hides(ctx, from, to)
			if err != nil {
				return err
			}
			r.empty = r.empty || hides
		}
		switch ask.Page = page.Next; {
		case page.Next != "":
		case page.Moved && readings < maxReadings:
			readings++
			s.again()
		default:
			return s.conclude(ctx, page.Moved)
		}
	}
}
