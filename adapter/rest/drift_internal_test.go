package rest

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
)

// TestDriftCost specifies that a response that is not looked at costs no allocation for it.
func TestDriftCost(t *testing.T) { // not parallel: it counts allocations
	s := sampler{Drift: Drift{Guard: guard.New(guard.Options{})}}
	first := s.take(t.Context(), http.MethodGet, "/links/{id}/accounts", true)
	require.NotNil(t, first)
	require.True(t, first.claim())
	looks := 0
	allocations := testing.AllocsPerRun(159, func() {
		if s.take(t.Context(), http.MethodGet, "/links/{id}/accounts", true) != nil {
			looks++
		}
	})
	assert.Zero(t, allocations)
	assert.Zero(t, looks)
	assert.NotNil(t, s.take(t.Context(), http.MethodGet, "/links/{id}/accounts", true), "response 162")
}

// TestLook specifies which responses are looked at.
func TestLook(t *testing.T) {
	t.Parallel()
	t.Run("each hundred responses have one look", func(t *testing.T) {
		t.Parallel()
		s := sampler{Drift: Drift{Guard: guard.New(guard.Options{})}}
		perHundred := map[int]int{}
		for i := range 10_000 {
			if l := s.take(t.Context(), http.MethodGet, "/one", true); l != nil && l.claim() {
				perHundred[i/100]++
			}
		}
		require.Len(t, perHundred, 100)
		for hundred, looks := range perHundred {
			assert.Equal(t, 1, looks, hundred)
		}
	})
	t.Run("a kind of response that comes every second to tenth time is found", regularResponsesAreFound)
	t.Run("one of several responses in flight is looked at", func(t *testing.T) {
		t.Parallel()
		s := sampler{Drift: Drift{Guard: guard.New(guard.Options{})}}
		first := s.take(t.Context(), http.MethodGet, "/one", true)
		second := s.take(t.Context(), http.MethodGet, "/one", true)
		assert.True(t, second.claim())
		assert.False(t, first.claim())
	})
	t.Run("findings that are seen once take a bounded memory", func(t *testing.T) {
		t.Parallel()
		var s sampler
		finding := func(i int) guard.Drift { return guard.Drift{Client: "mk", Member: strconv.Itoa(i)} }
		for i := range 3*maxOnce + 1 {
			require.False(t, s.again(finding(i)))
			require.LessOrEqual(t, len(s.once), maxOnce)
		}
		assert.True(t, s.again(finding(3*maxOnce)), "a second look still finds it")
	})
	t.Run("a look that panics does not affect the call", func(t *testing.T) {
		t.Parallel()
		s := sampler{Drift: Drift{Guard: guard.New(guard.Options{})}}
		l := s.take(t.Context(), http.MethodGet, "/one", true)
		assert.NotPanics(t, func() { l.at([]byte(`{}`), nil) }, "Inspect needs a type")
	})
}

// regularResponsesAreFound requires that each phase of each period is looked at.
func regularResponsesAreFound(t *testing.T) {
	t.Parallel()
	for period := 2; period <= 10; period++ {
		s := sampler{Drift: Drift{Guard: guard.New(guard.Options{})}}
		phases := map[int]bool{}
		for i := 0; len(phases) < period; i++ {
			require.Less(t, i, 100*period*period, "period %d: only phases %v", period, phases)
			if l := s.take(t.Context(), http.MethodGet, "/one", true); l != nil && l.claim() {
				phases[i%period] = true
			}
		}
	}
}
