package plaid

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEndpoints specifies the list of endpoints.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("client.go")
	require.NoError(t, err)
	one := regexp.MustCompile(`(\w+)\s+= endpoint\[\w+\]\{"([^"]*)", bankmux\.(\w+), (true|false)\}`)
	list := one.FindAllStringSubmatch(string(source), -1)
	require.Len(t, list, strings.Count(string(source), "= endpoint["), "each endpoint is read")
	require.NotEmpty(t, list)
	seen := map[string]bool{}
	for _, found := range list {
		name, path, effect := found[1], found[2], found[3]
		t.Run(name+" is listed once with its effect", func(t *testing.T) {
			assert.True(t, strings.HasPrefix(path, "/"), path)
			assert.False(t, seen[path])
			seen[path] = true
			assert.Contains(t, []string{"Read", "Idempotent", "OneShot"}, effect)
		})
	}
}
