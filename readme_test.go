package bankmux_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
)

// TestREADMEIsCompiled finds every Go block of the README, line for line, in the examples.
func TestREADMEIsCompiled(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var compiled string
	for _, file := range []string{"example_test.go", "example_sync_test.go", "example_webhook_test.go", "example_rotation_test.go"} {
		examples, err := os.ReadFile(file)
		require.NoError(t, err)
		compiled += trimmed(string(examples)) + "\n"
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.Greater(t, len(blocks), 8)
	for _, b := range blocks {
		for _, part := range strings.Split(b[1], "\n\n") { // a blank line may stand for what was left out
			assert.True(t, strings.Contains(compiled, trimmed(part)), "not in the examples:\n%s", part)
		}
	}
	for _, command := range []string{"go run ./examples/quickstart", "go test ./..."} {
		assert.True(t, strings.Contains(string(readme), command), command)
	}
	for _, k := range bankmux.Kinds() {
		assert.True(t, strings.Contains(string(readme), fmt.Sprintf("(`%s`) | %s |", string(k), k.Remedy())), k)
	}
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

// capabilityTable is what each adapter can do, as its client tells.
func capabilityTable(t *testing.T) string {
	t.Helper()
	secret := bankmux.NewSecret("secret")
	mk, err := moneykit.New(moneykit.Config{ClientID: "id", ClientSecret: secret, Environment: bankmux.Sandbox})
	require.NoError(t, err)
	dp, err := dapi.New(dapi.Config{AppKey: "key", AppSecret: secret, Environment: bankmux.Sandbox})
	require.NoError(t, err)
	var b strings.Builder
	b.WriteString("| capability | MoneyKit | Dapi |\n| --- | --- | --- |\n| linking, reconnecting | yes | yes |\n")
	for _, c := range bankmux.Capabilities() {
		b.WriteString("| " + strings.ReplaceAll(string(c), "_", " "))
		for _, client := range []*bankmux.Client{mk, dp} {
			if client.Has(c) {
				b.WriteString(" | yes")
			} else {
				b.WriteString(" | ")
			}
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

// BANKMUX_WRITE=1 writes the table instead of comparing it.
func TestTheCapabilityTableIsCurrent(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	require.NoError(t, err)
	const begin, end = "TestTheCapabilityTableIsCurrent -->\n", "<!-- end -->"
	before, rest, ok := strings.Cut(string(raw), begin)
	require.True(t, ok)
	table, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	want := capabilityTable(t)
	if os.Getenv("BANKMUX_WRITE") != "" {
		require.NoError(t, os.WriteFile("README.md", []byte(before+begin+want+end+after), 0o600))
		return
	}
	assert.Equal(t, want, table, "BANKMUX_WRITE=1 go test -run CapabilityTable . writes it")
}
