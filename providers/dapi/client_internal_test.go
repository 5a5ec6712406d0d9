package dapi

import (
	"cmp"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// effects has what a request does that is sent twice, for each endpoint that is not a read. Another
// effect would let a guard repeat a request whose response is lost, or would not.
var effects = map[string]string{
	"delinkUser":    "Idempotent",
	"exchangeToken": "OneShot",
}

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
	seen, left := map[string]bool{}, maps.Clone(effects)
	for _, found := range list {
		name, path, effect := found[1], found[2], found[3]
		t.Run(name+" is listed once with its effect", func(t *testing.T) {
			assert.True(t, strings.HasPrefix(path, "/"), path)
			assert.False(t, seen[path])
			seen[path] = true
			assert.Equal(t, cmp.Or(effects[name], "Read"), effect)
			delete(left, name)
		})
	}
	assert.Empty(t, left, "each endpoint with an effect is there")
}
