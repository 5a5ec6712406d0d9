package plaid_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestIdentity specifies the owners of accounts.
func TestIdentity(t *testing.T) {
	t.Parallel()
	t.Run("an owner of several accounts is one owner", anOwnerOfSeveralAccountsIsOne)
	t.Run("owners that differ stay apart", ownersThatDifferStayApart)
	t.Run("only the accounts asked for are read", onlyTheAccountsAskedForAreRead)
	t.Run("absent parts of an owner are left out", absentPartsAreLeftOut)
}

func anOwnerOfSeveralAccountsIsOne(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	got, err := s.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
	require.NoError(t, err)
	require.Len(t, got.Owners, 1)
	assert.Greater(t, len(got.Owners[0].Accounts), 1)
	assert.NotEmpty(t, got.Owners[0].Names)
	assert.NotEmpty(t, got.Owners[0].Addresses[0].PostalCode)
	assert.NotContains(t, s.lastSent("/identity/get"), "options", "Plaid refuses a list without accounts")
}

func ownersThatDifferStayApart(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	owner := func(name, phone string) string {
		return `{"names":["` + name + `"],"phone_numbers":[{"data":"` + phone + `","primary":true,"type":"mobile1"}],
			"emails":[{"data":"a@example.com","primary":false,"type":"primary"}],"addresses":[{"primary":true,
			"data":{"street":"1 Road","city":null,"region":"NY","postal_code":null,"country":"US"}}]}`
	}
	s.fails("/identity/get", http.StatusOK, `{"accounts":[
		{"account_id":"a","owners":[`+owner("Ada", "1")+`,`+owner("Bob", "1")+`]},
		{"account_id":"b","owners":[`+owner("Ada", "1")+`,5]},
		{"account_id":"c","owners":[`+owner("Ada", "2")+`]},
		{"owners":[`+owner("Eve", "1")+`]},
		{"account_id":"d","owners":[]}],"request_id":"r"}`)
	got, err := s.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
	var partial *bankmux.PartialError
	require.ErrorAs(t, err, &partial)
	assert.Len(t, partial.Failed, 2)
	require.Len(t, got.Owners, 3)
	assert.Equal(t, bankmux.Owner{
		Accounts: []string{"a", "b"}, Names: []string{"Ada"},
		Addresses: []bankmux.Address{{Street: "1 Road", Region: "NY", Country: "US", Primary: true}},
		Phones:    []bankmux.Phone{{Number: "1", Kind: "mobile1", Primary: true}},
		Emails:    []bankmux.Email{{Address: "a@example.com"}},
	}, got.Owners[0])
	assert.Equal(t, []string{"a"}, got.Owners[1].Accounts)
	assert.Equal(t, []string{"c"}, got.Owners[2].Accounts)
}

func onlyTheAccountsAskedForAreRead(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	s.fails("/identity/get", http.StatusOK,
		`{"accounts":[{"account_id":"a","owners":[{"names":["Ada"]}]},`+
			`{"account_id":"b","owners":[{"names":["Bob"]}]}]}`)
	got, err := s.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn, Accounts: []string{"b"}})
	require.NoError(t, err)
	assert.Equal(t, []bankmux.Owner{{Accounts: []string{"b"}, Names: []string{"Bob"}}}, got.Owners)
	got, err = s.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn, Accounts: []string{"b", "z"}})
	require.ErrorIs(t, err, bankmux.ErrNotFound, "an unknown account is named")
	assert.Len(t, got.Owners, 1, "and does not hide the others")
}

func absentPartsAreLeftOut(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	s.fails("/identity/get", http.StatusOK, `{"accounts":[{"account_id":"a","owners":[{"names":["Rosa",""],
		"emails":[{"data":null}],"phone_numbers":[{"data":""}],"addresses":[{"data":{},"primary":true}]}]}]}`)
	got, err := s.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
	require.NoError(t, err)
	assert.Equal(t, []bankmux.Owner{{Accounts: []string{"a"}, Names: []string{"Rosa"}}}, got.Owners)
}
