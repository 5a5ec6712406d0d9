package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestGenerate checks that the committed table is the generated one.
func TestGenerate(t *testing.T) {
	t.Parallel()
	want, err := Generate()
	require.NoError(t, err)
	got, err := os.ReadFile("../../currency_table.go")
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "run go generate ./...")
}
