package main

// This file has the budgets, and compares them with the requests that the banks counted.

import (
	"cmp"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
)

// hoursOfNight is the length of the window in which all connections have their slots.
const hoursOfNight = 8

// budgets returns the limits that the providers publish, and one that was agreed on with MoneyKit.
// All count in the nights' time.
func budgets(moneykitConnections int) []guard.Budget {
	return slices.Concat(
		guard.PlaidBudgets(),
		guard.MoneyKitBudgets(),
		// The clients of Plaid link banks of the European Union.
		[]guard.Budget{guard.PSD2Budget(plaid.Name), agreed(moneykitConnections)},
	)
}

// agreed is a limit that is close. A thousand connections would never use up a published one, such
// as Plaid's 2,500 syncs a minute. So this one allows twice the average load of the night.
func agreed(connections int) guard.Budget {
	return guard.Budget{
		Name: "moneykit, agreed", Provider: moneykit.Name, Ops: []string{bankmux.OpSync},
		Limit: max(2*connections/hoursOfNight, 10), Window: time.Hour,
	}
}

// headroom is how many times the load of the night the agreed budget allows, without its reserve.
func headroom(connections int) float64 {
	limit := agreed(connections).Limit
	return float64(limit-limit/10) / (float64(connections) / hoursOfNight)
}

// slow is longer than a busy machine takes for a call.
const slow = 3 * time.Second

// scaled returns budgets with windows of the machine's time. They start and end with those of the
// nights. The guard counts a call before it is sent, and the bank as it arrives, which may be hours
// of the nights later. So a rolling window of one call also has the time of a slow call.
func (c clock) scaled(all []guard.Budget) []guard.Budget {
	out := slices.Clone(all)
	for i, b := range all {
		out[i].Window, out[i].Margin = c.scale(b.Window), c.scale(b.Margin)
		start := c.machine(c.Night.Truncate(b.Window)).UnixMilli()
		if b.Rolling && b.Limit == 1 {
			out[i].Window += slow
		}
		out[i].Offset = time.Duration(start) * time.Millisecond % out[i].Window
	}
	return out
}

// request is a request that arrived at a bank.
type request struct {
	at       time.Time // of the nights
	provider string
	op       string // the operation that sends it
	product  string
	item     string // a digest of what names the connection there
	user     bool   // a user waits
	refused  bool   // by the bank
}

// use is how much of a budget was used.
type use struct {
	guard.Budget

	Counted int // requests
	Most    int // in a window, of whatever has a count of its own
}

// broken reports whether a provider would have refused a request.
func (u *use) broken() bool { return u.Most > u.Limit }

// used compares requests with budgets, and returns those that counted any.
func used(all []guard.Budget, requests []request) (uses []use) {
	for _, b := range all {
		u := use{Budget: b}
		times := map[[2]string][]time.Time{}
		for _, r := range requests {
			if key, ok := counts(b, r); ok {
				times[key] = append(times[key], r.at)
				u.Counted++
			}
		}
		for _, at := range times {
			u.Most = max(u.Most, most(b, at))
		}
		if u.Counted > 0 {
			uses = append(uses, u)
		}
	}
	return uses
}

// counts reports whether a budget counts a request, and under which key. A budget counts attempts,
// and a first sync at Plaid also lists the accounts. So of a budget per product, only requests for
// transactions are compared.
func counts(b guard.Budget, r request) (key [2]string, ok bool) {
	switch {
	case r.op == "",
		b.Background && r.user,
		b.Per&guard.PerProduct != 0 && r.op != bankmux.OpSync,
		cmp.Or(b.Provider, b.Client) != r.provider, // a client has the name of its provider
		len(b.Ops) > 0 && !slices.Contains(b.Ops, r.op),
		b.Product != "" && string(b.Product) != r.product:
		return key, false
	}
	if b.Per&(guard.PerItem|guard.PerConnection) != 0 {
		key[0] = r.item
	}
	if b.Per&guard.PerProduct != 0 {
		key[1] = r.product
	}
	return key, true
}

// most returns the largest number of requests in one window.
func most(b guard.Budget, at []time.Time) (n int) {
	slices.SortFunc(at, time.Time.Compare)
	first := 0
	for i := range at {
		for from := at[first]; ; from = at[first] {
			same := at[i].Sub(from) < b.Window
			if !b.Rolling {
				same = at[i].Truncate(b.Window).Equal(from.Truncate(b.Window))
			}
			if same {
				break
			}
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}
