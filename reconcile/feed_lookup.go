package reconcile

// This file looks known rows up in the list of stored rows.

import (
	"context"
	"strings"

	"github.com/bankmux/bankmux"
)

// rowContent is what a row says, without its day.
type rowContent struct{ account, text, amount string }

// lookup finds known rows in the list of their days.
type lookup struct {
	sync         *feedSync
	rows         []Known
	byAlias      map[accountAlias][]*Known
	byContent    map[rowContent][]*Known
	underOtherID []listedRow         // listed rows with the content of a known row, under another id
	otherText    []listedRow         // listed rows with an id of a known row and another text
	unreadable   map[*Known]struct{} // known rows that a listed row without id may be
}

// listedRow is a listed row and a known one that it may be.
type listedRow struct {
	known *Known
	at    accountAlias
	row   bankmux.Transaction
}

func newLookup(r *feedSync, rows []Known) *lookup {
	s := &lookup{
		sync:      r,
		rows:      rows,
		byAlias:   make(map[accountAlias][]*Known, len(rows)),
		byContent: make(map[rowContent][]*Known, len(rows)),
	}
	for i := range rows {
		k := &rows[i]
		for _, a := range k.Aliases {
			if strings.HasPrefix(a, r.prefix) {
				s.byAlias[accountAlias{k.Account, a}] = append(s.byAlias[accountAlias{k.Account, a}], k)
			}
		}
		said := rowContent{k.Account, LettersAndDigits(k.Text), k.Amount.String()}
		s.byContent[said] = append(s.byContent[said], k)
	}
	s.reset()
	return s
}

// reset discards what a reading of the list found, before the list is read again.
func (s *lookup) reset() {
	s.underOtherID, s.otherText, s.unreadable = nil, nil, map[*Known]struct{}{}
}

// addRow notes which known rows a listed row may be.
func (s *lookup) addRow(row *bankmux.Transaction) {
	account := s.sync.req.AccountName(row.Account)
	at := accountAlias{account, s.sync.aliasFor(row.ID)}
	for _, k := range s.byAlias[at] {
		switch {
		case LettersAndDigits(Text(row)) == LettersAndDigits(k.Text):
			s.sync.markAlive(k, at.alias)
		case SameRow(k, row):
			s.sync.markAlike(k, at.alias)
			s.otherText = append(s.otherText, listedRow{k, at, *row})
		default:
			s.sync.taken[keyAlias{k.Key, at.alias}] = true
		}
	}
	if s.sync.shown[at.alias] {
		return
	}
	for _, k := range s.byContent[rowContent{account, LettersAndDigits(Text(row)), row.Amount.String()}] {
		later := row.Date.DaysSince(k.Date)
		if later == 0 || (k.Status == bankmux.StatusPending && later > 0 && later <= nearDays) {
			s.underOtherID = append(s.underOtherID, listedRow{k, at, *row})
		}
	}
}

// addUnreadable notes the known rows that an unreadable row may be: that of its id, or those of the
// same content.
func (s *lookup) addUnreadable(row *bankmux.Transaction) {
	account := s.sync.req.AccountName(row.Account)
	if row.ID == "" {
		s.addUnreadableWithoutID(row.Account, account, row)
		return
	}
	at := accountAlias{account, s.sync.aliasFor(row.ID)}
	for _, k := range s.byAlias[at] {
		s.sync.markAlive(k, at.alias)
	}
}

// addUnreadableWithoutID notes the known rows that a row without id may be. They are of its account
// and day, and agree in text or amount. For a row without a day they must agree in both. Parts that
// could not be read agree with everything.
func (s *lookup) addUnreadableWithoutID(id, account string, row *bankmux.Transaction) {
	text := LettersAndDigits(Text(row))
	if row.Date.IsZero() && text == "" {
		return // it does not describe any row
	}
	for i := range s.rows {
		k := &s.rows[i]
		amount := row.Amount.IsZero() || row.Amount.Equal(k.Amount)
		switch said := text == "" || text == LettersAndDigits(k.Text); {
		case id != "" && account != k.Account:
		case row.Date.IsZero() && said && amount, row.Date == k.Date && (said || amount):
			s.unreadable[k] = struct{}{}
		}
	}
}

// conclude notes what the list proves about the rows that were looked up. A list that changed while
// it was read proves no absence.
func (s *lookup) conclude(ctx context.Context, changed bool) error {
	for at, rows := range s.byAlias {
		for _, k := range rows {
			s.sync.lookedUp[k.Key] = true
			if _, doubtful := s.unreadable[k]; doubtful || changed {
				s.sync.markAlive(k, at.alias)
				if k.Missed > 0 { // it is looked up again in the next round
					s.sync.cursor.Missed, s.sync.anyMissing = true, true
				}
			}
		}
	}
	if err := s.findOtherRows(ctx); err != nil {
		return err
	}
	return s.findUnderNewID(ctx)
}

// findOtherRows finds listed rows under an id of a known row that are in fact another known row.
// That row has the id too, and has the content of the listed row.
func (s *lookup) findOtherRows(ctx context.Context) error {
	if len(s.otherText) == 0 {
		return nil
	}
	from, to := lastDay, firstDay
	under := map[accountAlias][]*listedRow{}
	for i := range s.otherText {
		m := &s.otherText[i]
		from, to = earlier(from, m.row.Date), later(to, m.row.Date)
		under[m.at] = append(under[m.at], m)
	}
	_, err := s.sync.knownRows(ctx, from.AddDays(-pendingDays), to.AddDays(pendingDays), func(k *Known) bool {
		for _, a := range k.Aliases {
			for _, m := range under[accountAlias{k.Account, a}] {
				if k.Key != m.known.Key && LettersAndDigits(k.Text) == LettersAndDigits(Text(&m.row)) {
					s.sync.foreign[keyAlias{m.known.Key, a}] = true
				}
			}
		}
		return false
	})
	return err
}

// findUnderNewID notes the known rows that the provider lists under an id that no page has
// reported. Each listed row counts for one known row. It counts for none if another known row has
// its id.
func (s *lookup) findUnderNewID(ctx context.Context) error {
	all, ids := s.underOtherID, map[accountAlias]*bankmux.Transaction{}
	s.underOtherID = nil
	from, to := lastDay, firstDay
	for i := range all {
		if m := &all[i]; !s.sync.isAlive(m.known) {
			s.underOtherID = append(s.underOtherID, *m)
			ids[m.at] = &m.row
			from, to = earlier(from, m.row.Date), later(to, m.row.Date)
		}
	}
	if len(s.underOtherID) == 0 {
		return nil
	}
	_, err := s.sync.knownRows(ctx, from.AddDays(-pendingDays), to.AddDays(pendingDays), func(k *Known) bool {
		for _, a := range k.Aliases {
			if row := ids[accountAlias{k.Account, a}]; row != nil && SameRow(k, row) {
				delete(ids, accountAlias{k.Account, a})
			}
		}
		return false
	})
	for _, m := range s.underOtherID {
		if ids[m.at] != nil && !s.sync.underNewID[m.known.Key] {
			s.sync.underNewID[m.known.Key] = true
			delete(ids, m.at)
		}
	}
	return err
}

// lookUp asks the provider which of some known rows it still lists under one of their aliases,
// perhaps as posted. A row is not listed under an alias that now belongs to another row.
func (r *feedSync) lookUp(ctx context.Context, list []Known) error {
	s := newLookup(r, list)
	from, to := list[0].Date, list[0].Date
	for i := range list {
		from, to = earlier(from, list[i].Date), later(to, list[i].Date)
	}
	if to = to.AddDays(nearDays); to.After(lastDay) {
		to = lastDay
	}
	ask := StoredRequest{Accounts: wantedAccounts(r.req), From: from, To: to}
	for readings, pages := 1, 0; ; pages++ {
		if pages == maxListPages {
			return &bankmux.Error{
				Kind:   bankmux.ErrMalformed,
				Scope:  bankmux.ScopeCall,
				Detail: "the pages of the list of stored rows do not end",
			}
		}
		page, err := r.stored(ctx, ask)
		if err != nil {
			return err
		}
		for i := range page.Rows {
			if row := &page.Rows[i]; row.ID == "" {
				s.addUnreadable(row)
			} else {
				s.addRow(row)
			}
		}
		for i := range page.Unreadable {
			s.addUnreadable(&page.Unreadable[i])
		}
		if ask.Page == "" && len(page.Rows)+len(page.Unreadable) == 0 {
			hides, err := s.emptyProvesNothing(ctx, from, to)
			if err != nil {
				return err
			}
			r.emptyList = r.emptyList || hides
		}
		switch ask.Page = page.Next; {
		case page.Next != "":
		case page.Moved && readings < maxListReadings:
			readings++
			s.reset()
		default:
			return s.conclude(ctx, page.Moved)
		}
	}
}
