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

// loadOf returns the load of a provider.
func loadOf(provider string) Load {
	return Loads[slices.IndexFunc(Loads, func(l Load) bool { return l.Provider == provider })]
}

// What bench/README.md has below "Nightly syncs", as measured on two cores. A test compares them.
//
//	go -C fleet/river test -run xxx -bench Syncs/workers=50 -benchtime 5000x .
//	go -C examples/nightly test -run xxx -bench Worker -benchtime 1x .
const (
	syncsPerSecond  = 1_116 // on idle cores, by the first: of workers and PostgreSQL together
	callsPerProcess = 1_000 // in flight in a worker process, by the second
	bytesPerCounted = 191   // that a budget per connection keeps, with a fleet and two products
	mibPerProcess   = 92    // that such a process takes, by the second
	measuredCores   = 2
)

// The assumptions of the page.
const (
	jobsPerConnection = 2      // the next one, and the last one until River removes it after a day
	rowsPerConnection = 730    // two years with a row a day
	pagesPerSync      = 1.3    // requests of a sync at Plaid
	portsPerAddress   = 28_232 // that Linux uses for connections to one address: 32768 to 60999
)

// syncRate returns the syncs per second, if they are spread evenly.
func syncRate(connections float64) float64 { return connections / Window.Length.Seconds() }

// cores returns how many cores a rate of syncs needs, those of the database included.
func cores(syncs float64) float64 { return math.Ceil(syncs / syncsPerSecond * measuredCores) }

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
	dapi := loadOf("Dapi").InFlight() / float64(loadOf("Dapi").Connections)
	all := []limit{
		{"Plaid's default limit for syncs", perNight(plaidSync()) / pagesPerSync},
		{"the calls under way in one worker process", callsPerProcess / (inFlight / connections)},
		{"the ports of one address, for Dapi's connections alone", portsPerAddress / dapi},
		{"syncs on two cores with their database", syncsPerSecond * Window.Length.Seconds()},
	}
	slices.SortFunc(all, func(a, b limit) int { return int(math.Copysign(1, a.connections-b.connections)) })
	return all
}

// perNight returns how many calls a budget allows in a night.
func perNight(b guard.Budget) float64 {
	return float64(b.Limit) * float64(Window.Length) / float64(b.Window)
}
