package moneykit

import (
	"cmp"
	"maps"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// effects has what a request does that is sent twice, for each endpoint that is not a read. Another
// effect would let a guard repeat a request whose response is lost, or would not.
var effects = map[string]string{
	"authToken":          "Idempotent",
	"createSession":      "Idempotent",
	"updateLink":         "Idempotent",
	"deleteLink":         "Idempotent",
	"resetLink":          "Idempotent",
	"correctEnrichment":  "Idempotent",
	"exchangeToken":      "OneShot",
	"refreshProducts":    "OneShot",
	"importLink":         "OneShot",
	"importTransactions": "OneShot",
	"testWebhook":        "OneShot",
}

// TestEndpoints specifies the list of endpoints.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("client.go")
	require.NoError(t, err)
	one := regexp.MustCompile(`(\w+)\s+= endpoint\[\w+\]\{\s*http\.Method(\w+), "([^"]*)", bankmux\.(\w+)[,\s]*\}`)
	list := one.FindAllStringSubmatch(string(source), -1)
	require.Len(t, list, strings.Count(string(source), "= endpoint["), "each endpoint is read")
	seen, left := map[string]bool{}, maps.Clone(effects)
	for _, found := range list {
		name, method, path, effect := found[1], strings.ToUpper(found[2]), found[3], found[4]
		t.Run(name+" is listed once with its effect", func(t *testing.T) {
			assert.True(t, strings.HasPrefix(path, "/"), path)
			assert.False(t, seen[method+" "+path])
			seen[method+" "+path] = true
			assert.Equal(t, cmp.Or(effects[name], "Read"), effect)
			delete(left, name)
			assert.Equal(t, method == http.MethodGet, effect == "Read", "a GET reads, and nothing else does")
		})
	}
}
