package moneykit

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
)

// TestEndpoints specifies the list of endpoints.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	list := reflect.ValueOf(endpoints)
	seen := map[string]bool{}
	for i := range list.NumField() {
		name, at := list.Type().Field(i).Name, list.Field(i)
		method, path := at.FieldByName("method").String(), at.FieldByName("path").String()
		effect := bankmux.Effect(at.FieldByName("effect").String())
		t.Run(name+" is listed once with its effect", func(t *testing.T) {
			assert.True(t, strings.HasPrefix(path, "/"), path)
			assert.False(t, seen[method+" "+path])
			seen[method+" "+path] = true
			assert.Contains(t, []bankmux.Effect{bankmux.Read, bankmux.Idempotent, bankmux.OneShot}, effect)
			assert.Equal(t, method == http.MethodGet, effect == bankmux.Read, "a GET reads, and nothing else does")
		})
	}
}
