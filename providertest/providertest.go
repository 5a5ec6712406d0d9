// Package providertest is the conformance suite for adapters, in this repository and outside of it.
//
// An adapter's conformance test has two parts. A [Harness] connects the suite to the adapter and to
// a backend that plays the provider. One call of [Run] runs the suite:
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, newHarness, bankmux.CapStatus, bankmux.CapDisconnect)
//	}
//
// The suite serves the backend in memory and injects every fault that it knows. It checks each
// promise in the documentation of [bankmux.Provider] and the optional interfaces. Time is virtual,
// so a provider that hangs for two minutes takes no time. A goroutine that outlives its call fails
// the test.
//
// [FindMistakes] proves that a harness lets the suite find mistakes: it makes them on purpose.
package providertest

import (
	"slices"
	"testing"

	"github.com/bankmux/bankmux"
)

// promise is a statement that is true of every adapter with some capabilities.
type promise struct {
	name  string
	needs []bankmux.Capability
	test  func(*testing.T, *bench)
}

// needs returns the capabilities of a promise.
func needs(all ...bankmux.Capability) []bankmux.Capability { return all }

// Run checks that the adapter has exactly the capabilities in want, and that it keeps every promise
// of their interfaces. It calls newHarness for each subtest, inside a testing/synctest bubble.
// newHarness must return a new Backend each time.
//
// Each mistake of an adapter fails one subtest with a message. This includes a panic, a call that
// never returns and a goroutine that outlives its call. Only a panic in a goroutine that the
// adapter started ends the process. A subtest "not checked: …" names each promise that the harness
// cannot prove, and the field that it lacks.
func Run(t *testing.T, newHarness func(t *testing.T) Harness, want ...bankmux.Capability) {
	t.Helper()
	has := capabilities{}
	for _, c := range want {
		has[c] = true
	}
	promises := slices.Concat(
		linking, hosted, lifecycle, accounts, products, transactions, syncing, ledgerSyncs, hooks, rotating, drifting,
		wording,
	)
	for _, p := range promises {
		if !has.all(p.needs...) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, newHarness, p.test)
		})
	}
	for name, test := range map[string]func(*testing.T, *bench, capabilities){
		"the capabilities are exactly those declared, and the harness supports them":      declared,
		"an operation without its capability returns ErrUnsupported, and nothing is sent": lacking,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, newHarness, func(t *testing.T, b *bench) { test(t, b, has) })
		})
	}
	for name, test := range map[string]func(*testing.T, func(*testing.T) Harness, capabilities){
		"fault matrix": matrix, "one-shots are sent once": oneShots, "faults": faults,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newHarness, has)
		})
	}
}
