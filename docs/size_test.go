package docs_test

import (
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slack is how many lines an adapter may stay below its bound before DESIGN.md is out of date.
const slack = 150

// TestSizeOfAdapters holds each adapter to its number of lines in DESIGN.md.
func TestSizeOfAdapters(t *testing.T) {
	t.Parallel()
	design, err := os.ReadFile(filepath.Join("..", "DESIGN.md"))
	require.NoError(t, err)
	row := regexp.MustCompile(`(?m)^\| (\w+) \| (\d),(\d{3}) \|$`)
	bounds := row.FindAllStringSubmatch(string(design), -1)
	require.Len(t, bounds, 3, "each adapter has a bound")
	for _, bound := range bounds {
		t.Run(bound[1]+" has at most the lines of DESIGN.md", func(t *testing.T) {
			t.Parallel()
			most, err := strconv.Atoi(bound[2] + bound[3])
			require.NoError(t, err)
			lines := linesOfCode(t, filepath.Join("..", "providers", strings.ToLower(bound[1])))
			t.Logf("%s has %d lines", bound[1], lines)
			assert.LessOrEqual(t, lines, most)
			assert.Greater(t, lines, most-slack, "the bound is far from the number")
		})
	}
	t.Run("comments, empty lines and tests do not count", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		for name, source := range map[string]string{
			"a.go":      "// Package a …\npackage a\n\n/* one\ntwo */\nvar s = `x\ny` // three\n",
			"b/c.go":    "package b\n",
			"a_test.go": "package a\n",
			"a.txt":     "package a\n",
		} {
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o750))
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(source), 0o600))
		}
		assert.Equal(t, 4, linesOfCode(t, folder))
	})
}

// linesOfCode counts the lines below a folder that hold a token other than a comment, without
// tests.
func linesOfCode(t *testing.T, folder string) (lines int) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		held := map[int]bool{}
		file := token.NewFileSet().AddFile(path, -1, len(source))
		var tokens scanner.Scanner
		tokens.Init(file, source, nil, 0)
		for {
			pos, kind, text := tokens.Scan()
			if kind == token.EOF {
				break
			}
			if kind == token.SEMICOLON && text == "\n" {
				continue // the scanner adds it
			}
			for line := range strings.Count(text, "\n") + 1 {
				held[file.Line(pos)+line] = true
			}
		}
		lines += len(held)
		return err
	})
	require.NoError(t, err)
	return lines
}
