package main

// This file writes the closing report, and decides whether a promise was broken.

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bankmux/bankmux/providers/moneykit"
)

// titles are the names of the providers in the report.
var titles = map[string]string{"moneykit": "MoneyKit", "dapi": "Dapi", "plaid": "Plaid"}

// report writes the closing report. The error names the promises that were broken.
func (n *nights) report(ctx context.Context, out io.Writer) error {
	slow, err := n.reportNights(ctx, out)
	if err != nil {
		return err
	}
	broken := n.reportBudgets(out)
	c, err := n.compare(ctx)
	if err != nil {
		return err
	}
	requests := n.traffic.between(time.Time{}, n.clock.now())
	fmt.Fprintf(out, "\n%s\n", strings.Join([]string{
		fmt.Sprintf("Calls that overlapped on a token of Dapi: %d of %d.", n.traffic.overlaps, ofDapi(requests)),
		fmt.Sprintf("Ledgers that differ from their bank: %d of %d, with %d rows.",
			len(c.different), c.connections, c.rows),
		fmt.Sprintf("Ledgers of Dapi that needed one more run, as a row is removed after two: %d.", c.again),
		fmt.Sprintf("Webhook deliveries that were accepted: %d.", n.delivered),
		fmt.Sprintf("Questions answered in another process: %d. Consents renewed: %d.", n.answered, n.renewed),
		fmt.Sprintf("Refreshes that a budget refused before they were sent: %d.", n.pressed),
		fmt.Sprintf("Calls that were sent without a lease: %d.", n.unleased+n.member.guard.Stats().Unleased),
	}, "\n"))
	if n.traffic.overlaps > 0 {
		broken = append(broken, "calls on a token of Dapi overlapped")
	}
	if len(c.different) > 0 {
		broken = append(broken, "ledgers differ, such as those of "+
			strings.Join(c.different[:min(len(c.different), 3)], ", "))
	}
	if c.connections == 0 {
		broken = append(broken, "no connection is in step")
	}
	if len(broken) > 0 {
		return fmt.Errorf("promises were broken: %s", strings.Join(broken, "; "))
	}
	fmt.Fprintln(out, conclusion(n.clock.Minute, slow))
	return nil
}

// conclusion returns the last line of a report without a broken promise.
func conclusion(minute time.Duration, slow []string) string {
	if len(slow) == 0 {
		return "Every promise was kept."
	}
	return fmt.Sprintf("No promise was broken, but this machine was too slow for -minute %s: %s.\n"+
		"So much of what the nights promise did not happen. Use a larger -minute.", minute, strings.Join(slow, "; "))
}

// tooSlow returns what a night says of a machine that is too slow, "" if it was fast enough. A
// machine is too slow if over a tenth of the connections had no run by noon. Those that wait for
// their users do not count. Without an outage it is also too slow if over a tenth of the runs
// were late.
func tooSlow(r *record, lines map[string]*row) string {
	due, done, late := 0, 0, 0
	var longest time.Duration
	for _, l := range lines {
		due += l.due - l.parked - l.blocked - l.dead
		done += l.done
		late += l.late
		longest = max(longest, l.longest)
	}
	switch {
	case 10*(due-done) > due:
		return fmt.Sprintf("in night %d, %d of %d connections had no run", r.night, due-done, due)
	case r.kind != outage && 10*late > due:
		return fmt.Sprintf("in night %d, %d runs were late, the last by %d min", r.night, late, longest/time.Minute)
	}
	return ""
}

// ofDapi counts the calls on connections of Dapi.
func ofDapi(requests []request) (calls int) {
	for _, r := range requests {
		if r.provider == "dapi" && r.op != "" {
			calls++
		}
	}
	return calls
}

// reportNights writes a table with a line for each night and provider.
func (n *nights) reportNights(ctx context.Context, out io.Writer) (slow []string, err error) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, strings.Join([]string{
		"night", "", "provider", "due", "done", "late", "longest", "parked", "blocked", "dead", "calls", "refused",
		"rows", "caught up", "",
	}, "\t"))
	var notes []string
	for _, r := range n.records {
		lines, err := n.rows(ctx, r)
		if err != nil {
			return nil, err
		}
		if text := tooSlow(r, lines); text != "" {
			slow = append(slow, text)
		}
		for _, p := range providers {
			l := lines[p]
			caught, longest := "-", "-"
			if l.late > 0 {
				caught, longest = l.caughtUp.Format("15:04"), fmt.Sprintf("%d min", l.longest/time.Minute)
			}
			fmt.Fprintf(t, "%d\t%s\t%s\t%d\t%d\t%d\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n", r.night, r.kind, titles[p],
				l.due, l.done, l.late, longest, l.parked, l.blocked, l.dead, l.calls, l.refused, l.rows, caught)
		}
		if r.kind == outage {
			notes = append(notes, fmt.Sprintf(
				"Night %d: MoneyKit was down from %d:00 to %d:00. By schedule.CatchUp it is caught up at %s.",
				r.night, outageStart, outageEnd, n.promised(r.night).Format("15:04")))
		}
	}
	fmt.Fprintf(out, "\nA minute of these nights takes %s. Parked, blocked and dead are those at 8:00,\n"+
		"late are runs that started more than %d minutes after their slot.\n\n", n.clock.Minute, tooLate/time.Minute)
	if err := t.Flush(); err != nil {
		return nil, err
	}
	for _, note := range notes {
		fmt.Fprintln(out, note)
	}
	return slow, nil
}

// reportBudgets writes a table of the budgets that counted requests, by the count of the bank.
func (n *nights) reportBudgets(out io.Writer) (broken []string) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "budget\tlimit\tper\trequests\tmost\t\t")
	for _, u := range used(budgets(n.of(moneykit.Name)), n.traffic.between(time.Time{}, n.clock.now())) {
		verdict := ""
		if u.broken() {
			verdict = "exceeded"
			broken = append(broken, fmt.Sprintf("the budget %q was exceeded", u.Name))
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%d\t%d\t%s\t\n", u.Name, u.Limit, u.Window, u.Counted, u.Most, verdict)
	}
	fmt.Fprintln(out, "\nThe budgets, by what the banks counted:")
	fmt.Fprintln(out)
	_ = t.Flush() // the next line meets the same error
	return broken
}
