package virtualbank_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

func TestTheBankTellsWhatBecameOfEveryLink(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	token := c.token()
	c.exchangeable(token) // and never exchanged
	linked := c.exchangeable(token)
	require.Equal(t, http.StatusCreated, c.exchange(token, linked).Status)
	require.Equal(t, http.StatusBadRequest, c.exchange(token, linked).Status)

	creds := c.bank.Credentials().Dapi
	raw, err := c.bank.LinkDapi(virtualbank.DapiLink{AppKey: creds.AppKey})
	require.NoError(t, err)
	var payload struct{ AccessCode, ConnectionID, UserSecret string }
	require.NoError(t, json.Unmarshal(raw, &payload))
	body := object{
		"appSecret":    creds.AppSecret,
		"accessCode":   payload.AccessCode,
		"connectionID": payload.ConnectionID,
		"userSecret":   payload.UserSecret,
	}
	state := func() virtualbank.LinkState { return c.bank.Links()[0] }
	assert.Equal(
		t,
		virtualbank.LinkState{
			Provider:    "dapi",
			ID:          payload.ConnectionID,
			Institution: "DAPIBANK_AE_ENBD",
			State:       "awaiting_token_exchange",
		},
		state(),
	)
	exchanged := c.dapi("/auth/ExchangeToken", "", body)
	require.Equal(t, http.StatusOK, exchanged.Status)
	require.Equal(t, http.StatusUnauthorized, c.dapi("/auth/ExchangeToken", "", body).Status)
	assert.Equal(t, "connected", state().State)
	assert.Equal(t, 2, state().Presented)
	assert.Equal(t, 1, state().Exchanged)
	require.NoError(t, c.bank.Lapse(payload.ConnectionID))
	assert.Equal(t, "error", state().State)
	require.Equal(t, http.StatusOK, c.dapi("/users/DelinkUser", exchanged.Body["accessToken"].(string), body).Status)
	assert.Equal(t, "deleted", state().State)

	byState := map[string]virtualbank.LinkState{}
	for _, l := range c.bank.Links()[1:] {
		assert.Equal(t, "moneykit", l.Provider)
		assert.Equal(t, "user-1", l.User)
		assert.Equal(t, []string{"tag"}, l.Tags)
		byState[l.State] = l
	}
	require.Len(t, byState, 2)
	assert.Equal(t, 0, byState["awaiting_token_exchange"].Presented)
	assert.Equal(t, 2, byState["connected"].Presented)
	assert.Equal(t, 1, byState["connected"].Exchanged)
}

func TestALedgerGoesBackAsFarAsItIsTold(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, time.November, 20, 9, 0, 0, 0, time.UTC)
	for days, first := range map[int][2]string{0: {"2024-11-20", "2024-11-30"}, 30: {"2026-10-21", "2026-10-31"}} {
		bank := virtualbank.New(virtualbank.Options{Start: start, HistoryDays: days})
		raw, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: bank.Credentials().Dapi.AppKey})
		require.NoError(t, err)
		var payload struct{ ConnectionID string }
		require.NoError(t, json.Unmarshal(raw, &payload))
		rows, err := bank.Transactions(payload.ConnectionID)
		require.NoError(t, err)
		oldest := start.Format(time.DateOnly)
		for _, row := range rows {
			oldest = min(oldest, row.Date)
		}
		assert.GreaterOrEqual(t, oldest, first[0], days)
		assert.LessOrEqual(t, oldest, first[1], "%d: in ten days something happens", days)
	}
}
