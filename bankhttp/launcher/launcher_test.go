package launcher_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp/launcher"
)

// TestHandler specifies how browsers get the module.
func TestHandler(t *testing.T) {
	t.Parallel()
	get := func(t *testing.T, method, tag string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, "/bank/launcher.js", nil)
		if tag != "" {
			r.Header.Set("If-None-Match", tag)
		}
		w := httptest.NewRecorder()
		launcher.Handler().ServeHTTP(w, r)
		return w
	}
	t.Run("the module is a script that browsers revalidate", func(t *testing.T) {
		t.Parallel()
		w := get(t, http.MethodGet, "")
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, string(launcher.Module()), w.Body.String())
		assert.Contains(t, w.Body.String(), "export function connect(")
		assert.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
		assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		assert.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
		again := get(t, http.MethodGet, w.Header().Get("ETag"))
		assert.Equal(t, http.StatusNotModified, again.Code)
		assert.Empty(t, again.Body.String())
		assert.Equal(t, http.StatusOK, get(t, http.MethodGet, `"another"`).Code)
	})
	t.Run("HEAD has no body", func(t *testing.T) {
		t.Parallel()
		w := get(t, http.MethodHead, "")
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Empty(t, w.Body.String())
	})
	t.Run("another method is refused", func(t *testing.T) {
		t.Parallel()
		w := get(t, http.MethodPost, "")
		assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
		assert.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	})
	t.Run("a caller cannot change what is served", func(t *testing.T) {
		t.Parallel()
		clear(launcher.Module())
		assert.NotZero(t, get(t, http.MethodGet, "").Body.Bytes()[0])
	})
}

// TestPackage specifies the folder as an npm package.
func TestPackage(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("package.json")
	require.NoError(t, err)
	var pkg map[string]any
	require.NoError(t, json.Unmarshal(raw, &pkg))
	t.Run("it has no dependencies and runs no script", func(t *testing.T) {
		t.Parallel()
		for _, key := range []string{"dependencies", "peerDependencies", "optionalDependencies", "scripts"} {
			assert.NotContains(t, pkg, key)
		}
	})
	t.Run("every file that it names exists", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, []any{"launcher.js", "launcher.d.ts"}, pkg["files"])
		for _, name := range pkg["files"].([]any) { // compared above
			assert.FileExists(t, name.(string))
		}
	})
	t.Run("it has the license of the module, which npm packs", func(t *testing.T) {
		t.Parallel()
		own, err := os.ReadFile("LICENSE")
		require.NoError(t, err)
		module, err := os.ReadFile("../../LICENSE")
		require.NoError(t, err)
		assert.Equal(t, string(module), string(own))
	})
}

// TestTypes specifies that the types name every field of a launch.
func TestTypes(t *testing.T) {
	t.Parallel()
	types, err := os.ReadFile("launcher.d.ts")
	require.NoError(t, err)
	full := bankmux.Launch{
		Provider: "p", Mode: bankmux.ModeLink, Environment: bankmux.Sandbox, Token: bankmux.NewLaunchToken("t"),
		URL: bankmux.NewLaunchToken("u"), AppKey: "a", Countries: []string{"US"}, Institution: "i", ScriptURL: "s",
		Package: "n", Parameters: map[string]string{"k": "v"},
	}
	raw, err := json.Marshal(full)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(raw, &fields))
	assert.Len(t, fields, 11, "the literal above sets every field")
	for name := range fields {
		assert.Regexp(t, `(?m)^  `+name+`\??: `, string(types))
	}
}
