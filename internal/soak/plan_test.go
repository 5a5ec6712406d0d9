package soak_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bankmux/bankmux/virtualbank"
)

// What the year is like, in days. Nothing surprising begins after quietFrom: the bank may need some
// weeks until all of it is told.
const (
	oneDay      = 24 * time.Hour
	historyDays = 100 // days of the ledger before the first
	linkedBy    = 36  // by then users have linked, if all goes well
	quietFrom   = 336
	lastDay     = 362
	grantedDays = 40 // days that a bank serves that refuses days it promises
	filledDays  = 20 // days of those that it refused, at least, that are read later
)

// diceOf is chance that follows from the seed and the names of what it is for, and from nothing
// that happens.
func diceOf(seed uint64, parts ...int) *rand.Rand {
	x := seed
	for _, p := range parts {
		x = (x ^ uint64(p)) * 0x9e3779b97f4a7c15 //nolint:gosec // a number is as good as another
		x ^= x >> 29
	}
	return rand.New(rand.NewPCG(seed, x)) //nolint:gosec // a test
}

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

func oneOf[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// trouble is what happens at a provider or a bank, to all who are there.
type trouble struct {
	what        string
	at, lasts   time.Duration
	provider    string
	fault       string // of every request to the provider
	institution string // of an outage, or of one that serves fewer days
	days        int    // that the institution serves from now on
	secretly    bool   // and says otherwise
}

// troubleOf is the trouble of a year: each provider and a bank of each is out once, on days of
// their own, and two banks begin to serve fewer days.
func troubleOf(seed uint64, lane, first int) []trouble {
	r := diceOf(seed, -1, lane, first)
	days := r.Perm(20) // twelve days apart
	at := func(i, hour int) time.Duration {
		return time.Duration(70+12*days[i])*oneDay + time.Duration(hour)*time.Hour
	}
	outages := []string{"hang", "unavailable", "connection_refused", "reset_before"}
	return []trouble{
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
}

// place is a bank where users link.
type place struct{ country, id string }

// The places, by provider. The first of each is the one that is out once, so it has more users.
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
	},
}

// plan is what a user means to do, and what happens to them, with its moments in the year.
type plan struct {
	provider string
	place    place
	user     string // several connections are one user's
	never    bool   // the user leaves whenever Connect is open
	steps    []step
}

type step struct {
	at     time.Duration
	do     string
	staged []string // before a sync
}

// What can be done in a step.
const (
	doLink       = "link"
	doSync       = "sync"
	doFresh      = "sync without a cursor"
	doLapse      = "lapse"
	doMove       = "move" // to a new link with new ids
	doDisconnect = "disconnect"
	doRevoke     = "revoke" // the user withdraws access elsewhere, and the application finds out
)

// planOf draws the plan of the n-th connection.
func planOf(seed uint64, n int, trouble []trouble) plan {
	r := diceOf(seed, n)
	p := plan{provider: []string{"moneykit", "dapi"}[n%2], user: fmt.Sprint("user-", n/5), never: chance(r, 3)}
	p.place = oneOf(r, places[p.provider])
	add := func(day int, do string, staged ...string) {
		at := time.Duration(day)*oneDay + 8*time.Hour + time.Duration(r.IntN(12*3600))*time.Second
		p.steps = append(p.steps, step{at, do, staged})
	}
	linked := 1 + r.IntN(linkedBy)
	add(linked, doLink)
	situations, short, pause := p.situations(), 0, 22
	if p.servesFewer() {
		pause = 8 // what is missing must be looked for twice while the bank serves its day
	}
	for day := linked + 1; day < quietFrom; day += 6 + r.IntN(pause) {
		var staged []string
		for chance(r, 45) {
			staged = append(staged, oneOf(r, situations))
		}
		if day > quietFrom-60 { // pages go round for so many answers that some would be left
			staged = slices.DeleteFunc(staged, func(s string) bool { return s == virtualbank.CursorCircles })
		}
		// What a short answer leaves out nobody can know of until all days are read again, and the
		// bank serves them for some weeks only.
		if slices.Contains(staged, virtualbank.ShortAnswer) {
			if day < short+30 {
				staged = slices.DeleteFunc(staged, func(s string) bool { return s == virtualbank.ShortAnswer })
			} else {
				short = day
				add(day+8, doSync)
			}
		}
		// Days that are refused for an hour are read again while the bank serves them: a row is
		// removed when it is missing twice.
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
	for _, tr := range trouble { // all are there when something breaks down, or nobody would notice
		if tr.provider == p.provider && (tr.institution == "" || tr.institution == p.place.id) {
			p.steps = append(p.steps, step{at: tr.at + time.Duration(r.IntN(3*3600))*time.Second, do: doSync})
		}
	}
	for _, day := range []int{lastDay - 15, lastDay - 7} {
		add(day, doSync)
	}
	// What was missing once is gone when it is missing twice, with nothing in between, in days that
	// were all read.
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

// situations are those that can be staged for the connection. Of a bank that serves fewer days all
// at once, rows that are posted very late are perhaps never told; and that it does is staged once
// for all.
func (p *plan) situations() (names []string) {
	for _, s := range virtualbank.Situations() {
		switch {
		case !slices.Contains(s.Providers, p.provider),
			s.Name == virtualbank.FewerDays,
			s.Name == virtualbank.FewerDaysUnsaid:
		case s.Name == virtualbank.VeryLate && p.servesFewer():
		default:
			names = append(names, s.Name)
		}
	}
	return names
}

// servesFewer reports whether the bank is one that serves fewer days from the middle of the year.
func (p *plan) servesFewer() bool { return p.place.country == "SA" || p.place.country == "KW" }
