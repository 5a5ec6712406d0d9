//go:build !race

package soak_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

const soakStandard = 300

// What the soak notices does not depend on the race detector, so this is no part of a run with it.
func TestTheSoakNoticesWhatGoesWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		mistake soakMistake
		says    string
	}{
		"an exchange is sent twice":       {soakMistake{twice: true}, "and sent 2 times"},
		"a row is dropped":                {soakMistake{drops: true}, "rows differ"},
		"a row is removed too early":      {soakMistake{removes: true}, "rows differ"},
		"a goroutine is left":             {soakMistake{leaks: true}, "goroutines are left over"},
		"a breaker stays open for a year": {soakMistake{openFor: 365 * soakDay}, "sync on day"},
	} {
		t.Run(name, func(t *testing.T) {
			report := soak(t, soakConfig{seed: 1, connections: 20, lanes: 1, only: -1, mistake: tc.mistake}, func() {})
			assert.Contains(t, strings.Join(report.wrong, "\n"), tc.says)
		})
	}
}
