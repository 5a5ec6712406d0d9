package dapi_test

import (
	"fmt"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestData(t *testing.T) {
	t.Parallel()
	t.Run("reads return the state of the moment", liveData)
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	t.Run("questions come in rounds, and answers are checked", checkedAnswers)
}

func liveData(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	id, token, secrets := c.LinkDapi("DAPIBANK_KW_NBK")
	accounts := banktest.List(c.Dapi("/data/accounts/get", token, secrets).Body, "accounts")
	require.Len(t, accounts, 2, "cards are listed apart")
	assert.Equal(t, "KWD", accounts[0]["currency"].(object)["code"])
	assert.Nil(t, accounts[1]["iban"])
	account := accounts[0]["id"].(string)
	assert.Len(t, account, 88)
	cards := banktest.List(c.Dapi("/data/cards/get", token, secrets).Body, "cards")
	require.Len(t, cards, 1)
	truth, err := c.Bank.Accounts(id)
	require.NoError(t, err)
	balance := c.Dapi("/data/balance/get", token,
		banktest.With(secrets, object{"accountID": account})).Body["balance"].(object)
	want, _ := new(big.Rat).SetString(truth[0].Booked)
	exact, _ := want.Float64()
	assert.InDelta(t, exact, balance["amount"], 0.0001)
	card := c.Dapi("/data/balance/get", token,
		banktest.With(secrets, object{"cardID": cards[0]["id"]})).Body["balance"].(object)
	assert.Contains(t, card, "outstandingBalance")
	days := object{"accountID": account, "fromDate": "2026-10-24", "toDate": "2026-11-23"}
	rows := banktest.List(c.Dapi("/data/transactions/get", token, banktest.With(secrets, days)).Body, "transactions")
	require.NotEmpty(t, rows)
	assert.NotContains(t, rows[0], "id", "there are no ids")
	assert.NotContains(t, rows[0], "category")
	assert.Regexp(t, `T00:00:00.000Z$`, rows[0]["date"])
	complete := banktest.List(c.Dapi("/data/completeAccounts/get", token, secrets).Body, "accounts")
	assert.Equal(t, balance["amount"], complete[0]["balance"].(object)["amount"])
	named := 0
	for _, row := range banktest.List(c.Dapi("/data/enrichedTransactions/get", token,
		banktest.With(secrets, days)).Body, "transactions") {
		if row["brandDetails"] != nil {
			named++
		}
	}
	assert.Positive(t, named)
	assert.NotNil(t, c.Dapi("/data/identity/get", token, secrets).Body["identity"].(object)["name"])

	for name, c2 := range map[string]struct {
		path   string
		body   object
		status int
		kind   string
	}{
		"no account":      {"/data/balance/get", object{}, 400, "INVALID_ARGS"},
		"unknown account": {"/data/balance/get", object{"accountID": "x"}, 404, "INVALID_ACCOUNT_ID"},
		"unknown card":    {"/data/balance/get", object{"cardID": "x"}, 404, "INVALID_CARD_ID"},
		"a card to enrich": {
			"/data/enrichedTransactions/get",
			object{"cardID": cards[0]["id"], "fromDate": "2026-11-01", "toDate": "2026-11-02"},
			400, "INVALID_ARGS",
		},
		"no dates": {"/data/transactions/get", object{"accountID": account}, 422, "PARAMETER_MISSING"},
		"days in reverse order": {
			"/data/transactions/get",
			object{"accountID": account, "fromDate": "2026-11-02", "toDate": "2026-11-01"},
			400, "PARAMETER_ERROR",
		},
		"too far back": {
			"/data/transactions/get",
			object{"accountID": account, "fromDate": "2026-08-01", "toDate": "2026-11-01"},
			400, "INVALID_DATE_RANGE",
		},
		"in the future": {
			"/data/transactions/get",
			object{"accountID": account, "fromDate": "2026-11-01", "toDate": "2026-12-01"},
			400, "INVALID_DATE_RANGE",
		},
		"a member of a wrong type": {"/data/balance/get", object{"accountID": 5}, 400, "INVALID_ARGS"},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.Dapi(c2.path, token, banktest.With(secrets, c2.body))
			assert.Equal(t, c2.status, a.Status)
			assert.Equal(t, c2.kind, a.Body["type"])
		})
	}
	require.NoError(t, c.Bank.Outage("DAPIBANK_KW_NBK", true))
	assert.Equal(t, "UNKNOWN_ERROR", c.Dapi("/data/accounts/get", token, secrets).Body["type"])
	require.NoError(t, c.Bank.Outage("DAPIBANK_KW_NBK", false))
	require.NoError(t, c.Bank.ServeDays("DAPIBANK_KW_NBK", 10))
	assert.Equal(t, "INVALID_DATE_RANGE",
		c.Dapi("/data/transactions/get", token, banktest.With(secrets, days)).Body["type"])
}

func checkedAnswers(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	id, token, secrets := c.LinkDapi("DAPIBANK_AE_ENBD")
	const path = "/data/accounts/get"
	ask := func(rounds ...[]string) object {
		require.NoError(t, c.Bank.RequireInput(id, path, rounds...))
		a := c.Dapi(path, token, secrets)
		require.Equal(t, http.StatusOK, a.Status)
		assert.Equal(t, true, a.Body["success"])
		require.Equal(t, "user_input_required", a.Body["status"])
		return a.Body
	}
	answers := func(asked object, texts ...string) object {
		var inputs []object
		for i, text := range texts {
			in := asked["userInputs"].([]any)[i].(object)
			inputs = append(inputs, object{"id": in["id"], "index": in["index"], "answer": text})
		}
		return banktest.With(secrets, object{"operationID": asked["operationID"], "userInputs": inputs})
	}
	asked := ask([]string{"otp"}, []string{"pin", "secret_question"})
	a := c.Dapi(path, token, answers(asked, "123456"))
	require.Equal(t, "user_input_required", a.Body["status"], "another round")
	a = c.Dapi(path, token, answers(a.Body, "1234", "blue"))
	require.Equal(t, "done", a.Body["status"])

	for name, c2 := range map[string]struct {
		status int
		kind   string
		do     func(object) banktest.Response
	}{
		"a wrong answer": {401, "INVALID_MFA", func(o object) banktest.Response { return c.Dapi(path, token, answers(o, "000000")) }},
		"another path":   {400, "PARAMETER_ERROR", func(o object) banktest.Response { return c.Dapi("/data/identity/get", token, answers(o, "123456")) }},
		"other arguments": {400, "PARAMETER_ERROR", func(o object) banktest.Response {
			return c.Dapi(path, token, banktest.With(answers(o, "123456"), object{"accountID": "x"}))
		}},
		"an unknown operation": {401, "SESSION_INVALIDATED", func(o object) banktest.Response {
			return c.Dapi(path, token, banktest.With(answers(o, "123456"), object{"operationID": "x"}))
		}},
		"another call before": {401, "SESSION_INVALIDATED", func(o object) banktest.Response {
			c.Dapi("/data/identity/get", token, secrets)
			return c.Dapi(path, token, answers(o, "123456"))
		}},
		"too late": {401, "SESSION_EXPIRED", func(o object) banktest.Response {
			c.Bank.Advance(5 * time.Minute)
			return c.Dapi(path, token, answers(o, "123456"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := c2.do(ask([]string{"otp"}))
			assert.Equal(t, c2.status, got.Status)
			assert.Equal(t, c2.kind, got.Body["type"])
		})
	}
	require.NoError(t, c.Bank.Defer(id, path, 1))
	a = c.Dapi(path, token, secrets)
	require.Equal(t, "initialized", a.Body["status"])
	creds := c.Bank.Credentials().Dapi
	status := func() any {
		return c.Dapi("/operation/get", "", object{
			"appKey": creds.AppKey, "appSecret": creds.AppSecret, "operationID": a.Body["operationID"],
		}).Body["opInfo"].(object)["status"]
	}
	assert.Equal(t, "initialized", status())
	assert.Equal(t, "done", status())
	assert.Equal(
		t,
		"done",
		c.Dapi(path, token, banktest.With(secrets, object{"operationID": a.Body["operationID"]})).Body["status"],
	)

	_, token, secrets = c.LinkDapi("DAPIBANK_AE_ADCB")
	asked = c.Dapi(path, token, secrets).Body
	require.Equal(t, "user_input_required", asked["status"], "this institution asks for a password itself")
	require.Equal(t, "done", c.Dapi(path, token, answers(asked, "123456")).Body["status"])
	require.Equal(t, "done", c.Dapi("/data/identity/get", token, secrets).Body["status"],
		"and it trusts the user for a while")
	c.Bank.Advance(10 * time.Minute)
	require.Equal(t, "user_input_required", c.Dapi(path, token, secrets).Body["status"])
	require.ErrorContains(t, c.Bank.RequireInput("unknown", "", []string{"otp"}), "no such connection at Dapi")
	require.ErrorContains(t, c.Bank.RequireInput(id, "", []string{"retina"}), `unknown kind of input "retina"`)
	require.ErrorContains(t, c.Bank.RequireInput(id, ""), "no round of inputs")
	require.ErrorContains(t, c.Bank.RequireInput(id, "", []string{"otp"}, nil), "asks for no input")
	require.ErrorContains(t, c.Bank.Defer(id, "", -1), "polls is negative")
	for _, operation := range []string{"Balances", "data/balance/get", "/data/balance/get/", "/operation/get"} {
		for _, err := range []error{
			c.Bank.RequireInput(id, operation, []string{"otp"}), c.Bank.Defer(id, operation, 1),
		} {
			require.ErrorContains(t, err, fmt.Sprintf("unknown operation %q", operation))
			require.ErrorContains(t, err, "/data/balance/get", "it lists the known ones")
		}
	}
}
