package virtualbank_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

func TestAnOperationIsThereWhileItAsksAndKeepsItsID(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: began})
	id, token, secrets := c.linkDapi("DAPIBANK_AE_ENBD")
	creds := c.bank.Credentials().Dapi
	const path = "/data/accounts/get"
	info := func(operation any) object {
		t.Helper()
		a := c.dapi(
			"/operation/get",
			"",
			object{"appKey": creds.AppKey, "appSecret": creds.AppSecret, "operationID": operation},
		)
		require.Equal(t, http.StatusOK, a.Status, a.Body)
		return a.Body["opInfo"].(object)
	}
	status := func(operation any) object {
		t.Helper()
		a := c.dapi("/operation/status", "", object{"appSecret": creds.AppSecret, "operationID": operation})
		require.Equal(t, http.StatusOK, a.Status, a.Body)
		return a.Body
	}
	ask := func(rounds ...[]string) object {
		t.Helper()
		require.NoError(t, c.bank.RequireInput(id, path, rounds...))
		a := c.dapi(path, token, secrets)
		require.Equal(t, "user_input_required", a.Body["status"], a.Body)
		return a.Body
	}
	answer := func(asked object, text string) answer {
		in := asked["userInputs"].([]any)[0].(object)
		return c.dapi(path, token, with(secrets, object{
			"operationID": asked["operationID"], "userInputs": []object{{"id": in["id"], "index": 0, "answer": text}},
		}))
	}

	t.Run("through two rounds to its end", func(t *testing.T) {
		asked := ask([]string{"otp"}, []string{"pin"})
		op := asked["operationID"]
		assert.Equal(t, "user_input_required", info(op)["status"])
		assert.Equal(t, "/v2"+path, info(op)["type"])
		assert.NotContains(t, info(op), "errorType")
		assert.Equal(t, asked, status(op), "the status call repeats the question")
		again := answer(asked, "123456").Body
		assert.Equal(t, op, again["operationID"])
		assert.Equal(t, again, status(op), "of the second round")
		c.bank.Advance(time.Minute)
		end := answer(again, "1234").Body
		require.Equal(t, "done", end["status"])
		assert.Equal(t, op, end["operationID"])
		assert.Equal(t, "done", info(op)["status"])
		assert.Less(t, info(op)["startDate"], info(op)["endDate"])
		assert.Equal(t, object{"operationID": op, "success": true, "status": "done"}, status(op))
	})
	for name, tc := range map[string]struct {
		do     func(asked object)
		status string
		kind   string
	}{
		"a wrong answer fails it": {func(asked object) {
			assert.Equal(t, asked["operationID"], answer(asked, "000000").Body["operationID"])
		}, "failed", "INVALID_MFA"},
		"an answer too late fails it":  {func(asked object) { c.bank.Advance(5 * time.Minute); answer(asked, "123456") }, "failed", "SESSION_EXPIRED"},
		"no answer fails it":           {func(object) { c.bank.Advance(5 * time.Minute) }, "failed", "SESSION_EXPIRED"},
		"another call fails it":        {func(object) { c.dapi("/data/identity/get", token, secrets) }, "failed", "SESSION_INVALIDATED"},
		"a call for metadata fails it": {func(object) { c.dapi("/metadata/accounts/get", token, secrets) }, "failed", "SESSION_INVALIDATED"},
		"a mistake of the caller's leaves it": {func(asked object) {
			a := c.dapi(path, token, with(secrets, object{"operationID": asked["operationID"], "userInputs": []object{{"id": "pin", "index": 0, "answer": "1"}}}))
			assert.Equal(t, "PARAMETER_ERROR", a.Body["type"])
			assert.Equal(t, asked["operationID"], a.Body["operationID"])
		}, "user_input_required", ""},
		"an outage fails it": {func(asked object) {
			require.NoError(t, c.bank.Outage("DAPIBANK_AE_ENBD", true))
			answer(asked, "123456")
			require.NoError(t, c.bank.Outage("DAPIBANK_AE_ENBD", false))
		}, "failed", "UNKNOWN_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := ask([]string{"otp"})
			tc.do(asked)
			got := info(asked["operationID"])
			assert.Equal(t, tc.status, got["status"])
			assert.Equal(t, tc.kind, fmt.Sprint(emptyNil(got["errorType"])))
			other := status(asked["operationID"])
			assert.Equal(t, tc.status, other["status"])
			assert.Equal(t, tc.status != "failed", other["success"])
			assert.Equal(t, tc.kind, fmt.Sprint(emptyNil(other["type"])))
		})
	}
	t.Run("one that was initialized", func(t *testing.T) {
		require.NoError(t, c.bank.Defer(id, path, 2))
		first := c.dapi(path, token, secrets).Body
		op := first["operationID"]
		require.Equal(t, "initialized", first["status"])
		assert.Equal(t, first, status(op))
		assert.Equal(
			t,
			first,
			c.dapi(path, token, with(secrets, object{"operationID": op})).Body,
			"the call again, too early",
		)
		_, other, others := c.linkDapi("DAPIBANK_SA_SNB")
		strange := c.dapi(path, other, with(others, object{"operationID": op})).Body
		assert.Equal(t, "done", strange["status"])
		assert.NotEqual(t, op, strange["operationID"], "another connection cannot go on with it")
		assert.Equal(t, "done", info(op)["status"])
		end := c.dapi(path, token, with(secrets, object{"operationID": op})).Body
		assert.Equal(t, "done", end["status"])
		assert.Equal(t, op, end["operationID"])
	})
	t.Run("one that nobody knows, and calls without secrets", func(t *testing.T) {
		for name, tc := range map[string]struct {
			body   object
			status int
			kind   any
		}{
			"an unknown operation": {object{"appSecret": creds.AppSecret, "operationID": "x"}, 400, "PARAMETER_ERROR"},
			"no operation":         {object{"appSecret": creds.AppSecret}, 400, "INVALID_ARGS"},
			"another secret":       {object{"appSecret": "x", "operationID": "x"}, 401, nil},
		} {
			a := c.dapi("/operation/status", "", tc.body)
			assert.Equal(t, tc.status, a.Status, name)
			assert.Equal(t, tc.kind, a.Body["type"], name)
		}
	})
}

func emptyNil(v any) any {
	if v == nil {
		return ""
	}
	return v
}

func TestExchangeTokenCanAnswerWhatItsDocumentationRulesOut(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"initialized", "user_input_required"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			c := open(t, virtualbank.Options{})
			creds := c.bank.Credentials().Dapi
			require.NoError(t, c.bank.Inject(virtualbank.Fault{Name: status, Times: 1}))
			login := c.dapiLink()
			a := c.dapi("/auth/ExchangeToken", "", login)
			require.Equal(t, "done", a.Body["status"], "only where the fault names it")
			token := a.Body["accessToken"].(string)
			assert.Equal(
				t,
				status,
				c.dapi("/data/accounts/get", token, login).Body["status"],
				"the fault was not used up",
			)

			require.NoError(
				t,
				c.bank.Inject(virtualbank.Fault{Name: status, Operation: "/auth/ExchangeToken", Times: 1}),
			)
			login = c.dapiLink()
			a = c.dapi("/auth/ExchangeToken", "", login)
			assert.Equal(t, http.StatusOK, a.Status)
			assert.Equal(t, status, a.Body["status"])
			assert.Equal(t, true, a.Body["success"])
			assert.NotContains(t, a.Body, "accessToken")
			assert.Equal(t, status == "user_input_required", a.Body["userInputs"] != nil)
			op := c.dapi(
				"/operation/status",
				"",
				object{"appSecret": creds.AppSecret, "operationID": a.Body["operationID"]},
			)
			assert.Contains(t, []string{status, "done"}, op.Body["status"])
			assert.Equal(
				t,
				"done",
				c.dapi("/auth/ExchangeToken", "", login).Body["status"],
				"the code is good for the next call",
			)
		})
	}
}
