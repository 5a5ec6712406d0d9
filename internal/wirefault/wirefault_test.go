package wirefault_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/internal/wirefault"
)

// TestFaults specifies the list of faults and the response of each.
func TestFaults(t *testing.T) {
	t.Parallel()
	t.Run("each fault has a unique name and says whether the request was processed", eachFaultHasAUniqueName)
	t.Run("a fault sends the response that its summary names", aFaultSendsTheResponseThatItsSummaryNames)
}

func eachFaultHasAUniqueName(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range append(wirefault.All(), wirefault.HTTP2()...) {
		assert.Regexp(t, `^[a-z0-9]+(_[a-z0-9]+)*$`, f.Name)
		assert.NotEmpty(t, f.Summary, f.Name)
		assert.False(t, seen[f.Name], f.Name)
		seen[f.Name] = true
		found, ok := wirefault.Lookup(f.Name)
		require.True(t, ok)
		assert.Equal(t, f.Summary, found.Summary)

		worked := false
		next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			worked = true
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"a":"b"}`))
		})
		ctx, leave := context.WithCancel(t.Context())
		leave() // whoever hangs notices that the client is gone
		w := httptest.NewRecorder()
		assert.NotPanics(t, func() {
			defer func() {
				if r := recover(); r != nil && r != http.ErrAbortHandler { //nolint:errorlint // net/http compares so
					panic(r)
				}
			}()
			wirefault.Handler(f, next).
				ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", http.NoBody))
		}, f.Name)
		assert.Equal(t, f.Processed, worked, f.Name)
	}
	_, ok := wirefault.Lookup("nothing")
	assert.False(t, ok)
}

func aFaultSendsTheResponseThatItsSummaryNames(t *testing.T) {
	t.Parallel()
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"a":"b"}`))
	})
	for name, want := range map[string]struct {
		status int
		kind   string
		body   string
	}{
		"unavailable":          {503, "application/json", ""},
		"server_error":         {500, "application/json", ""},
		"bad_gateway_html":     {502, "text/html", ""},
		"gateway_timeout":      {504, "text/html", ""},
		"html_200":             {200, "text/html", ""},
		"empty_200":            {200, "application/json", " "},
		"no_content":           {204, "", " "},
		"null_200":             {200, "application/json", "null"},
		"truncated":            {200, "application/json", `{"a"`},
		"wrong_content_type":   {200, "text/plain", `{"a":"b"}`},
		"duplicate_keys":       {200, "application/json", `{"a":"b","a":"duplicate"}`},
		"rate_limited":         {429, "application/json", ""},
		"rate_limited_seconds": {429, "application/json", ""},
		"rate_limited_date":    {429, "application/json", ""},
		"rate_limited_skewed":  {429, "application/json", ""},
		"bad_gateway":          {502, "application/json", ""},
		"clock_skew":           {200, "application/json", `{"a":"b"}`},
		"redirect":             {307, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, ok := wirefault.Lookup(name)
			require.True(t, ok)
			w := httptest.NewRecorder()
			wirefault.Handler(f, next).
				ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody))
			assert.Equal(t, want.status, w.Code)
			assert.Contains(t, w.Header().Get("Content-Type"), want.kind)
			switch want.body {
			case "":
			case " ":
				assert.Empty(t, w.Body.String())
			default:
				assert.Equal(t, want.body, w.Body.String())
			}
		})
	}
	var none wirefault.Fault
	w := httptest.NewRecorder()
	none.Serve(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody), next)
	assert.JSONEq(t, `{"a":"b"}`, w.Body.String(), "the zero fault passes the request")
}
