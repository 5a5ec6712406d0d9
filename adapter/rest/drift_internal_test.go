package rest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
)

// TestDriftCost specifies that a response that is not looked at costs no allocation for it.
func TestDriftCost(t *testing.T) { //nolint:paralleltest // it counts allocations
	s := sampler{Drift: Drift{Guard: guard.New(guard.Options{})}}
	require.NotNil(t, s.take(t.Context(), http.MethodGet, "/links/{id}/accounts", true))
	looks := 0
	allocations := testing.AllocsPerRun(98, func() {
		if s.take(t.Context(), http.MethodGet, "/links/{id}/accounts", true) != nil {
			looks++
		}
	})
	assert.Zero(t, allocations)
	assert.Zero(t, looks)
	assert.NotNil(t, s.take(t.Context(), http.MethodGet, "/links/{id}/accounts", true), "response 101")
}
