package moneykit

import (
	"net/http"
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
	one := regexp.MustCompile(`(\w+)\s+= endpoint\[\w+\]\{\s*http\.Method(\w+), "([^"]*)", bankmux\.(\w+)[,\s]*\}`)
	list := one.FindAllStringSubmatch(string(source), -1)
	require.Len(t, list, strings.Count(string(source), "= endpoint["), "each endpoint is read")
	seen := map[string]bool{}
	for _, found := range list {
		name, method, path, effect := found[1], strings.ToUpper(found[2]), found[3], found[4]
		t.Run(name+" is listed once with its effect", func(t *testing.T) {
			assert.True(t, strings.HasPrefix(path, "/"), path)
			assert.False(t, seen[method+" "+path])
			seen[method+" "+path] = true
			assert.Contains(t, []string{"Read", "Idempotent", "OneShot"}, effect)
			assert.Equal(t, method == http.MethodGet, effect == "Read", "a GET reads, and nothing else does")
		})
	}
}
