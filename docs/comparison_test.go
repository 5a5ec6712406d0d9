package docs_test

// This file holds the costs of comparison.md to the tables of bench/README.md, and writes them.

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

// table is a table of a page in Markdown: the cells of its head and of its rows.
type table struct {
	head []string
	rows [][]string
}

// tablesOf returns the tables of a page.
func tablesOf(page string) []table {
	var all []table
	inside := false
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if !inside {
			all = append(all, table{head: cells})
			inside = true
		} else if cells[0] != "---" {
			last := &all[len(all)-1]
			last.rows = append(last.rows, cells)
		}
	}
	return all
}

// cell returns the cell of a row below the first head that has the name. Figures that miss their
// goal are bold, and quartiles are in brackets: both are left out.
func (tb table) cell(t *testing.T, row, column string) string {
	t.Helper()
	r := slices.IndexFunc(tb.rows, func(cells []string) bool { return cells[0] == row })
	c := slices.IndexFunc(tb.head, func(head string) bool { return strings.Contains(head, column) })
	require.GreaterOrEqual(t, r, 0, "no row %q", row)
	require.GreaterOrEqual(t, c, 0, "no column %q", column)
	require.Len(t, tb.rows[r], len(tb.head))
	figure, _, _ := strings.Cut(tb.rows[r][c], " (")
	return strings.Trim(figure, "*")
}

// costs returns the figures of comparison.md below a provider, by row, from the page of bench.
func costs(t *testing.T, bench, provider string) map[string]string {
	t.Helper()
	in := func(start, row string) string {
		_, text, ok := strings.Cut(bench, "\n"+start)
		require.True(t, ok, "no line starts with %q", start)
		for _, tb := range tablesOf(text) {
			if slices.ContainsFunc(tb.rows, func(cells []string) bool { return cells[0] == row }) {
				return tb.cell(t, row, provider)
			}
		}
		require.Fail(t, "no table has the row", "%q after %q", row, start)
		return ""
	}
	const perCall = "Processor time and allocations of one call"
	allocations := func(row string) string {
		_, count, ok := strings.Cut(in(perCall, row), ", ")
		require.True(t, ok, row)
		return count
	}
	return map[string]string{
		"one exchange, processor time / by hand": in("Exchange, ratios", "bankmux, processor time, 1 caller"),
		"one exchange, allocations": allocations("exchange, bankmux") + ", by hand " +
			allocations("exchange, by hand"),
		"10,000 rows, whole call / decoding alone, processor time": in("## Reading transactions",
			"bankmux / encoding/json, processor time"),
		"one webhook verified, processor time / by hand": in("## Webhooks", "processor time / by hand, three runs"),
		"one webhook verified, allocations": in("## Webhooks", "allocations") + ", by hand " +
			in("## Webhooks", "allocations by hand"),
	}
}

func TestComparison(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("comparison.md")
	require.NoError(t, err)
	bench, err := os.ReadFile(filepath.Join("..", "bench", "README.md"))
	require.NoError(t, err)
	before, section, ok := strings.Cut(string(raw), "## What it costs at run time")
	require.True(t, ok)
	t.Run("each figure of the table is the one that bench has for its row and provider", func(t *testing.T) {
		printed := tablesOf(section)[0]
		want := section
		for _, row := range printed.rows {
			line := slices.Clone(row)
			for i, provider := range printed.head[1:4] {
				figure, ok := costs(t, string(bench), provider)[row[0]]
				require.True(t, ok, "%q has no row of bench", row[0])
				line[1+i] = figure
			}
			want = strings.Replace(want, "| "+strings.Join(row, " | ")+" |", "| "+strings.Join(line, " | ")+" |", 1)
		}
		require.Len(t, printed.rows, len(costs(t, string(bench), "Plaid")))
		if writing {
			page := before + "## What it costs at run time" + want
			require.NoError(t, os.WriteFile("comparison.md", []byte(page), 0o600))
			return
		}
		assert.Equal(t, want, section, "BANKMUX_WRITE=1 go test ./docs -run Comparison writes it")
	})
	t.Run("each figure of the text is one of bench", func(t *testing.T) {
		prose := regexp.MustCompile(`(?m)^\|.*$`).ReplaceAllString(inlineCode.ReplaceAllString(section, ""), "")
		figure := regexp.MustCompile(`\d+(?:[.,]\d+)*`)
		figures := figure.FindAllString(prose, -1)
		require.Greater(t, len(figures), 5)
		assert.Subset(t, figure.FindAllString(string(bench), -1), figures)
	})
	t.Run("its commands are those of bench", func(t *testing.T) {
		commands := regexp.MustCompile("`(go (?:-C bench )?(?:test|run) [^`]*)`").FindAllStringSubmatch(section, -1)
		require.Greater(t, len(commands), 4)
		for _, command := range commands {
			assert.Contains(t, string(bench), command[1])
		}
	})
}

func TestTablesOf(t *testing.T) {
	t.Parallel()
	found := tablesOf("| | goal | MoneyKit, 6 MB |\n| --- | --- | --- |\n| time | | **1.30** (1.1 to 1.4) |\n\n" +
		"text\n| a |\n| --- |\n| b |\n")
	require.Len(t, found, 2)
	t.Run("a figure has no quartiles and is not bold", func(t *testing.T) {
		assert.Equal(t, "1.30", found[0].cell(t, "time", "MoneyKit"))
	})
	t.Run("tables are apart, and their heads are not rows", func(t *testing.T) {
		assert.Equal(t, table{head: []string{"a"}, rows: [][]string{{"b"}}}, found[1])
	})
}
