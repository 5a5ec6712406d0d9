//go:build !race

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// selectsTests checks that each test command of docs/adapter.md runs a test of the skeleton.
func selectsTests(t *testing.T, page string, ran []string) {
	t.Helper()
	require.Contains(t, page, "grep not_checked")
	assert.True(t, slices.ContainsFunc(ran, func(name string) bool { return strings.Contains(name, "/not_checked") }))
	commands := regexp.MustCompile(`-run '([^']+)'`).FindAllStringSubmatch(page, -1)
	require.Greater(t, len(commands), 8)
	for _, c := range commands {
		assert.True(
			t,
			slices.ContainsFunc(ran, func(name string) bool { return selects(c[1], name) }),
			"no test of the skeleton is selected by -run '%s'",
			c[1],
		)
	}
}

// selects reports whether a pattern of "go test -run" selects a test, at all of its levels.
func selects(pattern, name string) bool {
	levels, parts := strings.Split(pattern, "/"), strings.Split(name, "/")
	if len(parts) != len(levels) {
		return false
	}
	for i, level := range levels {
		if ok, err := regexp.MatchString(strings.ReplaceAll(level, " ", "_"), parts[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

// TestAdapterPage compares docs/adapter.md with the sources.
func TestAdapterPage(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "adapter.md"))
	require.NoError(t, err)
	text := string(raw)
	t.Run("its code is that of the examples, line for line", func(t *testing.T) {
		t.Parallel()
		code := sources(t, "examples/thirdparty/*.go", "examples/redirect/*.go")
		blocks := regexp.MustCompile("(?s)```go[^\n]*\n(.*?)```").FindAllStringSubmatch(text, -1)
		require.GreaterOrEqual(t, len(blocks), 3)
		for _, b := range blocks {
			for part := range strings.SplitSeq(b[1], "\n\n") { // a blank line may replace omitted lines
				assert.Contains(t, code, trimmed(part), "not in the examples:\n%s", part)
			}
		}
	})
	t.Run("what it quotes of the suite is what the suite says", func(t *testing.T) {
		t.Parallel()
		suite := sources(t, "providertest/*.go")
		prose := regexp.MustCompile("(?s)```.*?```|`[^`]*`|\n    [^\n]*").ReplaceAllString(text, "")
		quotes := regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(prose, -1)
		require.Greater(t, len(quotes), 10)
		for _, q := range quotes {
			for part := range strings.SplitSeq(strings.Join(strings.Fields(q[1]), " "), "…") {
				assert.Contains(t, suite, strings.TrimSpace(part), "the suite does not say: %s", part)
			}
		}
	})
	t.Run("the files that it names are there", func(t *testing.T) {
		t.Parallel()
		template, err := readTemplate(filepath.Join("..", ".."))
		require.NoError(t, err)
		for _, m := range regexp.MustCompile("`([a-z_]+\\.go)`").FindAllStringSubmatch(text, -1) {
			_, ok := template[m[1]]
			assert.True(t, ok || m[1] == "acme.go", m[1])
		}
	})
	assert.LessOrEqual(t, strings.Count(text, "\n"), 300)
}

// sources returns files of the checkout, one after the other.
func sources(t *testing.T, patterns ...string) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join("..", "..", pattern))
		require.NoError(t, err)
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			all.WriteString(trimmed(string(raw)) + "\n")
		}
	}
	return all.String()
}

// trimmed drops indentation and blank lines.
func trimmed(code string) string {
	var lines []string
	for line := range strings.Lines(code) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
