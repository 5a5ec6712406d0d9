//go:build !race

package soak_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/virtualbank"
)

// standard is how many connections the soak drives unless a flag says otherwise. yearsOfMistakes
// is in how many years a mistake must show. The nightly run sets BANKMUX_FULL and takes more of
// both.
var standard, yearsOfMistakes = sizes(os.Getenv("BANKMUX_FULL") != "")

func sizes(full bool) (connections int, years uint64) {
	if full {
		return 300, 3
	}
	return 30, 1
}

// TestSoakMistakes plants a mistake and expects the complaint about it. Each plan is
// the smallest in which the mistake shows for any seed. The complaints do not depend on the race
// detector, so a run with it leaves this test out.
func TestSoakMistakes(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  config
		says string
	}{
		"an exchange is sent twice": {
			config{connections: 1, exchange: "unavailable", mistake: mistake{twice: true}},
			"an exchange was posted",
		},
		"a row is dropped": {config{connections: 1, mistake: mistake{drops: true}}, "rows differ"},
		"a row is removed too early": {
			config{
				connections: 4, staged: []string{virtualbank.ShortResponse}, mistake: mistake{removes: true},
			},
			"rows differ",
		},
		"a goroutine is left": {config{connections: 1, mistake: mistake{leaks: true}}, "goroutines are left over"},
		"a note is left behind in a move": {
			config{connections: 1, moves: movesOnce, mistake: mistake{forgetsNotes: true}},
			"the note on",
		},
		"a breaker stays open for a year": {
			config{connections: 1, mistake: mistake{openFor: 365 * oneDay}},
			"sync on day",
		},
	} {
		for seed := range yearsOfMistakes {
			t.Run(fmt.Sprintf("%s, in year %d", name, seed+1), func(t *testing.T) {
				cfg := tc.cfg
				cfg.seed, cfg.lanes, cfg.only = seed+1, 1, -1
				if cfg.moves == movesDrawn { // another provider is read from the start, which hides some
					cfg.moves = movesNever
				}
				assert.Contains(t, strings.Join(soak(t, cfg, func() {}).wrong, "\n"), tc.says)
			})
		}
	}
}
