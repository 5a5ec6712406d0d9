package moneykit_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/normalize/moneykit"
)

// TestStatus specifies the states of a link.
func TestStatus(t *testing.T) {
	t.Parallel()
	t.Run("each state of MoneyKit has a state of the model", eachStateOfMoneyKitHasAStateOfTheModel)
}

// TestConnection specifies the connection of a link.
func TestConnection(t *testing.T) {
	t.Parallel()
	t.Run("a link becomes a connection", aLinkBecomesAConnection)
	t.Run("a link id that cannot be sent is refused", aLinkIdThatCannotBeSentIsRefused)
	t.Run("the country of a bank is kept through a reconnect", theCountryOfABankIsKeptThroughAReconnect)
}

// TestProduct specifies the products of a session.
func TestProduct(t *testing.T) {
	t.Parallel()
	t.Run("the products that a session can request", theProductsThatASessionCanRequest)
}

func eachStateOfMoneyKitHasAStateOfTheModel(t *testing.T) {
	t.Parallel()
	for state, w := range map[string]bankmux.State{
		"connected": bankmux.StateActive, "connecting": bankmux.StatePending, "awaiting_token_exchange": bankmux.StatePending,
		"deleted": bankmux.StateGone, "error": bankmux.StateDegraded, "hibernating": "hibernating",
	} {
		assert.Equal(t, w, moneykit.Status(state, "").State, state)
	}
	assert.Equal(t, bankmux.StateActive, moneykit.Status("connected", "auth_expired").State)
}

func aLinkBecomesAConnection(t *testing.T) {
	t.Parallel()
	s := bankmux.NewSession(bankmux.SessionRequest{User: "u", Country: "US"})
	chase := bankmux.Institution{ID: "chase", Name: "Chase", Country: "US"}
	active := moneykit.Status("connected", "")
	conn, err := moneykit.Connection(s, bankmux.NewSecret("mk_1"), chase, active, []string{"accounts", "brand_new"})
	require.NoError(t, err)
	assert.Equal(t, "mk_1", conn.Reference())
	assert.Equal(t, "mk_1", conn.Credential().Reveal())
	assert.Equal(t, chase, conn.Institution)
	assert.Equal(t, active, conn.Status)
	assert.Equal(t, []bankmux.Product{bankmux.ProductAccounts, "brand_new"}, conn.Products)
	assert.Equal(t, s.ConnectionID, conn.ID)
	_, err = moneykit.Connection(s, bankmux.Secret{}, chase, active, nil)
	assert.ErrorIs(t, err, bankmux.ErrMalformed)
}

func aLinkIdThatCannotBeSentIsRefused(t *testing.T) {
	t.Parallel()
	session := bankmux.NewSession(bankmux.SessionRequest{User: "u"})
	_, err := moneykit.Connection(
		session, bankmux.NewSecret("mk\n1"), bankmux.Institution{}, moneykit.Status("connected", ""), nil,
	)
	require.ErrorIs(t, err, bankmux.ErrMalformed)
}

func theCountryOfABankIsKeptThroughAReconnect(t *testing.T) {
	t.Parallel()
	before := bankmux.Connection{Institution: bankmux.Institution{ID: "chase", Country: "US"}}
	s := bankmux.NewSession(bankmux.SessionRequest{User: "u", Reconnect: &before})
	now := bankmux.Institution{ID: "chase", Name: "Chase"}
	conn, err := moneykit.Connection(s, bankmux.NewSecret("mk_1"), now, moneykit.Status("connected", ""), nil)
	require.NoError(t, err)
	assert.Equal(t, bankmux.Institution{ID: "chase", Name: "Chase", Country: "US"}, conn.Institution)
}

func theProductsThatASessionCanRequest(t *testing.T) {
	t.Parallel()
	for p, w := range map[bankmux.Product]struct {
		wire string
		ok   bool
	}{
		bankmux.ProductAccounts: {"", true}, bankmux.ProductAccountNumbers: {"account_numbers", true},
		bankmux.ProductIdentity: {"identity", true}, bankmux.ProductTransactions: {"transactions", true},
		bankmux.ProductInvestments: {"investments", true}, bankmux.ProductCards: {"", false},
		bankmux.ProductPayments: {"", false}, bankmux.ProductEnrichment: {"", false}, "brand_new": {"", false},
	} {
		wire, ok := moneykit.Product(p)
		assert.Equal(t, w.wire, wire, p)
		assert.Equal(t, w.ok, ok, p)
	}
}

func FuzzLinkError(f *testing.F) {
	for _, s := range []string{"", "auth_expired", "brand new", "A:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		assert.NotNil(t, moneykit.Error(normalize.Failure{Code: "link_error.bad_state"}, s))
	})
}
