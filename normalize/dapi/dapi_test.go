package dapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/shown"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/normalize/dapi"
)

// grant is one with everything that calls need.
func grant(accessToken, userSecret, connectionID string) dapi.Grant {
	return dapi.Grant{
		AccessToken: bankmux.NewSecret(accessToken), UserSecret: bankmux.NewSecret(userSecret), ConnectionID: bankmux.NewSecret(connectionID),
	}
}

func TestAGrantBecomesAConnectionAndComesBack(t *testing.T) {
	t.Parallel()
	g := grant("planted-token", "planted-secret", "c-1")
	g.UserID, g.TokenID = "u", "t"
	s := bankmux.NewSession(bankmux.SessionRequest{User: "u"})
	conn, err := dapi.Connection(s, g, bankmux.Institution{ID: "X"})
	require.NoError(t, err)
	assert.Equal(t, "c-1", conn.Reference())
	assert.Equal(t, bankmux.StateActive, conn.Status.State)
	assert.Equal(t, g.Credential(), conn.Credential())
	const stored = `{"access_token":"planted-token","user_secret":"planted-secret","connection_id":"c-1","user_id":"u","token_id":"t"}`
	assert.Equal(t, stored, conn.Credential().Reveal(), "connections that are stored stay readable")
	token, secret, err := dapi.Access(conn.Credential())
	require.NoError(t, err)
	assert.Equal(t, []string{"planted-token", "planted-secret"}, []string{token, secret})
	conn, err = dapi.Connection(s, g, bankmux.Institution{})
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateUnverified, conn.Status.State)
	_, err = dapi.Connection(s, dapi.Grant{AccessToken: bankmux.NewSecret("x")}, bankmux.Institution{})
	require.ErrorIs(t, err, bankmux.ErrMalformed)
	for _, bad := range []string{"", "mk_1", `{"access_token":"planted-token"}`} {
		token, secret, err = dapi.Access(bankmux.NewSecret(bad))
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		assert.Empty(t, token+secret)
		assert.NotContains(t, err.Error(), "planted")
	}
}

func TestNothingThatPrintsAGrantShowsItsSecrets(t *testing.T) {
	t.Parallel()
	secrets := []string{"planted-token", "planted-secret", "planted-reference"}
	g := grant(secrets[0], secrets[1], secrets[2])
	for _, secret := range secrets {
		assert.Empty(t, shown.Find(g, secret))
		assert.Empty(t, shown.Find(g.Credential(), secret))
	}
}

func TestABankIsNamedByTheBestIDThereIs(t *testing.T) {
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

func TestAnotherBank(t *testing.T) {
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
		{"one known by swift code only", i{ID: "EBILAEAD", BIC: "EBILAEAD"}, i{ID: "DAPIBANK_AE_ENBD", BIC: "EBILAEAD"}, false},
		{"the swift code of the sandbox, other ids", i{ID: "A", BIC: "DAPIBANK"}, i{ID: "B", BIC: "DAPIBANK"}, true},
		{"other swift code, same id", i{ID: "A", BIC: "EBILAEAD"}, i{ID: "A", BIC: "ADCBAEAA"}, false},
		{"same name", i{Name: "A Bank"}, i{Name: "a bank"}, false},
		{"same name elsewhere", i{Name: "A Bank", Country: "AE"}, i{Name: "A Bank", Country: "SA"}, true},
		{"nothing known", i{}, i{}, false},
	} {
		assert.Equal(t, c.want, dapi.AnotherBank(c.a, c.b), c.name)
	}
}

func TestAGrantNeedsAllThatCallsNeed(t *testing.T) {
	t.Parallel()
	whole := grant("planted-a", "planted-b", "c")
	for name, lack := range map[string]func(*dapi.Grant){
		"access token":  func(g *dapi.Grant) { g.AccessToken = bankmux.Secret{} },
		"user secret":   func(g *dapi.Grant) { g.UserSecret = bankmux.Secret{} },
		"connection id": func(g *dapi.Grant) { g.ConnectionID = bankmux.Secret{} },
	} {
		g := whole
		lack(&g)
		_, err := dapi.Connection(bankmux.NewSession(bankmux.SessionRequest{User: "u"}), g, bankmux.Institution{ID: "X"})
		require.ErrorIs(t, err, bankmux.ErrMalformed, "without %s", name)
		_, _, err = dapi.Access(g.Credential())
		require.ErrorIs(t, err, bankmux.ErrInvalid, "without %s", name)
		assert.NotContains(t, err.Error(), "planted")
	}
	_, _, err := dapi.Access(whole.Credential())
	require.NoError(t, err)
}

func TestTheProductsThatDapiHas(t *testing.T) {
	t.Parallel()
	for p, has := range map[bankmux.Product]bool{
		bankmux.ProductAccounts: true, bankmux.ProductAccountNumbers: true, bankmux.ProductIdentity: true,
		bankmux.ProductTransactions: true, bankmux.ProductInvestments: false, bankmux.ProductCards: true,
		bankmux.ProductPayments: true, bankmux.ProductEnrichment: true, "brand_new": false,
	} {
		assert.Equal(t, has, dapi.Product(p), p)
	}
}

func TestAnAccessTokenThatCannotBeSentIsRefused(t *testing.T) {
	t.Parallel()
	session := bankmux.NewSession(bankmux.SessionRequest{User: "u"})
	unsendable := grant("a\nb", "s", "c")
	_, err := dapi.Connection(session, unsendable, bankmux.Institution{})
	require.ErrorIs(t, err, bankmux.ErrMalformed)
	_, _, err = dapi.Access(unsendable.Credential())
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	assert.NotContains(t, err.Error(), "a\nb")
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
