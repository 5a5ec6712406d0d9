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
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/reconcile"
)

// tables has the rows of one connection, stored as examples/sync stores them.
type tables struct {
	names    map[string]string // the application's name of an account, by every id it has had
	seen     map[string]bankmux.Account
	accounts []string // the provider's ids
	cards    []string
	named    bool                                // whether the accounts of the current link have names
	rows     map[string]map[string]bankmux.Known // by account and key
	since    map[string]bankmux.Date             // the first day that was read of an account
	refused  map[string]bankmux.Covered          // days of an account that the bank promises and refused
	// the error of each account that was not read in this round
	owed    map[string]error
	id      string // the connection of the cursor
	cursor  string
	notes   *notes // while the user moves
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

// linked prepares for another link, whose accounts may have other ids. A cursor belongs to one
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
		return fmt.Errorf("accounts are ambiguous: %s", m.Ambiguous[0].Reason)
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

// store keeps a page and its cursor. It refuses a page that changes a row that is not stored, or
// adds one that is.
func (s *tables) store(page bankmux.Delta) error {
	s.mistake.spoil(&page)
	s.notes.carry(&page, s.mistake)
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

// sync brings the tables in step. It renews a consent that lapsed, and repeats what may pass.
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

// errSuspect means that an account with known rows was empty in a round.
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

// verify reads the institution of a connection that is still unverified.
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

// refresh makes the provider fetch from the bank. A second one within the hour may be rate limited.
// If the outcome is unknown, it reads the status, as the error says. Plaid bills each, so the first
// sync and every second later one do without, until the rows are to be compared.
func (l *life) refresh() error {
	client, conn := l.client(), l.conn()
	if !client.Has(bankmux.CapRefresh) {
		return nil
	}
	if client.Name() == plaid.Name && !l.calm && (l.tables.cursor == "" || chance(l.dice, 50)) {
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
			l.complain("the error does not say how to find out: %v", err)
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
				return nil // the page is valid; page.Failed has what failed
			}
			return err
		})
		e, _ := errors.AsType[*bankmux.Error](err)
		switch {
		case e != nil && e.Field == "SyncRequest.Cursor" && l.tables.cursor != "":
			l.world.count("cursors refused", "started without one", 1)
			l.tables.cursor = ""
			continue
		case e != nil && e.Kind == bankmux.ErrMalformed && e.Affects() == bankmux.ScopeCall:
			l.tables.cursor = "" // the pages repeat
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

// gap complains about days that were not served, unless the bank refuses days at this time. filled
// checks those later.
func (l *life) gap(gap bankmux.Covered) {
	name, now := l.tables.name(gap.Account), l.world.present().Now()
	if now.After(l.refuses) || !gap.To.Before(bankmux.DateOf(now).AddDays(2-grantedDays)) {
		l.complain("%s to %s of %s were not served", gap.From, gap.To, name)
		return
	}
	l.world.count("situations", "days are refused that are promised", 1)
	l.tables.refused[name] = gap
}

// filled checks that days that were refused for an hour were read later. The bank no longer serves
// some of them, and a reading proves nothing about its first ten days.
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

// narratePage prints a page, for -soak.story.
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
