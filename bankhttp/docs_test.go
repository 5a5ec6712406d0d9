package bankhttp_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// ownKinds are the kinds that this package has beside those of the root.
var ownKinds = []bankmux.Kind{
	bankhttp.KindNoUser, bankhttp.KindCrossOrigin, bankhttp.KindNoPath, bankhttp.KindMethod, bankhttp.KindSlowBody,
	bankhttp.KindLargeBody, bankhttp.KindNotJSON, bankhttp.KindStore, "internal",
}

// TestStatusTable specifies that docs/http.md has the status of each kind.
func TestStatusTable(t *testing.T) {
	t.Parallel()
	const page = "../docs/http.md"
	const start, end = "<!-- statuses: BANKMUX_WRITE=1 go test ./bankhttp -run StatusTable writes this -->\n",
		"<!-- end -->"
	raw, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(raw), start)
	require.True(t, ok)
	table, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if os.Getenv("BANKMUX_WRITE") != "" {
		require.NoError(t, os.WriteFile(page, []byte(before+start+statusTable()+end+after), 0o600))
		return
	}
	assert.Equal(t, statusTable(), table)
}

// TestProblemType specifies that the type of a problem is the address of its row in docs/http.md.
func TestProblemType(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/http.md")
	require.NoError(t, err)
	for _, kind := range append(bankmux.Kinds(), ownKinds...) {
		address, anchor, ok := strings.Cut(bankhttp.ProblemOf(kind).Type, "#")
		require.True(t, ok)
		assert.Equal(t, "https://github.com/bankmux/bankmux/blob/main/docs/http.md", address)
		assert.Equal(t, 1, strings.Count(string(page), `<a id="`+anchor+`"></a>`+"`"+string(kind)+"`"), kind)
		assert.Equal(t, 1, strings.Count(string(page), `<a id="`+anchor+`">`), kind)
	}
}

// statusTable returns a row for every kind.
func statusTable() string {
	var b strings.Builder
	b.WriteString("| kind | status | what happened | the user must act | again |\n| --- | --- | --- | --- | --- |\n")
	kinds := bankmux.Kinds()
	slices.SortFunc(kinds, func(a, b bankmux.Kind) int {
		if d := bankhttp.StatusOf(a) - bankhttp.StatusOf(b); d != 0 {
			return d
		}
		return strings.Compare(string(a), string(b))
	})
	mark := map[bool]string{true: "yes"}
	for _, kind := range append(kinds, ownKinds...) {
		p := bankhttp.ProblemOf(kind)
		fmt.Fprintf(&b, "| <a id=\"%[1]s\"></a>`%[1]s` | %[2]d | %[3]s | %[4]s | %[5]s |\n",
			kind, p.Status, p.Title, mark[p.UserMustAct], mark[p.RetryAfter > 0])
	}
	return b.String()
}
