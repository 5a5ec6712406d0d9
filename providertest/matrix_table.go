package providertest

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

// groups are how the table calls all operations of an effect.
var groups = []struct {
	effect bankmux.Effect
	name   string
}{
	{bankmux.Read, "reads"},
	{bankmux.Idempotent, "repeatable"},
	{bankmux.OneShot, "one-shots"},
	{bankmux.Local, "local"},
}

// text writes the matrix: a row for each fault and each thing that comes of it, with the operations
// to which it does.
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
	for _, g := range groups {
		if len(members[g.effect]) > 0 {
			slices.Sort(members[g.effect])
			fmt.Fprintf(&out, "- **%s**: %s\n", g.name, strings.Join(members[g.effect], ", "))
		}
	}
	out.WriteString(
		"\n| fault | operations | comes back as | scope | what to do | repeat | sent | breaker | connection |\n" +
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

// named lists operations, groups by their name where all of one are there.
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
		if len(here) > 0 && len(here) == len(members[g.effect]) {
			here = []string{"**" + g.name + "**"}
		}
		names = append(names, here...)
	}
	return strings.Join(names, ", ")
}

// row is what came of a cell, as the table writes it.
func (o outcome) row() string {
	back, scope, remedy, repeat := "the right answer", "", "", ""
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

// keep prints the table, writes it or compares it with the one that is kept.
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
	assert.Equal(t, string(kept), now, "the fault matrix changed: run the test with -matrix.update and read what did")
}
