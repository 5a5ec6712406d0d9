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

// TestExtras specifies what only Plaid has.
func TestExtras(t *testing.T) {
	t.Parallel()
	t.Run("debts are read with their terms", debtsAreReadWithTheirTerms)
	t.Run("a rotated token replaces the old one", aRotatedTokenReplacesTheOldOne)
	t.Run("a lost rotation is not repeated", aLostRotationIsNotRepeated)
	t.Run("the webhook is changed without the user", theWebhookIsChangedWithoutTheUser)
	t.Run("the sandbox breaks a login and fires webhooks", theSandboxBreaksALogin)
}

func debtsAreReadWithTheirTerms(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, debts())
	got, err := plaid.ReadLiabilities(t.Context(), s.client, conn)
	require.NoError(t, err)
	require.Len(t, got, 3)
	card, house, study := got[0], got[1], got[2]
	assert.Equal(t, "card", card.Account)
	assert.Equal(t, "-20.00 USD", card.Due.String())
	assert.Equal(t, "2026-11-28", card.DueDate.String())
	assert.Equal(t, "-1708.77 USD", card.Statement.String())
	assert.Equal(t, "168.25 USD", card.LastPayment.String())
	assert.False(t, card.Overdue)
	require.Len(t, card.Rates, 2)
	assert.Equal(t, "purchase_apr", card.Rates[0].Kind)
	assert.Equal(t, "15.24", card.Rates[0].Percent.String())
	assert.Equal(t, "mortgage", house.Kind)
	assert.Equal(t, "-3141.54 USD", house.Due.String())
	assert.Equal(t, "-2304.00 USD", house.PastDue.String())
	assert.True(t, house.Overdue)
	assert.Equal(t, "fixed", house.Rates[0].Kind)
	assert.Equal(t, "5.25", study.Rates[0].Percent.String())
	assert.True(t, study.Statement.IsZero(), "absent is not zero")

	s.answers(func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == liabilitiesPath && write(w, http.StatusOK, `{"accounts":[],"liabilities":{
			"credit":[{"account_id":"card","minimum_payment_amount":"much"},7],"mortgage":null,"student":null}}`)
	})
	got, err = plaid.ReadLiabilities(t.Context(), s.client, conn)
	var partial *bankmux.PartialError
	require.ErrorAs(t, err, &partial)
	assert.Len(t, partial.Failed, 2)
	assert.Len(t, got, 1)
}

func aRotatedTokenReplacesTheOldOne(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	next, err := plaid.RotateToken(t.Context(), s.client, conn)
	require.NoError(t, err)
	assert.Equal(t, conn.ID, next.ID)
	assert.Equal(t, conn.Reference(), next.Reference())
	assert.NotEqual(t, conn.Credential().Reveal(), next.Credential().Reveal())
	_, err = s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: next})
	require.NoError(t, err)
	_, err = s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.ErrorIs(t, err, bankmux.ErrNotFound, "the old token no longer works")
}

func aLostRotationIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, func(cfg *plaid.Config) { cfg.Guard = nil }) // which repeats what may be
	conn := s.connect(request, "")
	const path = "/item/access_token/invalidate"
	for _, status := range []int{http.StatusOK, http.StatusInternalServerError} {
		before := len(s.sent(path))
		s.fails(path, status, `{"request_id":"r"}`)
		_, err := plaid.RotateToken(t.Context(), s.client, conn)
		require.Error(t, err)
		assert.False(t, bankmux.OutcomeKnown(err))
		assert.Len(t, s.sent(path), before+1)
	}
}

func theWebhookIsChangedWithoutTheUser(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	require.NoError(t, plaid.UpdateWebhook(t.Context(), s.client, conn, "https://app.example.com/hooks/2"))
	assert.Equal(t, "https://app.example.com/hooks/2", s.lastSent(webhookPath)["webhook"])
	require.NoError(t, plaid.UpdateWebhook(t.Context(), s.client, conn, ""))
	body := s.lastSent(webhookPath)
	require.Contains(t, body, "webhook")
	assert.Nil(t, body["webhook"], "only null removes the address")
}

func theSandboxBreaksALogin(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	req := request
	req.WebhookURL = "https://app.example.com/hooks"
	conn := s.connect(req, "")
	require.NoError(t, plaid.FireWebhook(t.Context(), s.client, conn, "ITEM", "LOGIN_REPAIRED"))
	require.ErrorIs(t, plaid.FireWebhook(t.Context(), s.client, conn, "", "X"), bankmux.ErrInvalid)
	require.NoError(t, plaid.ResetLogin(t.Context(), s.client, conn))
	assert.Equal(t, bankmux.StateReauth, s.status(conn).Connection.Status.State)
}

// TestNothingBesideAnError specifies that a response that lacks a member gives no part of itself.
func TestNothingBesideAnError(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	s.fails("/user/create", http.StatusOK, `{"user_id":"planted","user_id":"other"}`)
	id, err := plaid.CreateUser(t.Context(), s.client, "user-1")
	require.Error(t, err)
	assert.Empty(t, id)
}
