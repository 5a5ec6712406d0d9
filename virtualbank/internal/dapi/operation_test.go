package dapi_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestOperation(t *testing.T) {
	t.Parallel()
	t.Run("it keeps its id while it asks and afterwards", keptID)
}

func emptyNil(v any) any {
	if v == nil {
		return ""
	}
	return v
}

func keptID(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	id, token, secrets := c.LinkDapi("DAPIBANK_AE_ENBD")
	creds := c.Bank.Credentials().Dapi
	const path = "/data/accounts/get"
	info := func(operation any) object {
		t.Helper()
		a := c.Dapi(
			"/operation/get",
			"",
			object{"appKey": creds.AppKey, "appSecret": creds.AppSecret, "operationID": operation},
		)
		require.Equal(t, http.StatusOK, a.Status, a.Body)
		return a.Body["opInfo"].(object)
	}
	status := func(operation any) object {
		t.Helper()
		a := c.Dapi("/operation/status", "", object{"appSecret": creds.AppSecret, "operationID": operation})
		require.Equal(t, http.StatusOK, a.Status, a.Body)
		return a.Body
	}
	ask := func(rounds ...[]string) object {
		t.Helper()
		require.NoError(t, c.Bank.RequireInput(id, path, rounds...))
		a := c.Dapi(path, token, secrets)
		require.Equal(t, "user_input_required", a.Body["status"], a.Body)
		return a.Body
	}
	answer := func(asked object, text string) banktest.Response {
		in := asked["userInputs"].([]any)[0].(object)
		return c.Dapi(path, token, banktest.With(secrets, object{
			"operationID": asked["operationID"], "userInputs": []object{{"id": in["id"], "index": 0, "answer": text}},
		}))
	}

	t.Run("two rounds lead to its end", func(t *testing.T) {
		asked := ask([]string{"otp"}, []string{"pin"})
		op := asked["operationID"]
		assert.Equal(t, "user_input_required", info(op)["status"])
		assert.Equal(t, "/v2"+path, info(op)["type"])
		assert.NotContains(t, info(op), "errorType")
		assert.Equal(t, asked, status(op), "the status call repeats the question")
		again := answer(asked, "123456").Body
		assert.Equal(t, op, again["operationID"])
		assert.Equal(t, again, status(op), "of the second round")
		c.Bank.Advance(time.Minute)
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
		"an answer too late fails it":  {func(asked object) { c.Bank.Advance(5 * time.Minute); answer(asked, "123456") }, "failed", "SESSION_EXPIRED"},
		"no answer fails it":           {func(object) { c.Bank.Advance(5 * time.Minute) }, "failed", "SESSION_EXPIRED"},
		"another call fails it":        {func(object) { c.Dapi("/data/identity/get", token, secrets) }, "failed", "SESSION_INVALIDATED"},
		"a call for metadata fails it": {func(object) { c.Dapi("/metadata/accounts/get", token, secrets) }, "failed", "SESSION_INVALIDATED"},
		"an invalid call does not change it": {func(asked object) {
			a := c.Dapi(path, token, banktest.With(secrets, object{
				"operationID": asked["operationID"], "userInputs": []object{{"id": "pin", "index": 0, "answer": "1"}},
			}))
			assert.Equal(t, "PARAMETER_ERROR", a.Body["type"])
			assert.Equal(t, asked["operationID"], a.Body["operationID"])
		}, "user_input_required", ""},
		"an outage fails it": {func(asked object) {
			require.NoError(t, c.Bank.Outage("DAPIBANK_AE_ENBD", true))
			answer(asked, "123456")
			require.NoError(t, c.Bank.Outage("DAPIBANK_AE_ENBD", false))
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
	t.Run("an initialized operation ends after its polls", func(t *testing.T) {
		require.NoError(t, c.Bank.Defer(id, path, 2))
		first := c.Dapi(path, token, secrets).Body
		op := first["operationID"]
		require.Equal(t, "initialized", first["status"])
		assert.Equal(t, first, status(op))
		assert.Equal(
			t,
			first,
			c.Dapi(path, token, banktest.With(secrets, object{"operationID": op})).Body,
			"the call again, too early",
		)
		_, other, others := c.LinkDapi("DAPIBANK_SA_SNB")
		strange := c.Dapi(path, other, banktest.With(others, object{"operationID": op})).Body
		assert.Equal(t, "done", strange["status"])
		assert.NotEqual(t, op, strange["operationID"], "another connection cannot go on with it")
		assert.Equal(t, "done", info(op)["status"])
		end := c.Dapi(path, token, banktest.With(secrets, object{"operationID": op})).Body
		assert.Equal(t, "done", end["status"])
		assert.Equal(t, op, end["operationID"])
	})
	t.Run("unknown operations and calls without secrets are refused", func(t *testing.T) {
		for name, tc := range map[string]struct {
			body   object
			status int
			kind   any
		}{
			"an unknown operation": {object{"appSecret": creds.AppSecret, "operationID": "x"}, 400, "PARAMETER_ERROR"},
			"no operation":         {object{"appSecret": creds.AppSecret}, 400, "INVALID_ARGS"},
			"another secret":       {object{"appSecret": "x", "operationID": "x"}, 401, nil},
		} {
			t.Run(name, func(t *testing.T) {
				a := c.Dapi("/operation/status", "", tc.body)
				assert.Equal(t, tc.status, a.Status)
				assert.Equal(t, tc.kind, a.Body["type"])
			})
		}
	})
}
