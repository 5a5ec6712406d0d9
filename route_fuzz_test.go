package bankmux_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// FuzzRoute asks a registry for clients with any request. A client that it returns serves the
// country, and every error has a type of this module.
func FuzzRoute(f *testing.F) {
	us := bankmux.NewClient("us", &fake{provider: "one", env: bankmux.Sandbox})
	gulf := bankmux.NewClient("gulf", &fake{provider: "two", env: bankmux.Sandbox})
	registry, err := bankmux.NewRegistry([]*bankmux.Client{us, gulf}, []bankmux.Route{
		{Client: "us", Countries: []string{"US"}, Weight: 3},
		{Client: "gulf", Countries: []string{"US"}},
		{Client: "gulf", Countries: []string{"AE"}, Institutions: []string{"lemon"}},
		{Client: "gulf", Priority: 1},
	})
	require.NoError(f, err)
	f.Add("user-1", "US", "", "", "")
	f.Add("user-1", "AE", "lemon", "accounts", "")
	f.Add("user-1", "AE", "lemon", "", "")
	f.Add("user-1", "FR", "", "", "")
	f.Add("", "uk", "\x00", "cards", "not a page")
	f.Fuzz(func(t *testing.T, user, country, institution, capability, page string) {
		req := bankmux.SessionRequest{
			User:        user,
			Country:     country,
			Institution: bankmux.InstitutionRef{"two": institution},
		}
		if capability != "" {
			req.Capabilities = []bankmux.Capability{bankmux.Capability(capability)}
		}
		found, err := registry.Candidates(req)
		if err != nil {
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok, "%T %v", err, err)
			assert.Contains(t, bankmux.Kinds(), e.Kind)
			return
		}
		require.NotEmpty(t, found)
		first, err := registry.First(req)
		require.NoError(t, err)
		assert.Same(t, found[0], first, "the same user goes to the same client")
		if country != "US" && country != "" {
			assert.Equal(t, "gulf", first.Name())
		}
		_, _ = registry.Institutions(t.Context(), bankmux.InstitutionsRequest{Country: country, Name: user, Page: page})
	})
}
