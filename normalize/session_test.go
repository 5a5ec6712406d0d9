package normalize_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// TestNameProducts specifies which requested products are named.
func TestNameProducts(t *testing.T) {
	t.Parallel()
	words := map[bankmux.Product]string{bankmux.ProductAccounts: "", bankmux.ProductAccountNumbers: "auth"}
	name := func(p bankmux.Product) (string, bool) {
		word, ok := words[p]
		return word, ok
	}
	for title, c := range map[string]struct {
		product  bankmux.Product
		required bool
		want     []string
		err      error
	}{
		"a product with a name is added":                 {bankmux.ProductAccountNumbers, true, []string{"auth"}, nil},
		"a product that every connection has is not":     {bankmux.ProductAccounts, true, nil, nil},
		"a product that the provider lacks is left out":  {bankmux.ProductCards, false, nil, nil},
		"a required product that it lacks is an error":   {bankmux.ProductCards, true, nil, bankmux.ErrUnsupported},
		"the text of an odd product is not in the error": {"a planted text", true, nil, bankmux.ErrUnsupported},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			var got []string
			asked := []bankmux.ProductRequest{{Product: c.product, Required: c.required}}
			err := normalize.NameProducts(asked, "Heron", name, func(p bankmux.ProductRequest, name string) {
				assert.Equal(t, c.product, p.Product)
				got = append(got, name)
			})
			assert.Equal(t, c.want, got)
			if c.err == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.err)
			assert.Equal(t, "SessionRequest.Products", bankmux.ErrorOf(err).Field)
			require.ErrorContains(t, err, "Heron has no")
			assert.NotContains(t, err.Error(), "planted")
		})
	}
}

// TestNamedInstitution specifies whose id of a bank is taken.
func TestNamedInstitution(t *testing.T) {
	t.Parallel()
	for title, c := range map[string]struct {
		of   bankmux.InstitutionRef
		want string
		err  error
	}{
		"no bank is named":                 {nil, "", nil},
		"the provider's id is taken":       {bankmux.InstitutionRef{"heron": "h1", "crane": "c1"}, "h1", nil},
		"an id of others alone is refused": {bankmux.InstitutionRef{"crane": "c1"}, "", bankmux.ErrUnsupported},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			id, err := normalize.NamedInstitution(c.of, "heron")
			require.ErrorIs(t, err, c.err)
			assert.Equal(t, c.want, id)
		})
	}
}

// TestServes specifies that a country that is not served is named with those that are.
func TestServes(t *testing.T) {
	t.Parallel()
	served := []string{"US", "GB"}
	require.NoError(t, normalize.Serves("F", "Heron", served))
	require.NoError(t, normalize.Serves("F", "Heron", served, "GB", "US"))
	err := normalize.Serves("F", "Heron", served, "GB", "AE")
	require.ErrorIs(t, err, bankmux.ErrUnsupported)
	assert.Equal(t, "F", bankmux.ErrorOf(err).Field)
	assert.Equal(t, "Heron serves US, GB", bankmux.ErrorOf(err).Detail)
}

// TestUserID specifies that no two users share an id.
func TestUserID(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "user-1", normalize.UserID("user-1", true))
	digest := normalize.UserID("user-1", false)
	assert.Regexp(t, `^bankmux-user-[\w-]{43}$`, digest)
	assert.Equal(t, digest, normalize.UserID("user-1", false))
	assert.NotEqual(t, digest, normalize.UserID("user-2", false))
	assert.NotEqual(t, digest, normalize.UserID(digest, true), "a user cannot choose the digest of another")
}
