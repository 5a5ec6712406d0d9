package dapi

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestEndpoints specifies the list of endpoints.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("client.go")
	if !assert.NoError(t, err) {
		return
	}
	one := regexp.MustCompile(`(\w+)\s+= endpoint\[\w+\]\{"([^"]*)", bankmux\.(\w+)\}`)
	list := one.FindAllStringSubmatch(string(source), -1)
	assert.Len(t, list, strings.Count(string(source), "= endpoint["), "each endpoint is read")
	assert.NotEmpty(t, list)
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
