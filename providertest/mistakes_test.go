//go:build !race

package providertest_test

import (
	"testing"

	"github.com/bankmux/bankmux/providertest"
)

// TestMistakes runs without the race detector, which would repeat the suite for each mistake.
func TestMistakes(t *testing.T) {
	t.Parallel()
	const ofReads = "an exchange with the effect Read writes"
	var names []string
	for _, m := range providertest.Mistakes() {
		if m.Name != ofReads && m.Needs == "" { // the others are found in the adapter of examples/redirect
			names = append(names, m.Name)
		}
	}
	providertest.FindMistakes(t, "TestConformance", names...)
	providertest.FindMistakes(t, "TestConformanceOfReads", ofReads)
}
