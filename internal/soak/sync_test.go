package soak_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// tables are the application's rows of one connection, kept as examples/sync keeps them.
type tables struct {
	names    map[string]string // the application's own name of an account, by all ids it ever had
	seen     map[string]bankmux.Account
	accounts []string // the provider's ids
	cards    []string
	named    bool                                // the accounts of the present link
	rows     map[string]map[string]bankmux.Known // by account and key
	since    map[string]bankmux.Date             // the first day that was read of an account, where days are read
	refused  map[string]bankmux.Covered          // days of an account that the bank refused and promises
	// what was not read in this round, however often it was broken off, by account
	owed    map[string]error
	id      string // the connection the cursor is of
	cursor  string
	mistake *mistake
}

func newTables(mistake *mistake) *tables {
	return &tables{
		names:   map[string]string{},
		seen:    map[string]bankmux.Account{},
		rows:    map[string]map[string]bankmux.Known{},
		since:   map[string]bankmux.Date{},
		refused: map[string]bankmux.Covered{},
		owed:    map[string]error{},
		mistake: mistake,
	}
}

// linked makes ready for another link, whose accounts may go by other ids. A cursor is of one
// connection.
func (s *tables) linked(id string) {
	s.named = false
	if s.id != id {
		s.id, s.cursor = id, ""
	}
}

// carry gives the accounts of a link the names they had.
func (s *tables) carry(accounts []bankmux.Account, cards []bankmux.Card) error {
	s.accounts, s.cards = nil, nil
	now := slices.Clone(accounts)
	for _, a := range accounts {
		s.accounts = append(s.accounts, a.ID)
	}
	for _, c := range cards {
		s.cards = append(s.cards, c.ID)
		now = append(
			now,
			bankmux.Account{
				ID:       c.ID,
				Kind:     bankmux.AccountCreditCard,
				Name:     c.Name,
				Number:   c.Number,
				Currency: c.Currency,
			},
		)
	}
	var before []bankmux.Account
	for _, name := range sortedNames(s.seen) {
		before = append(before, s.seen[name])
	}
	m := reconcile.Match(before, now)
	if len(m.Ambiguous) > 0 {
		return fmt.Errorf("accounts cannot be told apart: %s", m.Ambiguous[0].Reason)
	}
	for _, p := range m.Pairs {
		if p.Confidence < reconcile.Likely {
			return fmt.Errorf("%s may be %s: %s", p.New.Name, p.Old.Name, p.Reason)
		}
		s.call(p.New, s.names[p.Old.ID])
	}
	for _, a := range m.OnlyNew {
		s.call(a, fmt.Sprint("account ", len(s.seen)))
	}
	s.named = true
	return nil
}

func (s *tables) call(a bankmux.Account, name string) { s.names[a.ID], s.seen[name] = name, a }

func (s *tables) name(id string) string { return s.names[id] }

func (s *tables) known(_ context.Context, account string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		for _, k := range s.rows[account] {
			if !k.Date.Before(from) && !k.Date.After(to) && !yield(k, nil) {
				return
			}
		}
	}
}

// store keeps a page and the cursor behind it. A page that speaks of rows that are not there, or
// adds what is, is refused.
func (s *tables) store(page bankmux.Delta) error {
	s.mistake.spoil(&page)
	for _, c := range slices.Concat(page.Modified, page.Replaced) {
		if err := s.remove(*c.Was); err != nil {
			return err
		}
	}
	for _, m := range page.Missing {
		if err := s.remove(m.Known); err != nil {
			return err
		}
	}
	for _, r := range page.Removed {
		if err := s.remove(r.Known); err != nil {
			return err
		}
	}
	for _, a := range page.Added {
		if err := s.put(a.Known); err != nil {
			return err
		}
	}
	for _, c := range slices.Concat(page.Modified, page.Replaced) {
		if err := s.put(c.Known); err != nil {
			return err
		}
	}
	for _, m := range page.Missing {
		if err := s.put(m.Known); err != nil {
			return err
		}
	}
	for _, c := range page.Covered {
		if name := s.name(c.Account); s.since[name].IsZero() || c.From.Before(s.since[name]) {
			s.since[name] = c.From
		}
	}
	s.cursor = page.Next
	return nil
}

func (s *tables) remove(k bankmux.Known) error {
	if _, there := s.rows[k.Account][k.Key]; !there && !s.mistake.forgets() {
		return fmt.Errorf("the page changes a row that is not there: %s on %s", k.Key, k.Date)
	}
	delete(s.rows[k.Account], k.Key)
	return nil
}

func (s *tables) put(k bankmux.Known) error {
	if s.rows[k.Account] == nil {
		s.rows[k.Account] = map[string]bankmux.Known{}
	}
	if _, there := s.rows[k.Account][k.Key]; there && !s.mistake.forgets() {
		return fmt.Errorf("the page adds a row that is there: %s on %s", k.Key, k.Date)
	}
	s.rows[k.Account][k.Key] = k
	return nil
}

// sync brings the tables in step, renewing a consent that lapsed, until it worked or nothing helps.
func (l *life) sync() error {
	return l.persist(patience, func() error {
		err := l.round()
		if errors.Is(err, bankmux.ErrReauth) {
			conn := l.conn()
			if err := l.connect(&conn); err != nil {
				return err
			}
			err = l.round()
		}
		if errors.Is(err, errSuspect) {
			l.world.count("empty answers", "asked again two hours later", 1)
			time.Sleep(2 * time.Hour)
			err = l.round()
		}
		return err
	})
}

// errSuspect is a round in which an account was empty where rows are known.
var errSuspect = &bankmux.Error{Kind: bankmux.ErrInstitution, Detail: "an account was empty where rows are known"}

// round is one try.
func (l *life) round() (err error) {
	defer func() {
		if l.row != nil && err != nil {
			conn := l.conn()
			conn.Status = conn.Status.After(err)
			l.save(conn, "")
		}
	}()
	if l.conn().Status.State == bankmux.StateUnverified {
		if err := l.verify(); err != nil {
			return err
		}
	}
	if !l.tables.named {
		if err := l.nameAccounts(); err != nil {
			return err
		}
	}
	if err := l.refresh(); err != nil {
		return err
	}
	if l.doubt > 0 {
		l.tables.cursor = ""
	}
	if err := l.pages(); err != nil {
		return err
	}
	l.doubt = max(0, l.doubt-1)
	l.world.count("syncs", l.plan.provider, 1)
	return nil
}

// verify reads the bank of a connection of which that could not be done at once.
func (l *life) verify() error {
	return l.call(oddsOfLinking, func(ctx context.Context) error {
		res, err := l.client().ConnectionStatus(ctx, bankmux.StatusRequest{Connection: l.conn()})
		if err != nil {
			return err
		}
		l.world.count("connections", "unverified at first, then "+string(res.Connection.Status.State), 1)
		l.save(res.Connection, "")
		return nil
	})
}

func (l *life) nameAccounts() error {
	client, conn := l.client(), l.conn()
	var accounts []bankmux.Account
	err := l.ask(func(ctx context.Context, answers *bankmux.Answers) error {
		res, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn, Answers: answers})
		accounts = res.Accounts
		return err
	})
	if err != nil {
		return err
	}
	var cards []bankmux.Card
	if client.Has(bankmux.CapCards) {
		err = l.ask(func(ctx context.Context, answers *bankmux.Answers) error {
			res, err := client.Cards(ctx, bankmux.CardsRequest{Connection: conn, Answers: answers})
			cards = res.Cards
			return err
		})
		if err != nil {
			return err
		}
	}
	return l.tables.carry(accounts, cards)
}

// refresh lets MoneyKit fetch what the bank has. One too many within the hour is no matter; one
// whose outcome is unknown is looked up as the error says.
func (l *life) refresh() error {
	client, conn := l.client(), l.conn()
	if !client.Has(bankmux.CapRefresh) {
		return nil
	}
	err := l.call(oddsOfReading, func(ctx context.Context) error {
		started, err := client.Refresh(
			ctx,
			bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions}},
		)
		if err != nil {
			return err
		}
		_, err = client.AwaitRefresh(ctx, started)
		return err
	})
	switch {
	case errors.Is(err, bankmux.ErrRateLimited) && !l.calm:
		return nil
	case errors.Is(err, bankmux.ErrOutcomeUnknown):
		if e, _ := errors.AsType[*bankmux.Error](err); !strings.Contains(e.FindOut, "ConnectionStatus") {
			l.complain("nobody says how to find out: %v", err)
		}
		l.world.count("ambiguous refreshes", "looked up", 1)
		time.Sleep(time.Minute)
		return l.call(oddsOfReading, func(ctx context.Context) error {
			_, err := client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
			return err
		})
	}
	return err
}

// pages syncs until there is no more.
func (l *life) pages() error {
	client, conn := l.client(), l.conn()
	size := oneOf(l.dice, []int{0, 0, 0, 90})
	for range 200 {
		var page bankmux.Delta
		err := l.ask(func(ctx context.Context, answers *bankmux.Answers) (err error) {
			req := bankmux.SyncRequest{
				Connection: conn,
				Cursor:     l.tables.cursor,
				Name:       l.tables.name,
				Known:      l.tables.known,
				PageSize:   size,
				Answers:    answers,
			}
			if len(l.tables.cards) > 0 {
				req.Accounts, req.Cards = l.tables.accounts, l.tables.cards
			}
			page, err = client.Sync(ctx, req)
			if _, partial := errors.AsType[*bankmux.PartialError](err); partial {
				return nil // the page is good for the rest; what failed is in page.Failed
			}
			return err
		})
		e, _ := errors.AsType[*bankmux.Error](err)
		switch {
		case e != nil && e.Field == "SyncRequest.Cursor" && l.tables.cursor != "":
			l.world.count("cursors refused", "begun anew", 1)
			l.tables.cursor = ""
			continue
		case e != nil && e.Kind == bankmux.ErrMalformed && e.Affects() == bankmux.ScopeCall:
			l.tables.cursor = "" // the pages go round
			return err
		case err != nil:
			return err
		}
		if !l.calm && chance(l.dice, 3) {
			l.world.count("situations", "the process dies before it has stored a page", 1)
			continue
		}
		if err := l.tables.store(page); err != nil {
			return err
		}
		l.world.count("pages", l.plan.provider, 1)
		l.narratePage(page)
		for _, gap := range page.Gaps {
			l.gap(gap)
		}
		for _, name := range page.Suspect {
			l.tables.owed[name] = errSuspect
		}
		for _, f := range page.Failed {
			l.tables.owed[l.tables.name(f.Account)] = f
		}
		if page.More {
			continue
		}
		for _, name := range sortedNames(l.tables.owed) {
			err = l.tables.owed[name]
		}
		clear(l.tables.owed)
		return err
	}
	return errors.New("the pages of a sync never end")
}

// gap complains about days that a page says were not served, unless the bank has just refused them.
// Those are read later, see filled.
func (l *life) gap(gap bankmux.Covered) {
	name, now := l.tables.name(gap.Account), l.world.present().Now()
	if now.After(l.refuses) || !gap.To.Before(bankmux.DateOf(now).AddDays(2-grantedDays)) {
		l.complain("nobody served %s to %s of %s", gap.From, gap.To, name)
		return
	}
	l.world.count("situations", "days are refused that are promised", 1)
	l.tables.refused[name] = gap
}

// filled checks that days which were refused for an hour were read later. Some have left the bank
// by then, and a reading proves nothing of the first ten.
func (l *life) filled() {
	for _, name := range sortedNames(l.tables.refused) {
		gap := l.tables.refused[name]
		if since := l.tables.since[name]; gap.To.DaysSince(since) < filledDays {
			l.complain(
				"%s to %s of %s were refused for an hour, and not read later: %s was the first day",
				gap.From,
				gap.To,
				name,
				since,
			)
		}
	}
}

// tellOf tells what a page says.
func (l *life) narratePage(page bankmux.Delta) {
	if *flagStory != l.n {
		return
	}
	l.narrate(
		"  a page of %v: %d added, %d modified, %d replaced, %d missing, %d removed, suspect %v, failed %v",
		page.Covered,
		len(page.Added),
		len(page.Modified),
		len(page.Replaced),
		len(page.Missing),
		len(page.Removed),
		page.Suspect,
		page.Failed,
	)
	row := func(what string, k bankmux.Known) {
		l.narrate("    %s %s %s %s %q missed %d", what, k.Account, k.Date, k.Amount, k.Text, k.Missed)
	}
	for _, a := range page.Added {
		row("added", a.Known)
	}
	for _, c := range slices.Concat(page.Modified, page.Replaced) {
		row("was", *c.Was)
		row("is now", c.Known)
	}
	for _, m := range page.Missing {
		row("missing: "+m.Reason, m.Known)
	}
	for _, m := range page.Removed {
		row("removed: "+m.Reason, m.Known)
	}
}
