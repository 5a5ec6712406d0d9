// Package scale computes what nightly syncs of many connections need, and simulates them. Its test
// writes docs/scale.md, so each number of that page comes from here.
package scale

import (
	"math"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/schedule"
)

// Load is what one provider's connections need in a night.
type Load struct {
	Provider    string
	Connections int
	Calls       float64       // per connection, on average
	Call        time.Duration // how long a call takes
}

// Window is the night of all computations.
var Window = schedule.Night{Length: 8 * time.Hour}

// Loads are the connections of the page.
var Loads = []Load{
	{"MoneyKit", 9_000_000, 2.3, 400 * time.Millisecond},
	{"Dapi", 1_000_000, 2, 8 * time.Second},
}

// PerSecond returns the calls per second, if they are spread evenly.
func (l Load) PerSecond() float64 {
	return float64(l.Connections) * l.Calls / Window.Length.Seconds()
}

// InFlight returns how many calls are under way at a time.
func (l Load) InFlight() float64 { return l.PerSecond() * l.Call.Seconds() }

// hundredth returns a load with a hundredth of the connections.
func (l Load) hundredth() Load {
	l.Connections /= 100
	return l
}

// totals returns the sums over all loads.
func totals() (connections, perSecond, inFlight float64) {
	for _, l := range Loads {
		connections += float64(l.Connections)
		perSecond += l.PerSecond()
		inFlight += l.InFlight()
	}
	return connections, perSecond, inFlight
}

// The assumptions of the page.
const (
	jobsPerSecond     = 4_700  // that River completes on two cores, as measured elsewhere
	jobsPerConnection = 2      // the next one, and the last one until River removes it after a day
	rowsPerConnection = 730    // two years with a row a day
	pagesPerSync      = 1.3    // requests of a sync at Plaid
	callsPerProcess   = 1_000  // under way in a worker process, the goal of bench/README.md
	portsPerAddress   = 28_232 // that Linux uses for connections to one address: 32768 to 60999
)

// plaidSync returns Plaid's published limit for syncs of one application.
func plaidSync() guard.Budget {
	all := guard.PlaidBudgets()
	return all[slices.IndexFunc(all, func(b guard.Budget) bool {
		return b.Per == 0 && slices.Contains(b.Ops, bankmux.OpSync)
	})]
}

// limit is something of which there is only so much.
type limit struct {
	name        string
	connections float64 // with which it is used up
}

// limits returns what breaks, the first thing first. Plaid's limit is for connections at Plaid, and
// the limit of ports for those at Dapi. The others are for the mix of Loads.
func limits() []limit {
	connections, _, inFlight := totals()
	dapi := Loads[1].InFlight() / float64(Loads[1].Connections)
	all := []limit{
		{"Plaid's default limit for syncs", perNight(plaidSync()) / pagesPerSync},
		{"one worker process with a thousand calls under way", callsPerProcess / (inFlight / connections)},
		{"the ports of one address, for Dapi's connections alone", portsPerAddress / dapi},
		{"one River queue on two cores", jobsPerSecond * Window.Length.Seconds()},
	}
	slices.SortFunc(all, func(a, b limit) int { return int(math.Copysign(1, a.connections-b.connections)) })
	return all
}

// perNight returns how many calls a budget allows in a night.
func perNight(b guard.Budget) float64 {
	return float64(b.Limit) * float64(Window.Length) / float64(b.Window)
}
