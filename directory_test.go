package bankmux_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestDirectory specifies the one list of institutions over all providers.
func TestDirectory(t *testing.T) {
	t.Parallel()
	t.Run("pages of banks that repeat end with an error", pagesOfBanksThatRepeatEndWithAnError)
	t.Run("the banks of all providers are in one list", theBanksOfAllProvidersAreInOneList)
	t.Run("a bank of several countries is one entry", aBankOfSeveralCountriesIsOneEntry)
}

func pagesOfBanksThatRepeatEndWithAnError(t *testing.T) {
	t.Parallel()
	r, client, conn := reading(t)
	r.page = func(bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
		return bankmux.TransactionPage{Next: "same"}, nil
	}
	var failed []error
	for _, err := range client.Transactions(t.Context(),
		bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"a"}}) {
		failed = append(failed, err)
	}
	require.Len(t, failed, 1)
	require.ErrorIs(t, failed[0], bankmux.ErrMalformed)
}

func theBanksOfAllProvidersAreInOneList(t *testing.T) {
	t.Parallel()
	listing := func(id, name, country, domain string) bankmux.InstitutionListing {
		return bankmux.InstitutionListing{
			Institution: bankmux.Institution{ID: id, Name: name, Country: country},
			Domain:      domain,
		}
	}
	one := &reader{fake: fake{provider: "p"}, institute: []bankmux.InstitutionListing{
		listing(
			"northwind",
			"Northwind Bank",
			"US",
			"northwind.example",
		),
		listing("nw-uk", "Northwind Bank", "GB", ""),
		listing("twin-1", "Twin", "US", ""),
		listing("twin-2", "Twin", "US", ""),
	}}
	two := &reader{fake: fake{provider: "q"}, institute: []bankmux.InstitutionListing{
		listing(
			"NW",
			"Northwind",
			"US",
			"NORTHWIND.example",
		),
		listing("NWGB", "northwind  bank", "GB", "nw.example"),
		listing("OTHER", "Other", "US", ""),
	}}
	down := &reader{fake: fake{provider: "r"}}
	registry, err := bankmux.NewRegistry(
		[]*bankmux.Client{
			bankmux.NewClient("1", one),
			bankmux.NewClient("2", two),
			bankmux.NewClient("3", down),
			bankmux.NewClient("4", &fake{provider: "s"}),
		},
		[]bankmux.Route{{Client: "1"}},
	)
	require.NoError(t, err)
	entries, err := registry.Institutions(t.Context(), bankmux.InstitutionsRequest{})
	partial, ok := errors.AsType[*bankmux.PartialError](err)
	require.True(t, ok)
	require.Len(t, partial.Failed, 1)
	assert.Equal(t, "3", partial.Failed[0].Err.Client)
	var names []string
	for _, e := range entries {
		names = append(names, fmt.Sprint(e.Name, e.Country, e.Ref))
	}
	assert.Equal(t, []string{
		"Northwind BankGBmap[p:nw-uk q:NWGB]",
		"Northwind BankUSmap[p:northwind q:NW]",
		"OtherUSmap[q:OTHER]",
		"TwinUSmap[p:twin-1]",
		"TwinUSmap[p:twin-2]",
	}, names)
}

func aBankOfSeveralCountriesIsOneEntry(t *testing.T) {
	t.Parallel()
	bank := func(id, name, country string, countries ...string) bankmux.InstitutionListing {
		return bankmux.InstitutionListing{
			Institution: bankmux.Institution{ID: id, Name: name, Country: country},
			Countries:   countries,
		}
	}
	one := &reader{
		fake: fake{provider: "p"},
		institute: []bankmux.InstitutionListing{
			bank("revolut", "Revolut", "GB", "GB", "IE", "LT"),
			bank("local", "Local", "IE"),
		},
	}
	two := &reader{
		fake:      fake{provider: "q"},
		institute: []bankmux.InstitutionListing{bank("REVOLT21", "Revolut", "LT", "LT", "DE")},
	}
	registry, err := bankmux.NewRegistry(
		[]*bankmux.Client{bankmux.NewClient("1", one), bankmux.NewClient("2", two)},
		[]bankmux.Route{{Client: "1"}},
	)
	require.NoError(t, err)
	entries, err := registry.Institutions(t.Context(), bankmux.InstitutionsRequest{})
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Equal(t, "IE", entries[0].Country)
	assert.Empty(t, entries[0].Countries, "one country needs no list")
	assert.Equal(t, bankmux.InstitutionRef{"p": "revolut", "q": "REVOLT21"}, entries[1].Ref)
	assert.Equal(t, []string{"GB", "IE", "LT", "DE"}, entries[1].Countries)

	one.institute[0].Domain, two.institute[0].Domain = "revolut.com", "Revolut.com"
	two.institute[0].Name = "Revolut Bank UAB"
	entries, err = registry.Institutions(t.Context(), bankmux.InstitutionsRequest{})
	require.NoError(t, err)
	require.Len(t, entries, 2, "under another name, and of one domain in a country that both serve")
	assert.Equal(t, bankmux.InstitutionRef{"p": "revolut", "q": "REVOLT21"}, entries[1].Ref)
}
