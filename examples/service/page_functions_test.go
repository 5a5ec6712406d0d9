package main

// This file tests functions of docs/http.md that no command of the page calls.

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAskTwice specifies what the printed askTwice sends.
func TestAskTwice(t *testing.T) {
	raw, err := os.ReadFile(page)
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(raw), "export async function askTwice")
	require.True(t, ok)
	body, _, ok := strings.Cut(rest, "\n```")
	require.True(t, ok)
	script := "const call = async (...sent) => console.log(sent.join(' '));\nasync function askTwice" + body + `
const connections = [{id: "only"}, {id: "new", perhaps_replaces: ["kept", "old"]}];
askTwice(connections, async (one, old) => one.id === "new" && old === "old");`
	out, err := exec.CommandContext(t.Context(), "node", "--eval", script).CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, "DELETE /bank/connections/old\nPOST /bank/connections/new/sync\n", string(out),
		"the old connection ends before the new one lists its accounts")
}
