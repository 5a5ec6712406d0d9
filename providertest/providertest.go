// Package providertest is the suite every adapter must pass, those of this
// repository and other people's. An adapter's conformance test is a [Harness] and one
// line:
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, newHarness, bankmux.CapStatus, bankmux.CapDisconnect)
//	}
//
// The suite serves the harness's backend in memory, breaks its wire in every way it
// knows, and checks each promise in the documentation of [bankmux.Provider] and the optional
// interfaces. Time is virtual, so a provider that hangs for two minutes costs none; and a
// goroutine left behind fails the test.
package providertest

import (
	"slices"
	"testing"

	"github.com/bankmux/bankmux"
)

// promise is what an adapter with some capabilities keeps.
type promise struct {
	name  string
	needs []bankmux.Capability
	test  func(*testing.T, *bench)
}

// needs are the capabilities of a promise.
func needs(all ...bankmux.Capability) []bankmux.Capability { return all }

// Run checks that the adapter has exactly the capabilities in want and keeps
// every promise. newHarness is called for each test and must return a fresh backend; it is called
// inside a testing/synctest bubble.
//
// What is wrong with an adapter ends one subtest with a sentence: also a panic, a call that never
// returns and a goroutine that is left behind. Only a panic in a goroutine that the adapter started
// ends the process. What the harness cannot do is named by a subtest "not checked: …".
func Run(t *testing.T, newHarness func(t *testing.T) Harness, want ...bankmux.Capability) {
	t.Helper()
	has := capabilities{}
	for _, c := range want {
		has[c] = true
	}
	promises := slices.Concat(
		linking, hosted, lifecycle, accounts, products, transactions, syncing, hooks, rotating,
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
