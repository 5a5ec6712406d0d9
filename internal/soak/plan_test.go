package soak_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// The shape of the year, in days. No surprise starts after quietFrom, because the bank may need
// some weeks until it has returned all of it.
const (
	oneDay      = 24 * time.Hour
	historyDays = 100 // days of the ledger before the first
	linkedBy    = 36  // when users have linked, if nothing fails
	quietFrom   = 336
	lastDay     = 362
	grantedDays = 40 // days that a bank serves while it refuses days that it promises
	filledDays  = 20 // refused days that must be read later, at least
)

// diceOf returns random numbers that depend on the seed and the parts alone, never on what happens.
func diceOf(seed uint64, parts ...int) *rand.Rand {
	x := seed
	for _, p := range parts {
		x = (x ^ uint64(p)) * 0x9e3779b97f4a7c15
		x ^= x >> 29
	}
	return rand.New(rand.NewPCG(seed, x))
}

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

func oneOf[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// trouble is what happens to all connections at a provider or a bank.
type trouble struct {
	what        string
	at, lasts   time.Duration
	provider    string
	fault       string // of every request to the provider
	institution string // of an outage, or of one that serves fewer days
	days        int    // how many the institution serves from then on
	secretly    bool   // while it still promises more
}

// troubleOf returns the trouble of a year. Each provider, and one bank of each, has one outage on a
// day of its own. Two banks start to serve fewer days.
func troubleOf(seed uint64, lane, first int) []trouble {
	r := diceOf(seed, -1, lane, first)
	days := r.Perm(20) // twelve days apart
	at := func(i, hour int) time.Duration {
		return time.Duration(70+12*days[i])*oneDay + time.Duration(hour)*time.Hour
	}
	outages := []string{"hang", "unavailable", "connection_refused", "reset_before"}
	all := []trouble{
		{
			what:     "MoneyKit is down for six hours",
			at:       at(0, 8),
			lasts:    6 * time.Hour,
			provider: "moneykit",
			fault:    oneOf(r, outages),
		},
		{
			what:     "Dapi is down for six hours",
			at:       at(1, 8),
			lasts:    6 * time.Hour,
			provider: "dapi",
			fault:    oneOf(r, outages),
		},
		{
			what:        "a bank at MoneyKit is out for twelve hours",
			at:          at(2, 8),
			lasts:       12 * time.Hour,
			provider:    "moneykit",
			institution: "northwind",
		},
		{
			what:        "a bank at Dapi is out for twelve hours",
			at:          at(3, 8),
			lasts:       12 * time.Hour,
			provider:    "dapi",
			institution: "DAPIBANK_AE_ENBD",
		},
		{what: "a bank serves fewer days", at: 150*oneDay + time.Hour, institution: "DAPIBANK_SA_SNB", days: 60},
		{
			what:        "a bank serves fewer days in secret",
			at:          150*oneDay + time.Hour,
			institution: "DAPIBANK_KW_NBK",
			days:        60,
			secretly:    true,
		},
	}
	return append(
		all,
		trouble{
			what:     "Plaid is down for six hours",
			at:       at(4, 8),
			lasts:    6 * time.Hour,
			provider: plaid.Name,
			fault:    oneOf(r, outages),
		},
		trouble{
			what:        "a bank at Plaid is out for twelve hours",
			at:          at(5, 8),
			lasts:       12 * time.Hour,
			provider:    plaid.Name,
			institution: "ins_900101",
		},
	)
}

// providers are where connections are made, in turn.
var providers = []string{moneykit.Name, dapi.Name, plaid.Name}

// place is a bank where users link.
type place struct{ country, id string }

// places are the banks by provider. The first has the outage, and therefore more users.
var places = map[string][]place{
	"moneykit": {
		{"US", "northwind"},
		{"US", "northwind"},
		{"US", "harbor_trust"},
		{"GB", "thames_mutual"},
		{"CA", "rideau"},
	},
	"dapi": {
		{
			"AE",
			"DAPIBANK_AE_ENBD",
		},
		{"AE", "DAPIBANK_AE_ENBD"},
		{"AE", "DAPIBANK_AE_ADCB"},
		{"SA", "DAPIBANK_SA_SNB"},
		{"KW", "DAPIBANK_KW_NBK"},
		{"BH", "DAPIBANK_BH_BBK"},
		{"US", "DAPIBANK_US_HARBOR"},
	},
	"plaid": {
		{"US", "ins_900101"},
		{"US", "ins_900101"},
		{"US", "ins_900102"},
		{"GB", "ins_900201"},
		{"CA", "ins_900401"},
		{"NL", "ins_900301"},
	},
}

// branches are the banks that several providers serve. The country is the same at each.
var branches = []map[string]string{
	{moneykit.Name: "northwind", plaid.Name: "ins_900101", dapi.Name: "DAPIBANK_US_NORTHWIND"},
	{moneykit.Name: "harbor_trust", plaid.Name: "ins_900102", dapi.Name: "DAPIBANK_US_HARBOR"},
	{moneykit.Name: "thames_mutual", plaid.Name: "ins_900201"},
	{moneykit.Name: "rideau", plaid.Name: "ins_900401"},
}

// others returns the further providers of a bank with its id at each.
func (p place) others(provider string) map[string]string {
	for _, branch := range branches {
		if branch[provider] == p.id {
			all := maps.Clone(branch)
			delete(all, provider)
			return all
		}
	}
	return nil
}

// plan is what a user does and what happens to the user, each at a time of the year.
type plan struct {
	provider string
	place    place
	user     string // several connections share a user
	never    bool   // the user leaves Connect each time
	steps    []step
}

type step struct {
	at     time.Duration
	do     string
	staged []string // before a sync
}

// What a step does.
const (
	doLink       = "link"
	doSync       = "sync"
	doFresh      = "sync without a cursor"
	doLapse      = "lapse"
	doMove       = "move" // to a new link with new ids
	doCross      = "move to another provider"
	doDisconnect = "disconnect"
	doRevoke     = "revoke" // the user withdraws access elsewhere, and the application finds out
)

// planOf draws the plan of the n-th connection.
func planOf(seed uint64, n int, trouble []trouble) plan {
	r := diceOf(seed, n)
	p := plan{provider: providers[n%len(providers)], user: fmt.Sprint("user-", n/5), never: chance(r, 3)}
	p.place = oneOf(r, places[p.provider])
	add := func(day int, do string, staged ...string) {
		at := time.Duration(day)*oneDay + 8*time.Hour + time.Duration(r.IntN(12*3600))*time.Second
		p.steps = append(p.steps, step{at, do, staged})
	}
	linked := 1 + r.IntN(linkedBy)
	add(linked, doLink)
	situations, short, pause := p.situations(), 0, 22
	if p.servesFewer() {
		pause = 8 // a row must be missing twice while the bank serves its day
	}
	for day := linked + 1; day < quietFrom; day += 6 + r.IntN(pause) {
		var staged []string
		for chance(r, 45) {
			staged = append(staged, oneOf(r, situations))
		}
		if day > quietFrom-60 { // pages repeat so often that some would be left
			staged = slices.DeleteFunc(staged, func(s string) bool { return s == virtualbank.CursorCircles })
		}
		// A row that a short response omits is noticed only when all days are read again, and the
		// bank serves them for some weeks only.
		if slices.Contains(staged, virtualbank.ShortResponse) {
			if day < short+30 {
				staged = slices.DeleteFunc(staged, func(s string) bool { return s == virtualbank.ShortResponse })
			} else {
				short = day
				add(day+8, doSync)
			}
		}
		// Days that are refused for an hour must be read again while the bank serves them. A row is
		// removed only when it is missing twice.
		if slices.Contains(staged, virtualbank.DaysRefused) {
			add(day+8, doSync)
		}
		add(day, doSync, staged...)
	}
	for range 2 {
		if day := 60 + r.IntN(250); chance(r, 18) {
			add(day, doLapse)
			add(day+1, doSync)
		}
	}
	if chance(r, 8) {
		add(100+r.IntN(200), doMove)
	}
	for _, tr := range trouble { // every connection syncs during an outage, so that it is noticed
		if tr.provider == p.provider && (tr.institution == "" || tr.institution == p.place.id) {
			p.steps = append(p.steps, step{at: tr.at + time.Duration(r.IntN(3*3600))*time.Second, do: doSync})
		}
	}
	for _, day := range []int{lastDay - 15, lastDay - 7} {
		add(day, doSync)
	}
	// A row that is missing in two syncs in a row, whose days were all read, is removed.
	p.steps = append(
		p.steps,
		step{at: lastDay*oneDay + 9*time.Hour, do: doSync},
		step{at: lastDay*oneDay + 11*time.Hour, do: doFresh},
	)
	slices.SortStableFunc(p.steps, func(x, y step) int { return cmp.Compare(x.at, y.at) })
	if leaves, how := 60+r.IntN(
		280,
	), oneOf(
		r,
		[]string{doDisconnect, doDisconnect, doDisconnect, doRevoke},
	); chance(
		r,
		14,
	) {
		at := time.Duration(leaves) * oneDay
		p.steps = append(
			slices.DeleteFunc(p.steps, func(s step) bool { return s.at >= at && s.do != doLink }),
			step{at: at, do: how},
		)
	}
	return p
}

// cross draws the moves to another provider. None comes after the user has left.
func (p *plan) cross(when moves, r *rand.Rand) {
	if len(p.place.others(p.provider)) == 0 {
		return
	}
	add := func(day int) {
		end := p.steps[len(p.steps)-1]
		if at := time.Duration(day)*oneDay + 8*time.Hour + time.Duration(r.IntN(12*3600))*time.Second; at < end.at {
			p.steps = append(p.steps, step{at: at, do: doCross})
		}
	}
	switch when {
	case movesNever:
	case movesOnce:
		p.never = false
		add(50)
	case movesDrawn:
		for range 2 {
			if day := 90 + r.IntN(220); chance(r, 45) {
				add(day)
			}
		}
	}
	slices.SortStableFunc(p.steps, func(x, y step) int { return cmp.Compare(x.at, y.at) })
}

// situations returns those that can be staged for the connection. A bank that serves fewer days may
// never return rows that are posted very late, so they are left out. That it serves fewer days is
// staged once for all its connections. After a move the other provider shows the day of a row, not
// its value date, and no longer serves old ones.
func (p *plan) situations() (names []string) {
	for _, s := range virtualbank.Situations() {
		switch {
		case !slices.Contains(s.Providers, p.provider),
			s.Name == virtualbank.FewerDays,
			s.Name == virtualbank.FewerDaysUnsaid:
		case s.Name == virtualbank.VeryLate && p.servesFewer():
		case s.Name == virtualbank.ValueDays && len(p.place.others(p.provider)) > 0:
		default:
			names = append(names, s.Name)
		}
	}
	return names
}

// servesFewer reports whether the bank is one that serves fewer days from the middle of the year.
func (p *plan) servesFewer() bool { return p.place.country == "SA" || p.place.country == "KW" }
