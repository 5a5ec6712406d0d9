package moneykit_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/normalize/moneykit"
)

func TestMoneyKitStatesBecomeOurs(t *testing.T) {
	t.Parallel()
	for state, w := range map[string]bankmux.State{
		"connected": bankmux.StateActive, "connecting": bankmux.StatePending, "awaiting_token_exchange": bankmux.StatePending,
		"deleted": bankmux.StateGone, "error": bankmux.StateDegraded, "hibernating": "hibernating",
	} {
		assert.Equal(t, w, moneykit.Status(state, "").State, state)
	}
	assert.Equal(t, bankmux.StateActive, moneykit.Status("connected", "auth_expired").State)
}

func TestAMoneyKitLinkBecomesAConnection(t *testing.T) {
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

func TestTheProductsThatASessionCanAskFor(t *testing.T) {
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

func TestALinkIDThatCannotBeSentIsRefused(t *testing.T) {
	t.Parallel()
	session := bankmux.NewSession(bankmux.SessionRequest{User: "u"})
	_, err := moneykit.Connection(
		session, bankmux.NewSecret("mk\n1"), bankmux.Institution{}, moneykit.Status("connected", ""), nil,
	)
	require.ErrorIs(t, err, bankmux.ErrMalformed)
}

func TestTheCountryOfABankIsKeptThroughAReconnect(t *testing.T) {
	t.Parallel()
	before := bankmux.Connection{Institution: bankmux.Institution{ID: "chase", Country: "US"}}
	s := bankmux.NewSession(bankmux.SessionRequest{User: "u", Reconnect: &before})
	now := bankmux.Institution{ID: "chase", Name: "Chase"}
	conn, err := moneykit.Connection(s, bankmux.NewSecret("mk_1"), now, moneykit.Status("connected", ""), nil)
	require.NoError(t, err)
	assert.Equal(t, bankmux.Institution{ID: "chase", Name: "Chase", Country: "US"}, conn.Institution)
}

func FuzzLinkError(f *testing.F) {
	for _, s := range []string{"", "auth_expired", "brand new", "A:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		assert.NotNil(t, moneykit.Error(normalize.Failure{Code: "link_error.bad_state"}, s))
	})
}
