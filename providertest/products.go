package providertest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// products lists the promises about identity, account numbers, holdings, refreshes and
// institutions.
var products = []promise{
	{
		"identity has owners, and account numbers have a scheme",
		needs(bankmux.CapIdentity, bankmux.CapAccountNumbers), ownersAndNumbers,
	},
	{
		"the securities of holdings are listed",
		needs(bankmux.CapHoldings, bankmux.CapInvestmentTransactions), investments,
	},
	{"a refresh ends, and one that is too early is refused", needs(bankmux.CapRefresh, bankmux.CapStatus), refreshes},
	{"institutions are found by name and by id", needs(bankmux.CapInstitutions), institutions},
}

func ownersAndNumbers(t *testing.T, b *bench) {
	conn := b.prepared(t.Context())
	who, err := b.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
	require.NoError(t, err)
	require.NotEmpty(t, who.Owners)
	assert.NotEmpty(t, who.Owners[0].Names)
	numbers, err := b.client.AccountNumbers(t.Context(), bankmux.AccountNumbersRequest{Connection: conn})
	require.NoError(t, err)
	require.NotEmpty(t, numbers.Accounts)
	for _, a := range numbers.Accounts {
		assert.NotEmpty(t, a.Account)
		for _, n := range a.Numbers {
			assert.NotEmpty(t, n.Scheme)
			assert.NotEmpty(t, n.Number+n.IBAN)
		}
	}
}

func investments(t *testing.T, b *bench) {
	conn := b.prepared(t.Context())
	got, err := b.client.Holdings(t.Context(), bankmux.HoldingsRequest{Connection: conn})
	require.NoError(t, err)
	require.NotEmpty(t, got.Holdings)
	known := map[string]bool{}
	for _, s := range got.Securities {
		known[s.ID] = true
	}
	for _, h := range got.Holdings {
		assert.True(t, known[h.Security])
		assert.False(t, h.Quantity.IsZero())
	}
	n := 0
	req := bankmux.InvestmentTransactionsRequest{Connection: conn, PageSize: 2}
	for row, err := range b.client.InvestmentTransactions(t.Context(), req) {
		require.NoError(t, err)
		n++
		switch row.Kind {
		case "buy":
			assert.Negative(t, row.Amount.Sign(), "a purchase takes money out")
			assert.Negative(t, row.Fees.Sign(), "a fee is charged")
		case "cash":
			assert.Positive(t, row.Amount.Sign(), "a dividend comes in")
		}
	}
	assert.Greater(t, n, 2)
}

func refreshes(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	b.conn = conn
	req := bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{b.Refresh.Product}}
	started, err := b.client.Refresh(t.Context(), req)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done, err := b.client.AwaitRefresh(ctx, started)
	require.NoError(t, err)
	assert.NotEmpty(t, done.Products)
	_, err = b.client.Refresh(t.Context(), req)
	if b.Refresh.Every > 0 {
		require.ErrorIs(t, err, bankmux.ErrRateLimited, "Harness.Refresh allows one every %s", b.Refresh.Every)
		time.Sleep(b.Refresh.Every + time.Minute)
		require.NoError(t, b.awake(t.Context()))
		_, err = b.client.Refresh(t.Context(), req)
	}
	require.NoError(t, err, "a refresh that is allowed")
	for _, products := range [][]bankmux.Product{nil, {""}} {
		_, err = b.client.Refresh(t.Context(), bankmux.RefreshRequest{Connection: conn, Products: products})
		require.ErrorIs(t, err, bankmux.ErrInvalid)
	}
}

func institutions(t *testing.T, b *bench) {
	var first bankmux.InstitutionListing
	n := 0
	for i, err := range b.client.Institutions(t.Context(), bankmux.InstitutionsRequest{PageSize: 2}) {
		require.NoError(t, err)
		assert.NotEmpty(t, i.ID)
		assert.NotEmpty(t, i.Name)
		if n == 0 {
			first = i
		}
		n++
	}
	require.Positive(t, n)
	found := 0
	req := bankmux.InstitutionsRequest{Name: first.Name, Country: first.Country}
	for i, err := range b.client.Institutions(t.Context(), req) {
		require.NoError(t, err)
		assert.Equal(t, first.Country, i.Country)
		found++
	}
	assert.Positive(t, found)
	one, err := b.client.Institution(t.Context(), bankmux.InstitutionRequest{ID: first.ID})
	require.NoError(t, err)
	assert.Equal(t, first, one)
	_, err = b.client.Institution(t.Context(), bankmux.InstitutionRequest{ID: "unknown"})
	b.show(err)
	require.ErrorIs(t, err, bankmux.ErrNotFound)
}
