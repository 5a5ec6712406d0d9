package dapi_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type object = banktest.Object

func TestConnection(t *testing.T) {
	t.Parallel()
	t.Run("a login becomes a connection that is read and delinked", exchangeToDelink)
	t.Run("calls that overlap on one token all fail", overlappingCalls)
	t.Run("the exchange ends unfinished where a fault names it", unfinishedExchange)
}

func exchangeToDelink(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	p := c.Login()
	assert.Len(t, p["userID"], 88)
	assert.Len(t, strings.Split(p["accessCode"], "."), 3)
	bad := map[string]string{"appSecret": p["appSecret"], "connectionID": p["connectionID"]}
	a := c.Dapi("/auth/ExchangeToken", "", bad)
	assert.Equal(t, http.StatusBadRequest, a.Status)
	assert.Equal(t, "INVALID_ARGS", a.Body["type"])
	assert.Contains(t, a.Body["msg"], "accessCode")

	a = c.Dapi("/auth/ExchangeToken", "", p)
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	token := a.Body["accessToken"].(string)
	again := c.Dapi("/auth/ExchangeToken", "", p)
	assert.Equal(t, http.StatusUnauthorized, again.Status)
	assert.Equal(t, "INVALID_TOKEN", again.Body["type"])

	m := c.Dapi("/metadata/accounts/get", token, p)
	require.Equal(t, "done", m.Body["status"], m.Body)
	assert.True(t, strings.HasPrefix(m.Body["operationID"].(string), "DAPIBANK_AE_ENBD:"))
	assert.Equal(t, "EBILAEAD", m.Body["accountsMetadata"].(object)["swiftCode"])
	assert.Equal(t, "INVALID_TOKEN", c.Dapi("/metadata/accounts/get", "wrong", p).Body["type"])
	require.NoError(t, c.Bank.Lapse(p["connectionID"]))
	assert.Equal(t, "INVALID_CREDENTIALS", c.Dapi("/metadata/accounts/get", token, p).Body["type"])
	assert.Equal(t, "done", c.Dapi("/users/DelinkUser", token, p).Body["status"])
	assert.Equal(t, "USER_DELINKED", c.Dapi("/metadata/accounts/get", token, p).Body["type"])

	late := c.Login()
	c.Bank.Advance(5 * time.Minute)
	assert.Equal(t, "INVALID_TOKEN", c.Dapi("/auth/ExchangeToken", "", late).Body["type"])
	p["appSecret"] = "wrong"
	assert.Equal(t, http.StatusUnauthorized, c.Dapi("/auth/ExchangeToken", "", p).Status)
	assert.Equal(t, http.StatusNotFound, c.Dapi("/auth/exchangetoken", "", p).Status, "exact case")
	assert.Equal(t, http.StatusMethodNotAllowed, c.Do(c.Bank.Dapi(), "GET", "/v2/auth/ExchangeToken", "", nil).Status)
}

func overlappingCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := banktest.Open(t, virtualbank.Options{})
		p := c.Login()
		token := c.Dapi("/auth/ExchangeToken", "", p).Body["accessToken"].(string)
		require.NoError(t, c.Bank.Inject(virtualbank.Fault{Name: "slow", Provider: "dapi"}))
		var failed atomic.Int32
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if c.Dapi("/metadata/accounts/get", token, p).Body["status"] == "failed" {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		assert.EqualValues(t, 3, failed.Load())
		c.Bank.ClearFaults()
		assert.Equal(t, "done", c.Dapi("/metadata/accounts/get", token, p).Body["status"])
	})
}

func unfinishedExchange(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"initialized", "user_input_required"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			c := banktest.Open(t, virtualbank.Options{})
			creds := c.Bank.Credentials().Dapi
			require.NoError(t, c.Bank.Inject(virtualbank.Fault{Name: status, Times: 1}))
			login := c.Login()
			a := c.Dapi("/auth/ExchangeToken", "", login)
			require.Equal(t, "done", a.Body["status"], "only where the fault names it")
			token := a.Body["accessToken"].(string)
			assert.Equal(
				t,
				status,
				c.Dapi("/data/accounts/get", token, login).Body["status"],
				"the fault was not used up",
			)

			require.NoError(
				t,
				c.Bank.Inject(virtualbank.Fault{Name: status, Operation: "/auth/ExchangeToken", Times: 1}),
			)
			login = c.Login()
			a = c.Dapi("/auth/ExchangeToken", "", login)
			assert.Equal(t, http.StatusOK, a.Status)
			assert.Equal(t, status, a.Body["status"])
			assert.Equal(t, true, a.Body["success"])
			assert.NotContains(t, a.Body, "accessToken")
			assert.Equal(t, status == "user_input_required", a.Body["userInputs"] != nil)
			op := c.Dapi(
				"/operation/status",
				"",
				object{"appSecret": creds.AppSecret, "operationID": a.Body["operationID"]},
			)
			assert.Contains(t, []string{status, "done"}, op.Body["status"])
			assert.Equal(
				t,
				"done",
				c.Dapi("/auth/ExchangeToken", "", login).Body["status"],
				"the code is good for the next call",
			)
		})
	}
}
