package guard

// This file limits how many calls are made, by budgets that the application passes as data.

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

// Budget allows a number of calls in a window of time: [Options.Budgets]. All fields that select
// calls must match; an empty one matches every call. The unit is an attempt, as [Retry] makes them.
// An attempt may send several requests, such as the pages of one round of a sync at Plaid.
type Budget struct {
	// Name names the budget in errors and in the shared state. Each budget has its own.
	Name string

	Client   string          // registered name
	Provider string          // name of the adapter, such as "plaid"
	Ops      []string        // names of operations, such as [bankmux.OpSync]
	Group    bankmux.Group   // group of operations
	Product  bankmux.Product // a refresh counts under the first of its products
	// Background selects the calls that a bank counts as background calls: those for which
	// [bankmux.Presence.PSU] is false.
	Background bool

	// Per says what has a count of its own, besides each client. The zero value counts all calls of
	// a client together, so it is the budget of the application.
	Per Per

	Limit  int           // calls in a window
	Window time.Duration // in whole milliseconds
	// Offset moves the windows. A window starts when the time since 1970-01-01T00:00:00Z, less
	// Offset, is a multiple of Window. So a window of 24 h is a day of UTC. With an Offset of -4 h
	// it is a day of the clocks that are four hours ahead of UTC. It does not follow summer time.
	// If the clock is put back by up to a window, no new window starts.
	Offset time.Duration
	// Rolling is for a provider that counts any span of the length of Window. No span of that
	// length then has more than Limit calls. The price is a lower rate: over a long time it may be
	// half of Limit per Window. Without Rolling, a span that covers parts of two windows may have
	// twice Limit.
	Rolling bool

	// Margin is the time at each end of a window in which no call is allowed, at most a quarter of
	// it. It is for a limit that must hold at the provider. A call that is counted in one window
	// may arrive in the next. The next window then has one call too many. That cannot happen if
	// Margin is at least the deadline of a call ([DeadlineOptions]) and the difference of the
	// clocks together. 0 means none.
	Margin time.Duration

	// Reserve is the part of Limit that is kept for calls that a user waits for. A call whose
	// context says that the user is absent ([bankmux.Presence]) is refused when only the reserve is
	// left. So a user does not wait behind the night's work. 0 means a tenth of Limit, rounded
	// down, and -1 means none. A tenth of a Limit below 10 is none: set Reserve if users wait for
	// such calls. A Limit of 1 can have none.
	Reserve int
}

// Per says what has a count of its own. Values are combined with the operator |. A budget does not
// count a call that lacks one of them.
type Per uint8

// The parts of a call that can have a count of their own.
const (
	PerConnection  Per = 1 << iota // [bankmux.Connection.ID]
	PerItem                        // the provider's id of the login, which Plaid calls an Item
	PerInstitution                 // the provider's id of the bank
	PerProduct                     // the product of the operation
)

// Paced returns the budget with a shorter window and the same rate, rounded down to whole calls. So
// it spreads the calls evenly. A provider may count any minute, not only whole ones. Any minute
// then has at most Limit calls and those of one shorter window. If a window would allow less than
// one call, Paced makes it longer. The window is rounded up to whole milliseconds. The result has
// no Margin. Paced returns b if window is not shorter.
func (b Budget) Paced(window time.Duration) Budget {
	if window <= 0 {
		return b
	}
	calls := time.Duration(max(b.Limit, 1))
	ofOne := (b.Window + calls - 1) / calls // the window in which one call is allowed
	window = (max(window, ofOne) + time.Millisecond - 1).Truncate(time.Millisecond)
	if window >= b.Window {
		return b
	}
	share := func(n int) int {
		high, low := bits.Mul64(uint64(max(n, 0)), uint64(window)) //nolint:gosec // positive
		part, _ := bits.Div64(high, low, uint64(b.Window))         //nolint:gosec // positive
		return int(part)                                           //nolint:gosec // less than n
	}
	limit, reserve := max(share(b.Limit), 1), share(b.reserve())
	if reserve = min(reserve, limit-1); reserve == 0 {
		reserve = -1
	}
	b.Limit, b.Window, b.Reserve, b.Margin = limit, window, reserve, 0
	return b
}

// reserve returns the number of calls that only users may make.
func (b *Budget) reserve() int {
	switch {
	case b.Reserve < 0 || b.Background:
		return 0
	case b.Reserve == 0:
		return b.Limit / 10
	}
	return b.Reserve
}

// check returns the error for a budget that cannot be kept.
func (b *Budget) check() error {
	for _, c := range []struct {
		field, detail string
		wrong         bool
	}{
		{"Name", "is empty", b.Name == ""},
		{"Limit", "is not in 1 to 1,000,000,000", b.Limit < 1 || b.Limit > maxLimit},
		{"Window", "is not in 1 ms to 366 days", b.Window < time.Millisecond || b.Window > maxWindow},
		{"Window", "is not in whole milliseconds", b.Window%time.Millisecond != 0},
		{"Offset", "is not in whole milliseconds", b.Offset%time.Millisecond != 0},
		{"Margin", "is not in 0 to a quarter of Window", b.Margin < 0 || b.Margin > b.Window/4},
		{"Reserve", "is not in -1 to Limit - 1", b.Reserve < -1 || b.Reserve >= b.Limit},
		{"Per", "has an unknown part", b.Per >= PerProduct<<1},
	} {
		if c.wrong {
			return invalidBudget(b.Name, c.field, c.detail)
		}
	}
	return nil
}

// The largest budget.
const (
	maxLimit  = 1_000_000_000
	maxWindow = 366 * 24 * time.Hour
)

func invalidBudget(name, field, detail string) error {
	return &bankmux.Error{
		Kind: bankmux.ErrInvalid, Field: fmt.Sprintf("Budget %q: %s", name, field), Detail: detail, NotSent: true,
	}
}

// Budgets counts calls and refuses those that no budget allows. Make one with [NewBudgets]. It is
// safe for concurrent use.
type Budgets struct {
	any        []*budgetCount            // those that do not select by operation
	byOp       map[string][]*budgetCount // all that may count an operation that some select
	background bool                      // one of them asks what the bank takes for a background call
}

// NewBudgets returns budgets of which nothing is used yet. The error is [bankmux.ErrInvalid] if a
// budget cannot be kept, or if two have the same name.
func NewBudgets(budgets ...Budget) (*Budgets, error) {
	var counts []*budgetCount
	names := map[string]bool{}
	for _, b := range budgets {
		if err := b.check(); err != nil {
			return nil, err
		}
		if names[b.Name] {
			return nil, invalidBudget(b.Name, "Name", "is that of another budget")
		}
		names[b.Name] = true
		if !b.Rolling {
			counts = append(counts, newBudgetCount(b))
			continue
		}
		// Any span of the length of Window is within a window of one of these.
		even, odd := b, b
		even.Window, odd.Window, odd.Offset = 2*b.Window, 2*b.Window, b.Offset+b.Window
		counts = append(counts, newBudgetCount(even), newBudgetCount(odd))
	}
	return indexed(counts), nil
}

// indexed returns the budgets by the operations that they select.
func indexed(counts []*budgetCount) *Budgets {
	b := &Budgets{byOp: map[string][]*budgetCount{}}
	for _, c := range counts {
		b.background = b.background || c.Background
		for _, op := range c.Ops {
			b.byOp[op] = nil
		}
	}
	for _, c := range counts {
		if len(c.Ops) == 0 {
			b.any = append(b.any, c)
		}
		for op := range b.byOp {
			if len(c.Ops) == 0 || slices.Contains(c.Ops, op) {
				b.byOp[op] = append(b.byOp[op], c)
			}
		}
	}
	return b
}

// of returns the budgets that may count an operation.
func (b *Budgets) of(op *bankmux.Op) []*budgetCount {
	if counts, ok := b.byOp[op.Name]; ok {
		return counts
	}
	return b.any
}

// Interceptor refuses the calls that a budget does not allow now. The error is
// [bankmux.ErrRateLimited] with the code [bankmux.CodeBudget] and NotSent, and its RetryAfter is
// the time until all budgets allow the call. [Retry], which is outside of it, waits for that time
// if the caller's deadline and [RetryOptions.MaxWait] allow it. Otherwise the caller gets the error
// at once.
//
// A call that was certainly not sent does not count. Local operations are not counted.
func (b *Budgets) Interceptor() bankmux.Interceptor { return joined(b.link(nil)) }

// link is [Budgets.Interceptor] that shares the counts with other processes.
//
//go:noinline
func (b *Budgets) link(fleet *Fleet) link {
	return func(ctx context.Context, op *bankmux.Op, next step) error {
		if op.Effect == bankmux.Local || op.Abandon {
			return next.run(ctx)
		}
		who, now := b.callerOf(ctx), time.Now()
		var room [6]countedCall // without an allocation; the published budgets count a call in three
		counted := room[:0]
		for _, c := range b.of(op) {
			if !c.counts(op, who) {
				continue
			}
			call, allowed := c.take(op, who, now)
			if !allowed {
				giveBack(counted)
				return b.refuse(c, op, who)
			}
			counted = append(counted, call)
		}
		if fleet != nil {
			if c := fleet.count(ctx, counted, op, who); c != nil {
				giveBack(counted)
				return b.refuse(c, op, who)
			}
		}
		err := next.run(ctx)
		if e := bankmux.ErrorOf(err); e != nil && e.NotSent {
			giveBack(counted)
		}
		return err
	}
}

// giveBack undoes what budgets counted for a call.
func giveBack(counted []countedCall) {
	for _, call := range counted {
		call.count.giveBack(call)
	}
}

// refuse returns the error for a call that c does not allow.
func (b *Budgets) refuse(c *budgetCount, op *bankmux.Op, who caller) error {
	now := time.Now()
	at := b.next(op, who, now)
	scope := bankmux.ScopeApp
	switch {
	case c.Per&(PerConnection|PerItem) != 0:
		scope = bankmux.ScopeConnection
	case c.Per&PerInstitution != 0:
		scope = bankmux.ScopeInstitution
	}
	return &bankmux.Error{
		Kind: bankmux.ErrRateLimited, Scope: scope, Code: bankmux.CodeBudget, NotSent: true,
		Detail:     "the budget " + c.Name + " allows the next call at " + at.UTC().Format(time.RFC3339Nano),
		RetryAfter: max(at.Sub(now), time.Millisecond),
	}
}

// NextAllowed returns when the budgets allow a call, as far as this process knows. It is the
// present time if they allow it now. The context says whether a user is present. Set the fields of
// op by which the budgets select and count calls. NextAllowed reserves nothing, so another call may
// use the budget first.
func (b *Budgets) NextAllowed(ctx context.Context, op bankmux.Op) time.Time {
	return b.next(&op, b.callerOf(ctx), time.Now())
}

// maxMoves is how often next looks for a later time. Budgets whose margins leave no common time
// would move it without end.
const maxMoves = 100

// next returns the first time from now on at which all budgets allow a call. The time of one budget
// may lie in the margin of another, so it repeats until all agree.
func (b *Budgets) next(op *bankmux.Op, who caller, now time.Time) time.Time {
	for range maxMoves {
		at := now
		for _, c := range b.of(op) {
			if c.counts(op, who) {
				if t := c.next(op, who, now); t.After(at) {
					at = t
				}
			}
		}
		if at.Equal(now) {
			break
		}
		now = at
	}
	return now
}

// caller says who waits for a call.
type caller struct {
	absent     bool // no user waits
	background bool // the bank counts it as a background call
}

func (b *Budgets) callerOf(ctx context.Context) caller {
	p, _ := bankmux.PresenceOf(ctx)
	return caller{p.Absent, b.background && !p.PSU()}
}
