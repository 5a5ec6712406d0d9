package fleetproof

// This file stops a backend while processes make calls.

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// long is how long calls go on during an outage if BANKMUX_FULL is set. Otherwise some calls do.
const long = time.Minute

// load is an application of several processes. All of them use one connection, and each of them has
// further ones of its own.
type load struct {
	bank *bank
	all  []*process
}

// The connections of a process under load.
const (
	loaded   = 2 // processes
	apart    = 3 // connections that a process has alone, each with one caller
	together = 2 // callers in each process on the common connection
)

// newLoad starts processes with the limits of production.
func newLoad(t *testing.T, url string) *load {
	t.Helper()
	l := &load{bank: newBank(t, 1+loaded*apart)}
	for i := range loaded {
		app := l.bank.app
		app.Backend, app.Hasty = url, true
		app.Connections = append(app.Connections[:1:1], app.Connections[1+i*apart:][:apart]...)
		l.all = append(l.all, app.start(t))
	}
	l.send(t, order{Callers: together})
	return l
}

func (l *load) send(t *testing.T, o order) {
	t.Helper()
	for _, p := range l.all {
		p.send(t, o)
	}
}

// outcomes waits for the outcomes of an order. No call may have failed, except that the bank fails
// calls that overlap.
func (l *load) outcomes(t *testing.T) (all []outcome) {
	t.Helper()
	for _, p := range l.all {
		out := p.outcome(t)
		assert.Empty(t, out.Errors)
		all = append(all, out)
	}
	return all
}

// reach waits until the bank has served more calls.
func (l *load) reach(t *testing.T, more int) {
	t.Helper()
	goal := l.bank.tally().served + more
	require.Eventually(t, func() bool { return l.bank.tally().served >= goal }, maxWait, time.Millisecond)
}

// logged waits until each process has logged a text.
func (l *load) logged(t *testing.T, text string, during func()) {
	t.Helper()
	for _, p := range l.all {
		require.Eventually(t, func() bool {
			during()
			return strings.Contains(p.log.String(), text)
		}, maxWait, 10*time.Millisecond, text)
	}
}

// What a fleet logs.
const (
	textDown = "the shared state is unavailable"
	textBack = "the shared state is available again"
	textLost = "the shared state lost a lease"
)

// Outage checks what holds while a server is away. Fail stops the server at a URL, and restore
// starts it again.
func Outage(t *testing.T, url string, fail, restore func(t testing.TB)) {
	t.Helper()
	l := newLoad(t, url)
	l.reach(t, 200)
	fail(t)
	l.logged(t, textDown, func() {})
	if os.Getenv("BANKMUX_FULL") != "" {
		for since := time.Now(); time.Since(since) < long; {
			l.reach(t, 100)
		}
	}
	l.reach(t, 500)
	restore(t)
	l.logged(t, textBack, func() {})
	l.reach(t, 200)
	l.send(t, order{End: true})
	for _, out := range l.outcomes(t) {
		assert.Positive(t, out.Fleet.Failed)
		assert.Positive(t, out.Fleet.Unleased, "calls were sent without a lease, and counted")
		assert.Zero(t, out.Delays.Unlimited)
		assert.LessOrEqual(t, out.Delays.Limit, 120*time.Millisecond, "of 250 ms for all requests of a call")
		t.Log(out)
	}
	t.Log(l.bank.tally())
	l.takeTurns(t, url)
}

// DataLoss checks what holds while a server loses its data again and again.
func DataLoss(t *testing.T, url string, lose func(t testing.TB)) {
	t.Helper()
	l := newLoad(t, url)
	l.logged(t, textLost, func() { lose(t) })
	l.send(t, order{End: true})
	for _, out := range l.outcomes(t) {
		assert.Positive(t, out.Fleet.Lost, "lost leases are counted")
		t.Log(out)
	}
	t.Log(l.bank.tally())
	l.takeTurns(t, url)
}

// takeTurns requires that nothing of what happened keeps a turn. New processes share the common
// connection, patiently, because a machine under load may be too slow for the limits of production.
func (l *load) takeTurns(t *testing.T, url string) {
	t.Helper()
	for _, p := range l.all {
		p.end(t)
	}
	before := l.bank.tally().overlaps
	app := l.bank.app
	app.Backend, app.Connections = url, app.Connections[:1]
	l.all = []*process{app.start(t), app.start(t)}
	l.send(t, order{Callers: together, Reads: 10})
	for _, out := range l.outcomes(t) {
		assert.Equal(t, together*10, out.Read)
		assert.Zero(t, out.Fleet)
	}
	assert.Zero(t, l.bank.tally().overlaps-before)
}

// String returns one line for the log of a test.
func (o outcome) String() string {
	var took strings.Builder
	for i, n := range o.Delays.Took {
		_, _ = fmt.Fprintf(&took, " %d up to %s,", n, bounds[i])
	}
	return fmt.Sprintf("%d reads, %d clashes, %d without a lease, %d lost leases; requests for a turn:%s allowed %s",
		o.Read, o.Clashes, o.Fleet.Unleased, o.Fleet.Lost, took.String(), o.Delays.Limit)
}

// String returns one line for the log of a test.
func (c tally) String() string { return fmt.Sprintf("%d calls, %d overlaps", c.served, c.overlaps) }
