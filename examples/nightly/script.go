package main

// This file has what happens in the nights.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/schedule"
	"github.com/bankmux/bankmux/virtualbank"
)

// The kinds of nights.
const (
	quiet  = "quiet"  // nothing happens
	outage = "outage" // a provider and a bank are down for an hour
	people = "people" // questions, consents that end, webhooks in the night
)

// kinds are all kinds of nights.
var kinds = []string{quiet, outage, people}

// The hours of an outage.
const (
	outageStart = 2
	outageEnd   = 3
)

// step is what happens at an hour of a night, counted from midnight.
type step struct {
	hour float64
	do   func(ctx context.Context) error
}

// script returns the steps of a night.
func (n *nights) script(night int, kind string) []step {
	steps := []step{
		{-2, func(ctx context.Context) error { return n.evening(ctx, night) }},
		{0, func(ctx context.Context) error { return n.open(ctx, night, kind) }},
	}
	switch kind {
	case outage:
		steps = append(steps, step{outageStart, n.fail}, step{outageEnd, n.recover})
	case people:
		steps = append(steps, step{-1, n.trouble}, step{outageStart, n.announce})
	}
	steps = append(steps, step{hoursOfNight, func(ctx context.Context) error { return n.close(ctx, night) }})
	if kind == people {
		steps = append(steps, step{hoursOfNight + 0.5, n.morning})
	}
	return steps
}

// play runs the nights.
func (n *nights) play(ctx context.Context, nights []string) error {
	if err := n.firstSyncs(ctx); err != nil {
		return err
	}
	for i, kind := range nights {
		for _, s := range n.script(i+1, kind) {
			if err := n.sleep(ctx, n.clock.hours(i+1, s.hour)); err != nil {
				return err
			}
			if err := s.do(ctx); err != nil {
				return fmt.Errorf("night %d, hour %g: %w", i+1, s.hour, err)
			}
		}
	}
	return n.sleep(ctx, n.clock.hours(len(nights), noon)) // what was nudged in the morning runs
}

// noon ends a night's count of runs.
const noon = 12

// sleep waits until a time of the nights, and shows how far the night is.
func (n *nights) sleep(ctx context.Context, until time.Time) error {
	tick := time.NewTicker(n.clock.wait(20 * time.Minute))
	defer tick.Stop()
	end := time.NewTimer(time.Until(n.clock.machine(until)))
	defer end.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-n.failed:
			return err
		case <-tick.C:
			n.showNight(ctx)
		case <-end.C:
			return nil
		}
	}
}

// evening moves the banks to the new day, and lets the providers fetch what is new. The real ones
// do so several times a day.
func (n *nights) evening(ctx context.Context, night int) error {
	n.bank.Advance(n.clock.midnight(night).Add(time.Hour).Sub(n.bank.Now()))
	for _, conn := range n.conns {
		if conn.Provider != dapi.Name {
			_ = n.bank.Refresh(conn.Reference()) // refused for consents that ended
		}
	}
	return n.deliver(ctx)
}

// deliver sends the webhooks that are due.
func (n *nights) deliver(ctx context.Context) error {
	tally, err := n.bank.Deliver(ctx, http.DefaultClient)
	n.delivered += tally.Accepted
	return err
}

// fail takes MoneyKit down, and one of the two banks at Dapi.
func (n *nights) fail(context.Context) error {
	return errors.Join(
		n.bank.Inject(virtualbank.Fault{Name: "unavailable", Provider: moneykit.Name}),
		n.bank.Outage(n.dapiBanks[0], true),
	)
}

func (n *nights) recover(context.Context) error {
	n.bank.ClearFaults()
	return n.bank.Outage(n.dapiBanks[0], false)
}

// trouble lets one in ten banks of Dapi ask at its next call. One in twenty consents ends, and one
// in forty users of Plaid withdraws the permission.
func (n *nights) trouble(context.Context) error {
	var errs []error
	for i, conn := range n.conns {
		switch turn := i / len(providers); {
		case conn.Provider == plaid.Name && turn%40 == 1:
			errs = append(errs, n.bank.Revoke(conn.Reference()))
		case turn%20 == 3:
			errs = append(errs, n.bank.Lapse(conn.Reference()))
		case conn.Provider == dapi.Name && turn%10 == 5:
			errs = append(errs, n.bank.RequireInput(conn.Reference(), "", []string{"otp"}))
		}
	}
	return errors.Join(errs...)
}

// announce books another row for each user with webhooks, and delivers them. Each delivery is a
// nudge.
func (n *nights) announce(ctx context.Context) error {
	for i, conn := range n.conns {
		if !n.hasWebhooks(i) || conn.Provider == dapi.Name {
			continue
		}
		// Both are refused for consents that ended.
		_ = n.bank.Stage(conn.Reference(), virtualbank.Twin)
		_ = n.bank.Refresh(conn.Reference())
	}
	return n.deliver(ctx)
}

// morning is when users open the application: half of those who were asked answer, and half of
// those whose consent ended renew it.
func (n *nights) morning(ctx context.Context) error {
	plans, err := n.plans(ctx)
	if err != nil {
		return err
	}
	ctx = bankmux.WithPresence(ctx, bankmux.Presence{})
	for i, conn := range n.conns {
		switch plan := plans[conn.ID]; {
		case i/len(providers)/20%2 == 1: // does not open it today
		case plan.State == schedule.Parked:
			n.answered++
			err = n.answer(ctx, conn)
		case plan.State == schedule.Blocked && plan.Reason == schedule.ReasonLogin:
			n.renewed++
			err = n.renew(ctx, i)
		}
		if err != nil {
			return err
		}
	}
	for i, conn := range n.conns[:max(len(n.conns)/20, 1)] {
		if conn.Provider != moneykit.Name || plans[conn.ID].State != schedule.Due {
			continue
		}
		if err := n.press(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// parseNights reads the flag with the kinds of nights.
func parseNights(text string) ([]string, error) {
	all := strings.Split(text, ",")
	for _, kind := range all {
		if !slices.Contains(kinds, kind) {
			return nil, fmt.Errorf("there is no night %q; the nights are %s", kind, strings.Join(kinds, ", "))
		}
	}
	return all, nil
}
