package dapi_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/shown"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/normalize/dapi"
)

// TestGrant specifies the credential of a connection.
func TestGrant(t *testing.T) {
	t.Parallel()
	t.Run("a grant becomes a connection and is read back", aGrantBecomesAConnectionAndIsReadBack)
	t.Run("printing a grant shows none of its content", printingAGrantShowsNoneOfItsContent)
	t.Run("a grant needs everything that calls need", aGrantNeedsEverythingThatCallsNeed)
}

// TestBank specifies how a bank is identified.
func TestBank(t *testing.T) {
	t.Parallel()
	t.Run("a bank is named by its best id", aBankIsNamedByItsBestId)
	t.Run("another bank agrees in nothing", anotherBankAgreesInNothing)
}

// TestProduct specifies the products of Dapi.
func TestProduct(t *testing.T) {
	t.Parallel()
	t.Run("the products that Dapi has", theProductsThatDapiHas)
}

func aGrantBecomesAConnectionAndIsReadBack(t *testing.T) {
	t.Parallel()
	s := bankmux.NewSession(bankmux.SessionRequest{User: "u"})
	g, err := dapi.NewGrant("planted-token", "planted-secret", "c-1", dapi.IDs{User: "u", Token: "t"})
	require.NoError(t, err)
	conn, err := dapi.Connection(s, g, bankmux.Institution{ID: "X"})
	require.NoError(t, err)
	assert.Equal(t, "c-1", conn.Reference())
	assert.Equal(t, bankmux.StateActive, conn.Status.State)
	const stored = `{"access_token":"planted-token","user_secret":"planted-secret",` +
		`"connection_id":"c-1","user_id":"u","token_id":"t"}`
	assert.JSONEq(t, stored, conn.Credential().Reveal(), "connections that are stored stay readable")
	token, secret, err := dapi.Access(conn.Credential())
	require.NoError(t, err)
	assert.Equal(t, []string{"planted-token", "planted-secret"}, []string{token, secret})
	conn, err = dapi.Connection(s, g, bankmux.Institution{})
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateUnverified, conn.Status.State)
	_, err = dapi.Connection(s, dapi.Grant{}, bankmux.Institution{ID: "X"})
	require.ErrorIs(t, err, bankmux.ErrMalformed)
}

func printingAGrantShowsNoneOfItsContent(t *testing.T) {
	t.Parallel()
	parts := []string{"planted-token", "planted-secret", "planted-reference", "planted-user", "planted-id"}
	g, err := dapi.NewGrant(parts[0], parts[1], parts[2], dapi.IDs{User: parts[3], Token: parts[4]})
	require.NoError(t, err)
	for _, part := range parts {
		assert.Empty(t, shown.Find(g, part))
	}
}

func aGrantNeedsEverythingThatCallsNeed(t *testing.T) {
	t.Parallel()
	for name, part := range map[string][3]string{
		"without access token":                     {"", "planted-b", "c"},
		"without user secret":                      {"planted-a", "", "c"},
		"without connection id":                    {"planted-a", "planted-b", ""},
		"with an access token that cannot be sent": {"planted-a\nb", "planted-b", "c"},
	} {
		g, err := dapi.NewGrant(part[0], part[1], part[2], dapi.IDs{})
		require.ErrorIs(t, err, bankmux.ErrMalformed, name)
		assert.Zero(t, g, name)
		assert.NotContains(t, err.Error(), "planted")
		stored, err := json.Marshal(
			map[string]string{"access_token": part[0], "user_secret": part[1], "connection_id": part[2]},
		)
		require.NoError(t, err)
		refused(t, name, string(stored))
	}
	for _, stored := range []string{"", "mk_1", `{"access_token":"planted-token"}`, `["planted-token"]`} {
		refused(t, stored, stored)
	}
}

func aBankIsNamedByItsBestId(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		bank    dapi.Bank
		id      string
		sandbox bool
	}{
		{"its id", dapi.Bank{BankID: "ADCBAEAA", OperationID: "X:1", SwiftCode: "ADCBAEAA"}, "ADCBAEAA", false},
		{"the operation's prefix", dapi.Bank{OperationID: "DAPIBANK_AE_ENBD:3f0c", SwiftCode: "EBILAEAD"}, "DAPIBANK_AE_ENBD", true},
		{"an operation without prefix", dapi.Bank{OperationID: "3f0c2a54", SwiftCode: "EBILAEAD"}, "EBILAEAD", false},
		{"a sandbox swift code", dapi.Bank{SwiftCode: "DAPIBANK"}, "DAPIBANK", true},
		{"a name alone", dapi.Bank{Name: "A Bank"}, "", false},
	} {
		i, err := dapi.Institution(c.bank)
		require.NoError(t, err, c.name)
		assert.Equal(t, c.id, i.ID, c.name)
		assert.Equal(t, c.sandbox, dapi.SandboxBank(c.bank), c.name)
	}
	_, err := dapi.Institution(dapi.Bank{OperationID: "3f0c2a54"})
	assert.ErrorIs(t, err, bankmux.ErrMalformed)
}

func anotherBankAgreesInNothing(t *testing.T) {
	t.Parallel()
	type i = bankmux.Institution
	for _, c := range []struct {
		name string
		a, b i
		want bool
	}{
		{"same id", i{ID: "A"}, i{ID: "A"}, false},
		{"other id", i{ID: "A"}, i{ID: "B"}, true},
		{"same swift code, another branch", i{BIC: "EBILAEAD"}, i{BIC: "EBILAEADXXX"}, false},
		{"one known by its SWIFT code only", i{ID: "EBILAEAD", BIC: "EBILAEAD"}, i{ID: "DAPIBANK_AE_ENBD", BIC: "EBILAEAD"}, false},
		{"the swift code of the sandbox, other ids", i{ID: "A", BIC: "DAPIBANK"}, i{ID: "B", BIC: "DAPIBANK"}, true},
		{"other swift code, same id", i{ID: "A", BIC: "EBILAEAD"}, i{ID: "A", BIC: "ADCBAEAA"}, false},
		{"same name", i{Name: "A Bank"}, i{Name: "a bank"}, false},
		{"same name elsewhere", i{Name: "A Bank", Country: "AE"}, i{Name: "A Bank", Country: "SA"}, true},
		{"nothing known", i{}, i{}, false},
	} {
		assert.Equal(t, c.want, dapi.AnotherBank(c.a, c.b), c.name)
	}
}

func theProductsThatDapiHas(t *testing.T) {
	t.Parallel()
	for p, has := range map[bankmux.Product]bool{
		bankmux.ProductAccounts: true, bankmux.ProductAccountNumbers: true, bankmux.ProductIdentity: true,
		bankmux.ProductTransactions: true, bankmux.ProductInvestments: false, bankmux.ProductCards: true,
		bankmux.ProductPayments: true, bankmux.ProductEnrichment: true, "brand_new": false,
	} {
		assert.Equal(t, has, dapi.Product(p), p)
	}
}

// refused fails unless a stored text is refused as a credential without being shown.
func refused(t *testing.T, name, stored string) {
	t.Helper()
	token, secret, err := dapi.Access(bankmux.NewSecret(stored))
	require.ErrorIs(t, err, bankmux.ErrInvalid, name)
	assert.Empty(t, token+secret, name)
	assert.NotContains(t, err.Error(), "planted", name)
}

func FuzzGrant(f *testing.F) {
	for _, s := range []string{"", `{"access_token":"a","user_secret":"b"}`, "A:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, _, _ = dapi.Access(bankmux.NewSecret(s))
		assert.NotNil(t, dapi.Error(normalize.Failure{Code: s, Status: 500}))
	})
}
