package main

// This file plays a year of a user with the bank.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// The days of the year on which something happens.
const (
	dayOfCrash   = 40
	dayOfLapse   = 90
	dayOfNewLink = 160
	dayOfForget  = 200
	dayOfPlaid   = 230
	dayOfDapi    = 290
	quietFrom    = 340 // what is changed later may be seen after the end: Dapi's older days are read again once a week
	lastDay      = 365
)

// surprises are what a bank does now and then. Holds, tips, late rows and equal rows are always
// there. An edited row matches the stored one only where it keeps its id. With Dapi, or after a new
// link, it is a new row, and the former row is removed.
var surprises = []string{virtualbank.Withdrawn, virtualbank.VeryLate, virtualbank.PendingVanishes, virtualbank.Edited}

// story has a user, a bank and the application's clients.
type story struct {
	bank     *virtualbank.Bank
	clients  []*bankmux.Client
	registry *bankmux.Registry
	store    *store
	out      io.Writer

	client          *bankmux.Client
	conn            bankmux.Connection
	accounts, cards []string             // the provider's ids, where it keeps cards apart
	said            counts               // since the last line that was printed
	crash           bool                 // before the next commit
	crashes         bool                 // once before every commit
	notes           map[int64]remembered // by the id of the row
}

// counts sums up pages.
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

// year runs the story.
func year(ctx context.Context, seed uint64, crashes bool, db *store, out io.Writer) error {
	bank := virtualbank.New(
		virtualbank.Options{Seed: seed, Start: time.Date(2026, time.January, 1, 9, 0, 0, 0, time.UTC)},
	)
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0", virtualbank.ServePlaid("127.0.0.1:0"))
	if err != nil {
		return err
	}
	defer server.Close()
	s := &story{bank: bank, store: db, out: out, crashes: crashes, notes: map[int64]remembered{}}
	if err := s.open(server); err != nil {
		return err
	}
	if err := s.link(ctx, moneykit.Name); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // equal seeds give equal years
	for day := 0; day < lastDay; {
		step := 1 + r.IntN(5)
		bank.Advance(time.Duration(step)*24*time.Hour + time.Duration(r.IntN(600))*time.Minute)
		before := day
		day += step
		if err := s.live(ctx, before, day, r); err != nil {
			return err
		}
		if err := s.annotate(ctx); err != nil {
			return err
		}
	}
	for range 2 { // A row that is missing twice is removed. Nothing happens at the bank between the two.
		if err := s.sync(ctx); err != nil {
			return err
		}
	}
	s.report("the year is over")
	return s.agree(ctx)
}

// live plays the days after one day, up to another.
func (s *story) live(ctx context.Context, before, day int, r *rand.Rand) (err error) {
	passed := func(d int) bool { return before < d && d <= day }
	switch {
	case passed(dayOfCrash):
		s.crash = true
		err = s.sync(ctx)
	case passed(dayOfLapse):
		err = s.renew(ctx)
	case passed(dayOfNewLink):
		err = s.move(ctx, moneykit.Name)
	case passed(dayOfForget):
		if err = s.bank.Stage(s.conn.Reference(), virtualbank.CursorForgotten); err == nil {
			err = s.sync(ctx)
		}
	case passed(dayOfPlaid):
		if err = s.move(ctx, plaid.Name); err == nil {
			err = s.agree(ctx) // every row and note is kept
		}
	case passed(dayOfDapi):
		err = s.move(ctx, dapi.Name)
	case day < quietFrom && r.IntN(4) == 0:
		if err = s.surprise(surprises[r.IntN(len(surprises))]); err == nil {
			err = s.sync(ctx)
		}
	default:
		err = s.sync(ctx)
	}
	return err
}

// surprise makes the bank do something. Without a row for it, nothing happens.
func (s *story) surprise(what string) error {
	if what == virtualbank.Edited && s.conn.Provider == dapi.Name {
		return nil
	}
	err := s.bank.Stage(s.conn.Reference(), what)
	if refused, ok := errors.AsType[*virtualbank.Refusal](err); ok && refused.Status == http.StatusConflict {
		return nil
	}
	return err
}

// refresh makes MoneyKit or Plaid fetch from the bank and waits for it. Dapi asks the bank on every
// read.
func (s *story) refresh(ctx context.Context) error {
	if !s.client.Has(bankmux.CapRefresh) {
		return nil
	}
	started, err := s.client.Refresh(
		ctx,
		bankmux.RefreshRequest{Connection: s.conn, Products: []bankmux.Product{bankmux.ProductTransactions}},
	)
	if errors.Is(err, bankmux.ErrRateLimited) {
		return nil // it fetched within the hour
	}
	if err != nil {
		return err
	}
	s.bank.Advance(time.Minute) // instead of waiting
	_, err = s.client.AwaitRefresh(ctx, started)
	return err
}

// sync brings the file in step. It starts at the stored cursor, also after a crash.
func (s *story) sync(ctx context.Context) error {
	if err := s.refresh(ctx); err != nil {
		return err
	}
	for died := false; ; {
		from, err := s.store.position(ctx, s.conn.ID)
		if err != nil {
			return err
		}
		page, err := s.page(ctx, from)
		if e, ok := errors.AsType[*bankmux.Error](err); ok && e.Field == "SyncRequest.Cursor" && from.next != "" {
			if err := s.store.forget(ctx, s.conn.ID); err != nil {
				return err
			}
			s.report("the cursor was refused: start without one, no row is stored twice")
			continue
		}
		if err != nil {
			return err
		}
		if (s.crash && len(page.Added) > 0) || (s.crashes && !died) {
			died = true
			if err := s.dies(ctx, page, from); err != nil {
				return err
			}
			continue
		}
		switch err := s.store.commit(ctx, s.conn.ID, from, page, false); {
		case errors.Is(err, errOvertaken):
			continue // another process stored a page: continue at its cursor
		case err != nil:
			return err
		}
		died = false
		s.said.add(page)
		if !page.More {
			return nil
		}
	}
}

// page reads the page after a position. It fails for Suspect and Gaps, which this year does not
// have. An application would log a PartialError, wait after Suspect, and show Gaps to its user.
func (s *story) page(ctx context.Context, from position) (bankmux.Delta, error) {
	page, err := s.client.Sync(ctx, bankmux.SyncRequest{
		Connection: s.conn,
		Cursor:     from.next,
		Accounts:   s.accounts,
		Cards:      s.cards,
		Name:       s.store.name(s.conn.Provider),
		Known:      s.store.known,
	})
	if err == nil && (len(page.Suspect) > 0 || len(page.Gaps) > 0) {
		err = fmt.Errorf("empty: %v; no longer served: %v", page.Suspect, page.Gaps)
	}
	return page, err
}

// dies ends the process between the last row of a page and its commit. The next process finds the
// file as it was before the page.
func (s *story) dies(ctx context.Context, page bankmux.Delta, from position) error {
	before, err := s.store.count(ctx)
	if err != nil {
		return err
	}
	switch err := s.store.commit(ctx, s.conn.ID, from, page, true); {
	case err == nil:
		return errors.New("the planned crash did not happen")
	case !errors.Is(err, errCrash):
		return err
	}
	if err := s.store.reopen(ctx); err != nil {
		return err
	}
	after, err := s.store.count(ctx)
	if err != nil {
		return err
	}
	now, err := s.store.position(ctx, s.conn.ID)
	if err != nil {
		return err
	}
	if after != before || now != from {
		return fmt.Errorf("a page that was not committed left %d rows of %d", after, before)
	}
	if s.crash {
		s.crash = false
		s.report(
			fmt.Sprintf(
				"a crash before the commit of %d rows: the file is unchanged, the page is read again",
				len(page.Added),
			),
		)
	}
	return nil
}

// report prints the counts since the last report.
func (s *story) report(what string) {
	c := s.said
	fmt.Fprintf(
		s.out,
		"%s  %s\n            %d pages: %d added, %d modified, %d replaced, %d missing, %d removed, %d suggested\n",
		s.bank.Now().
			Format(time.DateOnly),
		what,
		c.pages,
		c.added,
		c.modified,
		c.replaced,
		c.missing,
		c.removed,
		c.suggested,
	)
	s.said = counts{}
}
