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
)

// TestREADMEIsCompiled finds every Go block of the README, line for line, in the examples.
func TestREADMEIsCompiled(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	examples, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	compiled := trimmed(string(examples))
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.Greater(t, len(blocks), 8)
	for _, b := range blocks {
		for _, part := range strings.Split(b[1], "\n\n") { // a blank line may stand for what was left out
			assert.True(t, strings.Contains(compiled, trimmed(part)), "not in example_test.go:\n%s", part)
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
