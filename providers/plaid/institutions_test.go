package plaid_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestInstitutions specifies the directory of banks.
func TestInstitutions(t *testing.T) {
	t.Parallel()
	t.Run("pages end at the total, not at a short page", pagesEndAtTheTotal)
	t.Run("a name is searched", aNameIsSearched)
	t.Run("one bank has its country and domain", oneBankHasItsCountry)
	t.Run("a country that Plaid does not serve is unsupported", anUnservedCountryIsUnsupported)
	t.Run("a bank that cannot be read does not hide the others", anUnreadableBankHidesNoOther)
}

func pagesEndAtTheTotal(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	names := func(req bankmux.InstitutionsRequest) (all []string) {
		for i, err := range s.client.Institutions(t.Context(), req) {
			require.NoError(t, err)
			all = append(all, i.Name)
		}
		return all
	}
	whole := names(bankmux.InstitutionsRequest{Country: "US"})
	require.Greater(t, len(whole), 3)
	assert.Equal(t, whole, names(bankmux.InstitutionsRequest{Country: "US", PageSize: 2}))
	assert.Greater(t, len(names(bankmux.InstitutionsRequest{})), len(whole), "without a country, all that Plaid serves")
	assert.Empty(t, names(bankmux.InstitutionsRequest{Featured: true}))

	s.answers(func(w http.ResponseWriter, r *http.Request) bool { // a filter shortens pages
		if r.URL.Path != "/institutions/get" {
			return false
		}
		list := `[]`
		if s.lastSent("/institutions/get")["offset"] == 2.0 {
			list = `[{"institution_id":"ins_1","name":"One","country_codes":["CA","US"],"url":null}]`
		}
		return write(w, http.StatusOK, `{"institutions":`+list+`,"total":3,"request_id":"r"}`)
	})
	assert.Equal(t, []string{"One"}, names(bankmux.InstitutionsRequest{Country: "US", PageSize: 2}))
	for _, page := range []string{"x", "-1"} {
		for _, err := range s.client.Institutions(t.Context(), bankmux.InstitutionsRequest{Page: page}) {
			require.ErrorIs(t, err, bankmux.ErrInvalid)
		}
	}
}

func aNameIsSearched(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, func(c *plaid.Config) { c.Countries = []string{"US", "GB"} })
	var found []bankmux.InstitutionListing
	for i, err := range s.client.Institutions(t.Context(), bankmux.InstitutionsRequest{Name: "first"}) {
		require.NoError(t, err)
		found = append(found, i)
	}
	require.Len(t, found, 3)
	assert.Equal(t, "US", found[0].Country)
	body := s.lastSent("/institutions/search")
	assert.Equal(t, []any{"US", "GB"}, body["country_codes"])
	assert.Len(t, s.sent("/institutions/search"), 1, "a search has one page")
}

func oneBankHasItsCountry(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	i, err := s.client.Institution(t.Context(), bankmux.InstitutionRequest{ID: "ins_900201"})
	require.NoError(t, err)
	assert.Equal(t, "ins_900201", i.ID)
	assert.Equal(t, "GB", i.Country)
	assert.NotEmpty(t, i.Domain)
	assert.NotContains(t, i.Domain, "/")
	assert.NotEmpty(t, i.Color)
	_, err = s.client.Institution(t.Context(), bankmux.InstitutionRequest{ID: "ins_0"})
	require.ErrorIs(t, err, bankmux.ErrNotFound)
}

func anUnservedCountryIsUnsupported(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	for _, err := range s.client.Institutions(t.Context(), bankmux.InstitutionsRequest{Country: "AE"}) {
		require.ErrorIs(t, err, bankmux.ErrUnsupported)
	}
	assert.Empty(t, s.sent("/institutions/get"))
}

func anUnreadableBankHidesNoOther(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	s.fails("/institutions/get", http.StatusOK, `{"institutions":[7,{"name":"Nameless"},
		{"institution_id":"ins_2","name":"Two","country_codes":["CA","US"],"url":"https://www.two.example/x","primary_color":"#123456"}],
		"total":3,"request_id":"r"}`)
	var found []bankmux.InstitutionListing
	failed := 0
	for i, err := range s.client.Institutions(t.Context(), bankmux.InstitutionsRequest{Country: "US"}) {
		if err != nil {
			failed++
			continue
		}
		found = append(found, i)
	}
	assert.Equal(t, 2, failed)
	assert.Equal(t, []bankmux.InstitutionListing{{
		Institution: bankmux.Institution{ID: "ins_2", Name: "Two", Country: "US"},
		Countries:   []string{"CA", "US"}, Domain: "two.example", Color: "#123456",
	}}, found)
}
