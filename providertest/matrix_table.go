package providertest

// This file writes the fault matrix as a table.

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// matrixTable collects the cells.
type matrixTable struct {
	mu    sync.Mutex
	cells []outcome
}

func (m *matrixTable) add(o outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cells = append(m.cells, o)
}

func (m *matrixTable) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.cells)
}

// groups are the names of all operations with an effect.
var groups = []struct {
	effect bankmux.Effect
	name   string
}{
	{bankmux.Read, "reads"},
	{bankmux.Idempotent, "repeatable"},
	{bankmux.OneShot, "one-shots"},
	{bankmux.Local, "local"},
}

// text returns the matrix as Markdown. A row has a fault, a result, and the operations that end
// with it.
func (m *matrixTable) text(title string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	members := map[bankmux.Effect][]string{}
	for _, c := range m.cells {
		if !slices.Contains(members[c.effect], c.op) {
			members[c.effect] = append(members[c.effect], c.op)
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "## %s\n\n", title)
	out.WriteString("| group | operations | functions of the adapter's package |\n| --- | --- | --- |\n")
	for _, g := range groups {
		if all := members[g.effect]; len(all) > 0 {
			slices.Sort(all)
			own := slices.IndexFunc(all, func(name string) bool { return strings.Contains(name, ".") })
			if own < 0 {
				own = len(all)
			}
			fmt.Fprintf(&out, "| **%s** | %s | %s |\n",
				g.name, strings.Join(all[:own], ", "), strings.Join(all[own:], ", "))
		}
	}
	out.WriteString(
		"\n| fault | operations | result | scope | what to do | repeatable | sent | breaker | connection |\n" +
			"| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
	)
	for _, f := range matrixFaults {
		rows, order := map[string][]outcome{}, []string{}
		for _, c := range m.cells {
			if c.fault != f.name {
				continue
			}
			row := c.row()
			if rows[row] == nil {
				order = append(order, row)
			}
			rows[row] = append(rows[row], c)
		}
		slices.SortFunc(order, func(a, b string) int {
			return strings.Compare(named(rows[a], members), named(rows[b], members))
		})
		for _, row := range order {
			fmt.Fprintf(&out, "| %s | %s | %s |\n", f.name, named(rows[row], members), row)
		}
	}
	return out.String()
}

// named lists operations. It uses the name of a group if most of its operations are there, and
// lists the exceptions.
func named(cells []outcome, members map[bankmux.Effect][]string) string {
	var names []string
	for _, g := range groups {
		var here []string
		for _, c := range cells {
			if c.effect == g.effect {
				here = append(here, c.op)
			}
		}
		slices.Sort(here)
		all := members[g.effect]
		if len(here) == 0 || 2*len(here) <= len(all) {
			names = append(names, here...)
			continue
		}
		name := "**" + g.name + "**"
		absent := slices.DeleteFunc(slices.Clone(all), func(op string) bool { return slices.Contains(here, op) })
		if len(absent) > 0 {
			name += " except " + strings.Join(absent, " and ")
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// row returns the result of a cell as cells of the table.
func (o outcome) row() string {
	back, scope, remedy, repeat := "success", "", "", ""
	if o.kind != "" {
		back, scope, remedy, repeat = string(o.kind), string(o.scope), o.kind.Remedy(), "no"
		if o.repeatable {
			repeat = "yes"
		}
	}
	connection := "closed"
	switch {
	case o.dialled == 0:
		connection = ""
	case o.kind == "" && !o.last || o.keeps:
		connection = "reused"
	}
	sent := strconv.Itoa(o.attempts)
	if o.kind == "" && o.attempts > 0 {
		sent = "once"
	}
	judged := string(o.verdict)
	if o.bank {
		judged += ", and the bank's failure"
	}
	return strings.Join([]string{back, scope, remedy, repeat, sent, judged, connection}, " | ")
}

// keep prints the table, writes it or compares it with the stored one.
func (m *matrixTable) keep(t *testing.T, doc Table) {
	text := m.text(doc.Title)
	if *printMatrix {
		fmt.Println(text)
	}
	if doc.File == "" {
		return
	}
	begin, end := "<!-- matrix: "+doc.Title+" -->\n", "<!-- end -->\n"
	kept, err := os.ReadFile(doc.File)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(kept), begin)
	_, after, closed := strings.Cut(rest, end)
	require.True(t, found && closed, "%s has no part for %s", doc.File, doc.Title)
	now := before + begin + text + end + after
	if *updateMatrix {
		require.NoError(t, os.WriteFile(doc.File, []byte(now), 0o644)) //nolint:gosec // a page to read
		return
	}
	assert.Equal(t, string(kept), now, "the fault matrix changed: run the test with -matrix.update and review it")
}
