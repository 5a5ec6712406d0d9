package riversync

// This file holds the table of states to JSON and to docs/nightly.md.

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStates(t *testing.T) {
	t.Parallel()
	s := Status{Waiting: 1, Late: 2, Running: 3, Parked: 4, Blocked: 5, Dead: 6}
	t.Run("each state has its count", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, map[string]int{
			"waiting": 1, "late": 2, "running": 3, "parked": 4, "blocked": 5, "dead": 6,
		}, s.States())
	})
	t.Run("JSON has the same names and counts", func(t *testing.T) {
		t.Parallel()
		raw, err := json.Marshal(s)
		require.NoError(t, err)
		var got map[string]any
		require.NoError(t, json.Unmarshal(raw, &got))
		delete(got, "latest_seconds")
		delete(got, "oldest_seconds")
		delete(got, "reasons")
		want := map[string]any{}
		for name, n := range s.States() {
			want[name] = float64(n)
		}
		assert.Equal(t, want, got)
	})
	t.Run("docs/nightly.md says the same of each as the page", func(t *testing.T) {
		t.Parallel()
		raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "nightly.md"))
		require.NoError(t, err)
		_, table, ok := strings.Cut(string(raw), "| state | meaning |\n| --- | --- |\n")
		require.True(t, ok)
		table, _, ok = strings.Cut(table, "\n\n")
		require.True(t, ok)
		var want []string
		for _, state := range states {
			want = append(want, "| "+state.name+" | "+state.about+" |")
		}
		assert.Equal(t, want, strings.Split(table, "\n"))
	})
}
