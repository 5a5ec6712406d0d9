package providertest_test

import (
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, newHeron, heronWanted...)
}

// TestConformanceOfReads is of a provider at which the exchange spends nothing.
func TestConformanceOfReads(t *testing.T) {
	t.Parallel()
	providertest.Run(t, newReadingHeron, bankmux.CapStatus)
}

func TestTheSuiteFindsEveryMistakeOfItsList(t *testing.T) {
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
