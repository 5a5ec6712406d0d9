package guard

// This file reports what a provider sends and its adapter does not know.

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// DriftKind says what is unknown.
type DriftKind string

// The kinds of drift.
const (
	DriftMember DriftKind = "member" // a member of a response or of a webhook delivery
	DriftValue  DriftKind = "value"  // a value of an enumeration
	DriftCode   DriftKind = "code"   // the code of an error, which [Guard.UnlistedCodes] counts, too
	DriftMore   DriftKind = "more"   // the client has reported 256 others, so later ones have no name
)

// Drift is something that a provider sends and its adapter does not know. It has names of members,
// values of enumerations and codes. A text that does not look like one is "*": an id with
// digits, an address, or several words that are not documented. See [normalize.Name].
//
// A single word of letters passes. So if a provider sends a person's name as a key, or where a
// value of an enumeration is documented, the drift has that name.
type Drift struct {
	Client   string `json:"client"` // the registered name
	Provider string `json:"provider"`

	// Endpoint is where a member or value was found: method and path without parameters, such as
	// "GET /links/{id}/accounts", or "webhook".
	Endpoint  string    `json:"endpoint,omitempty"`
	Operation string    `json:"operation,omitempty"` // that failed with a code, such as "Accounts"
	Kind      DriftKind `json:"kind"`

	// Member is the path of a member, or of the member that has the value. An element of a list is
	// "[]" and a key of a map "*", as in "accounts[].new_member".
	Member string `json:"member,omitempty"`
	// Word is the value or code.
	Word string `json:"word,omitempty"`
}

// maxDrift bounds how many drifts of one client have a name.
const maxDrift = 256

// drifts has the drifts of all clients.
type drifts struct {
	mu     sync.Mutex
	seen   map[Drift]uint64
	number map[string]int // by client, of those in seen
}

// note counts a drift. It returns what is reported instead of it if the client has too many, and
// whether that is new.
func (all *drifts) note(d Drift) (reported Drift, isNew bool) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.seen[d] == 0 && all.number[d.Client] >= maxDrift {
		d = Drift{Client: d.Client, Provider: d.Provider, Kind: DriftMore}
	}
	if all.seen[d] == 0 {
		all.number[d.Client]++
		isNew = true
	}
	all.seen[d]++
	return d, isNew
}

// Drift returns what the providers sent that their adapters do not know, and how often it was
// found. Codes are found in each error of a call. Members, values, and the codes in other responses
// are found in one response of each hundred.
func (g *Guard) Drift() map[Drift]uint64 {
	g.drifts.mu.Lock()
	defer g.drifts.mu.Unlock()
	return maps.Clone(g.drifts.seen)
}

// ReportDrift counts drifts, and calls [Options.OnDrift] for each that is new. The client of
// package rest calls it once per response. An adapter that sends requests in another way may call
// it. Member and Word must have passed [normalize.Name].
func (g *Guard) ReportDrift(ctx context.Context, all ...Drift) {
	var fresh []Drift
	for _, d := range all {
		if d.Kind == DriftCode && d.Endpoint != "" { // otherwise the error of the call is counted
			g.countUnlisted(d.Provider + " " + d.Word)
		}
		if d, isNew := g.drifts.note(d); isNew {
			fresh = append(fresh, d)
		}
	}
	if len(fresh) == 0 || g.opts.OnDrift == nil {
		return
	}
	done := make(chan struct{})
	go g.deliverDrift(ctx, fresh, done)
	timer := time.NewTimer(maxListenerWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// deliverDrift calls OnDrift for one drift after another and then closes done. If OnDrift ends the
// goroutine, a new goroutine continues.
func (g *Guard) deliverDrift(ctx context.Context, all []Drift, done chan<- struct{}) {
	defer func() {
		if len(all) > 0 {
			go g.deliverDrift(ctx, all, done)
			return
		}
		close(done)
	}()
	for len(all) > 0 {
		d := all[0]
		all = all[1:]
		g.callOnDrift(ctx, d)
	}
}

// callOnDrift recovers from a panic of OnDrift, which would otherwise end the process.
func (g *Guard) callOnDrift(ctx context.Context, d Drift) {
	defer logDriftPanic(g.opts.Logger)
	g.opts.OnDrift(ctx, d)
}

// logDriftPanic recovers from a panic of OnDrift, and logs its type.
func logDriftPanic(logger *slog.Logger) {
	p := recover()
	if p == nil || logger == nil {
		return
	}
	logger.Error("bankmux: OnDrift panicked", "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
}

// reportCode reports the code of an error that no catalogue lists.
func (g *Guard) reportCode(ctx context.Context, op *bankmux.Op, e *bankmux.Error) {
	g.ReportDrift(ctx, Drift{
		Client: op.Client, Provider: op.Provider, Operation: op.Name,
		Kind: DriftCode, Word: normalize.Name(e.Code),
	})
}
