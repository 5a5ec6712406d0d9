package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestComparison(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("comparison.md")
	require.NoError(t, err)
	bench, err := os.ReadFile(filepath.Join("..", "bench", "README.md"))
	require.NoError(t, err)
	_, costs, ok := strings.Cut(string(page), "## What it costs at run time")
	require.True(t, ok)
	t.Run("its figures are those of bench", func(t *testing.T) {
		prose := inlineCode.ReplaceAllString(costs, "")
		figures := regexp.MustCompile(`\d+(?:[.,]\d+)*`).FindAllString(prose, -1)
		require.Greater(t, len(figures), 15)
		for _, figure := range figures {
			assert.Contains(t, string(bench), figure)
		}
	})
	t.Run("its commands are those of bench", func(t *testing.T) {
		commands := regexp.MustCompile("`(go (?:-C bench )?(?:test|run) [^`]*)`").FindAllStringSubmatch(costs, -1)
		require.Greater(t, len(commands), 4)
		for _, command := range commands {
			assert.Contains(t, string(bench), command[1])
		}
	})
}
