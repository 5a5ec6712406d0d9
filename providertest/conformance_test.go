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

// TestConformanceOfTheExample runs the suite as ExampleRun shows it.
func TestConformanceOfTheExample(t *testing.T) {
	t.Parallel()
	providertest.Run(t, newKestrelHarness)
}
