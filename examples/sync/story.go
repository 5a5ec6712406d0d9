package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// What happens in the year, by its days.
const (
	dayOfCrash    = 40
	dayOfLapse    = 90
	dayOfNewLink  = 160
	dayOfProvider = 250
	lastDay       = 365
)

// story is a user, a bank and the application's clients.
type story struct {
	bank     *virtualbank.Bank
	registry *bankmux.Registry
	store    *store
	out      io.Writer

	client          *bankmux.Client
	conn            bankmux.Connection
	accounts, cards []string // the provider's ids, where it keeps cards apart
	told            counts   // since the last line
	crash           bool     // at the next commit
}

// counts is what the pages said.
type counts struct{ pages, added, modified, replaced, missing, removed, suggested int }

func (c *counts) add(d bankmux.Delta) {
	c.pages++
	c.added += len(d.Added)
	c.modified += len(d.Modified)
	c.replaced += len(d.Replaced)
	c.missing += len(d.Missing)
	c.removed += len(d.Removed)
	c.suggested += len(d.Suggested)
}

// year plays it.
func year(ctx context.Context, seed uint64, db *store, out io.Writer) error {
	bank := virtualbank.New(virtualbank.Options{Seed: seed, Start: time.Date(2026, time.January, 1, 9, 0, 0, 0, time.UTC)})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	s := &story{bank: bank, store: db, out: out}
	if err := s.open(server); err != nil {
		return err
	}
	if err := s.link(ctx, "US", nil); err != nil {
		return err
	}
	var notes map[int64]string
	r := rand.New(rand.NewPCG(seed, 0))
	for day := 0; day < lastDay; {
		step := 1 + r.IntN(5)
		bank.Advance(time.Duration(step)*24*time.Hour + time.Duration(r.IntN(600))*time.Minute)
		before := day
		day += step
		passed := func(d int) bool { return before < d && d <= day }
		switch {
		case passed(dayOfCrash):
			if notes, err = db.annotate(ctx); err != nil {
				return err
			}
			s.crash = true
		case passed(dayOfLapse):
			err = s.renew(ctx)
		case passed(dayOfNewLink):
			old := s.conn
			err = s.link(ctx, "US", nil)
			if err == nil {
				_, err = s.client.Disconnect(ctx, bankmux.DisconnectRequest{Connection: old})
			}
		case passed(dayOfProvider):
			err = s.link(ctx, "US", []bankmux.Capability{bankmux.CapCards})
		default:
			err = s.sync(ctx)
		}
		if err != nil {
			return err
		}
	}
	for range 2 { // what is missing once is gone when it is missing twice
		if err := s.sync(ctx); err != nil {
			return err
		}
	}
	s.report("the year is over")
	return s.agree(ctx, notes)
}

func (s *story) open(server *virtualbank.Server) error {
	keys := s.bank.Credentials()
	mk, err := moneykit.New(moneykit.Config{
		BaseURL: server.MoneyKitURL, ClientID: keys.MoneyKit.ClientID, ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment: bankmux.Sandbox, Now: s.bank.Now,
	})
	if err != nil {
		return err
	}
	dp, err := dapi.New(dapi.Config{
		BaseURL: server.DapiURL, AppKey: keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox, Now: s.bank.Now,
	})
	if err != nil {
		return err
	}
	s.registry, err = bankmux.NewRegistry([]*bankmux.Client{mk, dp}, []bankmux.Route{{Client: "moneykit"}, {Client: "dapi", Priority: 1}})
	return err
}

// link links the user's bank, gives the accounts the names they had, and syncs. With capabilities the route may be another provider's.
func (s *story) link(ctx context.Context, country string, capabilities []bankmux.Capability) error {
	session, err := s.registry.CreateSession(ctx, bankmux.SessionRequest{
		User: "user-1", Country: country, Capabilities: capabilities, RedirectURI: "https://app.example.com/oauth",
	})
	if err != nil {
		return err
	}
	if s.conn, err = s.finish(ctx, session); err != nil {
		return err
	}
	if s.client, err = s.registry.For(s.conn); err != nil {
		return err
	}
	s.refresh()
	answer, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: s.conn})
	if err != nil {
		return err
	}
	now := answer.Accounts
	s.accounts, s.cards = nil, nil
	for _, a := range now {
		s.accounts = append(s.accounts, a.ID)
	}
	if s.client.Has(bankmux.CapCards) {
		cards, err := s.client.Cards(ctx, bankmux.CardsRequest{Connection: s.conn})
		if err != nil {
			return err
		}
		for _, c := range cards.Cards {
			s.cards = append(s.cards, c.ID)
			now = append(now, asAccount(c))
		}
	}
	carried, fresh, err := s.store.carry(ctx, now)
	if err != nil {
		return err
	}
	if err := s.sync(ctx); err != nil {
		return err
	}
	s.report(fmt.Sprintf("linked through %s: %d new accounts, %d known ones", s.client.Name(), fresh, carried))
	return nil
}

// finish is the user's part, and the exchange.
func (s *story) finish(ctx context.Context, session bankmux.Session) (bankmux.Connection, error) {
	var payload []byte
	var err error
	if session.Launch.Provider == moneykit.Name {
		payload, err = s.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token, InstitutionID: "northwind"})
	} else {
		payload, err = s.bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey, InstitutionID: "DAPIBANK_US_NORTHWIND"})
	}
	if err != nil {
		return bankmux.Connection{}, err
	}
	return s.registry.ExchangeToken(ctx, bankmux.ExchangeRequest{Session: session, User: "user-1", Payload: payload})
}

// renew finds the consent lapsed and sends the user through the flow again. Meanwhile all transactions got other ids.
func (s *story) renew(ctx context.Context) error {
	if err := s.bank.Lapse(s.conn.Reference); err != nil {
		return err
	}
	status, err := s.client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: s.conn})
	if err != nil {
		return err
	}
	s.report("the consent lapsed: " + string(status.Connection.Status.State))
	session, err := s.registry.CreateSession(ctx, bankmux.SessionRequest{User: "user-1", RedirectURI: "https://app.example.com/oauth", Reconnect: &status.Connection})
	if err != nil {
		return err
	}
	if s.conn, err = s.finish(ctx, session); err != nil {
		return err
	}
	if err := s.bank.ChurnIDs(s.conn.Reference); err != nil {
		return err
	}
	if err := s.sync(ctx); err != nil {
		return err
	}
	s.report("reconnected: every transaction has another id")
	return nil
}

// refresh lets MoneyKit fetch at once what the bank has; Dapi asks the bank each time.
func (s *story) refresh() {
	if s.client.Has(bankmux.CapRefresh) {
		_ = s.bank.Refresh(s.conn.Reference)
	}
}

// sync brings the file in step. After a crash it begins where the file says.
func (s *story) sync(ctx context.Context) error {
	s.refresh()
	for {
		cursor, err := s.store.cursor(ctx, s.conn.ID)
		if err != nil {
			return err
		}
		page, err := s.client.Sync(ctx, bankmux.SyncRequest{
			Connection: s.conn, Cursor: cursor, Accounts: s.accounts, Cards: s.cards, Name: s.store.name, Known: s.store.known,
		})
		if err != nil {
			return err
		}
		if len(page.Failed) > 0 || len(page.Suspect) > 0 || len(page.Gaps) > 0 {
			return fmt.Errorf("not read: %v; empty: %v; not served any more: %v", page.Failed, page.Suspect, page.Gaps)
		}
		crash := s.crash && len(page.Added) > 0
		switch err := s.store.commit(ctx, s.conn.ID, page, crash); {
		case errors.Is(err, errCrash):
			s.crash = false
			s.report("a crash before the commit; the page comes again")
			continue
		case err != nil:
			return err
		}
		s.told.add(page)
		if !page.More {
			return nil
		}
	}
}

// report prints what was told since the last report.
func (s *story) report(what string) {
	c := s.told
	fmt.Fprintf(s.out, "%s  %s\n            %d pages: %d added, %d modified, %d replaced, %d missing, %d removed, %d suggested\n",
		s.bank.Now().Format(time.DateOnly), what, c.pages, c.added, c.modified, c.replaced, c.missing, c.removed, c.suggested)
	s.told = counts{}
}
