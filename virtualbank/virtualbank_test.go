package virtualbank_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type object = banktest.Object

func TestBank(t *testing.T) {
	t.Parallel()
	t.Run("the same seed gives the same bank", sameSeed)
	t.Run("each provider serves its countries", countries)
	t.Run("the journal keeps requests and masks secrets", journalMasksSecrets)
}

func TestStart(t *testing.T) {
	t.Parallel()
	t.Run("it listens on loopback only", startOnLoopback)
}

func TestLinks(t *testing.T) {
	t.Parallel()
	t.Run("the state of every link is returned", stateOfEveryLink)
}

func sameSeed(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	make2 := func(seed uint64) (virtualbank.Credentials, string) {
		c := banktest.Open(t, virtualbank.Options{Seed: seed, Start: at})
		token := c.Token()
		return c.Bank.Credentials(), c.Exchange(token, c.Exchangeable(token)).Body["link_id"].(string)
	}
	creds1, link1 := make2(7)
	creds2, link2 := make2(7)
	creds3, link3 := make2(8)
	assert.Equal(t, creds1, creds2)
	assert.Equal(t, link1, link2)
	assert.NotEqual(t, creds1, creds3)
	assert.NotEqual(t, link1, link3)
	assert.Len(t, creds1.Dapi.AppKey, 64)
	assert.Len(t, creds1.Dapi.AppSecret, 256)
}

func countries(t *testing.T) {
	t.Parallel()
	mk, dp := map[string]bool{}, map[string]bool{}
	for _, in := range banktest.Open(t, virtualbank.Options{}).Bank.Institutions() {
		if in.MoneyKitID != "" {
			mk[in.Country] = true
		}
		if in.DapiID != "" {
			dp[in.Country] = true
		}
	}
	assert.Equal(t, map[string]bool{"US": true, "GB": true, "CA": true}, mk)
	assert.Equal(t, map[string]bool{"US": true, "AE": true, "SA": true, "KW": true, "BH": true}, dp)
}

func journalMasksSecrets(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	token := c.Token()
	exchangeable := c.Exchangeable(token)
	c.Exchange(token, exchangeable)
	p := c.Login()
	access := c.Dapi("/auth/ExchangeToken", "", p).Body["accessToken"].(string)
	c.Dapi("/metadata/accounts/get", access, p)
	c.MoneyKit("GET", "/links?token="+token, token, nil)
	raw, err := json.Marshal(c.Bank.Requests())
	require.NoError(t, err)
	for _, secret := range []string{
		c.Bank.Credentials().MoneyKit.ClientSecret, token, exchangeable, p["appSecret"], p["accessCode"],
		p["userSecret"], access,
	} {
		assert.NotContains(t, string(raw), secret)
	}
	last := c.Bank.Requests()[len(c.Bank.Requests())-1]
	assert.Equal(t, "GET /links", last.Operation)
	assert.Equal(t, http.StatusOK, last.Status)
	assert.True(t, last.Handled)
}

func startOnLoopback(t *testing.T) {
	t.Parallel()
	bank := virtualbank.New(virtualbank.Options{})
	for _, addr := range []string{"0.0.0.0:0", ":0", "example.com:0", "127.0.0.1"} {
		_, err := virtualbank.Start(bank, addr, "127.0.0.1:0")
		require.Error(t, err, addr)
		_, err = virtualbank.Start(bank, "127.0.0.1:0", addr)
		require.Error(t, err, addr)
	}
	s, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(s.DapiURL, "/v2"))
	res, err := http.Get(s.MoneyKitURL + "/.well-known/jwks.json")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, http.StatusOK, res.StatusCode)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	http.DefaultClient.CloseIdleConnections()
}

func stateOfEveryLink(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	token := c.Token()
	c.Exchangeable(token) // and never exchanged
	linked := c.Exchangeable(token)
	require.Equal(t, http.StatusCreated, c.Exchange(token, linked).Status)
	require.Equal(t, http.StatusBadRequest, c.Exchange(token, linked).Status)

	creds := c.Bank.Credentials().Dapi
	raw, err := c.Bank.LinkDapi(virtualbank.DapiLink{AppKey: creds.AppKey})
	require.NoError(t, err)
	var payload struct{ AccessCode, ConnectionID, UserSecret string }
	require.NoError(t, json.Unmarshal(raw, &payload))
	body := object{
		"appSecret":    creds.AppSecret,
		"accessCode":   payload.AccessCode,
		"connectionID": payload.ConnectionID,
		"userSecret":   payload.UserSecret,
	}
	state := func() virtualbank.LinkState { return c.Bank.Links()[0] }
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
	exchanged := c.Dapi("/auth/ExchangeToken", "", body)
	require.Equal(t, http.StatusOK, exchanged.Status)
	require.Equal(t, http.StatusUnauthorized, c.Dapi("/auth/ExchangeToken", "", body).Status)
	assert.Equal(t, "connected", state().State)
	assert.Equal(t, 2, state().Presented)
	assert.Equal(t, 1, state().Exchanged)
	require.NoError(t, c.Bank.Lapse(payload.ConnectionID))
	assert.Equal(t, "error", state().State)
	require.Equal(t, http.StatusOK, c.Dapi("/users/DelinkUser", exchanged.Body["accessToken"].(string), body).Status)
	assert.Equal(t, "deleted", state().State)

	byState := map[string]virtualbank.LinkState{}
	for _, l := range c.Bank.Links()[1:] {
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
