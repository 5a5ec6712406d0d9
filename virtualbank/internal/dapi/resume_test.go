package dapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestResume(t *testing.T) {
	t.Parallel()
	t.Run("every call continues under the id of its operation", continuedCalls)
	t.Run("a late answer gets the result of its operation", lateAnswers)
}

// resumed is a call that can ask the user or take its time.
type resumed struct {
	c     banktest.Caller
	path  string
	id    string
	token string
	body  object
}

// resumable returns a call of a path on a new connection.
func resumable(t *testing.T, path string) resumed {
	t.Helper()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	if path == "/auth/ExchangeToken" {
		login := c.Login()
		return resumed{c, path, login["connectionID"], "", object{
			"appSecret": login["appSecret"], "accessCode": login["accessCode"], "connectionID": login["connectionID"],
		}}
	}
	id, token, secrets := c.LinkDapi("DAPIBANK_AE_ENBD")
	return resumed{c, path, id, token, secrets}
}

func (r resumed) call(more object) banktest.Response {
	return r.c.Dapi(r.path, r.token, banktest.With(r.body, more))
}

func (r resumed) answer(op any, kind, text string) banktest.Response {
	return r.call(object{"operationID": op, "userInputs": []object{{"id": kind, "index": 0, "answer": text}}})
}

func (r resumed) status(op any) object {
	r.c.T.Helper()
	a := r.c.Dapi(
		"/operation/status",
		"",
		object{"appSecret": r.c.Bank.Credentials().Dapi.AppSecret, "operationID": op},
	)
	require.Equal(r.c.T, http.StatusOK, a.Status, a.Body)
	return a.Body
}

// inject injects a fault once, makes the call, and returns the id of its operation.
func (r resumed) inject(fault string) (op any) {
	r.c.T.Helper()
	require.NoError(r.c.T, r.c.Bank.Inject(virtualbank.Fault{Name: fault, Operation: r.path, Times: 1}))
	a := r.call(nil)
	require.Equal(r.c.T, fault, a.Body["status"], a.Body)
	return a.Body["operationID"]
}

func continuedCalls(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/auth/ExchangeToken", "/metadata/accounts/get", "/users/DelinkUser", "/data/identity/get",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			t.Run("a correct answer ends it", func(t *testing.T) {
				t.Parallel()
				r := resumable(t, path)
				op := r.inject("user_input_required")
				assert.Equal(t, "user_input_required", r.status(op)["status"])
				end := r.answer(op, "otp", "123456").Body
				assert.Equal(t, "done", end["status"], end)
				assert.Equal(t, op, end["operationID"])
				assert.Equal(t, path == "/auth/ExchangeToken", end["accessToken"] != nil)
				assert.Equal(t, object{"operationID": op, "success": true, "status": "done"}, r.status(op))
			})
			t.Run("a wrong answer fails it, and the call can be made again", func(t *testing.T) {
				t.Parallel()
				r := resumable(t, path)
				op := r.inject("user_input_required")
				for range 2 { // a second answer meets what the first one left
					end := r.answer(op, "otp", "WRONG")
					assert.Equal(t, http.StatusUnauthorized, end.Status)
					assert.Equal(t, "INVALID_MFA", end.Body["type"], end.Body)
					assert.Equal(t, op, end.Body["operationID"])
					assert.NotContains(t, end.Body, "accessToken")
					assert.Equal(t, end.Body, r.status(op))
				}
				assert.Equal(t, "done", r.call(nil).Body["status"])
				assert.Equal(t, "INVALID_MFA", r.status(op)["type"])
			})
			t.Run("a script asks in rounds", func(t *testing.T) {
				t.Parallel()
				r := resumable(t, path)
				require.NoError(t, r.c.Bank.RequireInput(r.id, path, []string{"otp"}, []string{"pin"}))
				op := r.call(nil).Body["operationID"]
				second := r.answer(op, "otp", "123456").Body
				assert.Equal(t, "user_input_required", second["status"], second)
				assert.Equal(t, op, second["operationID"])
				other := r.call(
					object{
						"operationID": op,
						"language":    "en",
						"userInputs":  []object{{"id": "pin", "index": 0, "answer": "1234"}},
					},
				).Body
				assert.Equal(t, "PARAMETER_ERROR", other["type"], "the arguments differ from those of the first call")
				end := r.answer(op, "pin", "1234").Body
				assert.Equal(t, "done", end["status"], end)
				assert.Equal(t, op, end["operationID"])
			})
			t.Run("a deferred call ends under its id", func(t *testing.T) {
				t.Parallel()
				r := resumable(t, path)
				require.NoError(t, r.c.Bank.Defer(r.id, path, 1))
				op := r.call(nil).Body["operationID"]
				for _, more := range []object{
					{"operationID": op},
					{"operationID": op, "userInputs": []object{{"id": "otp", "index": 0, "answer": "1"}}},
				} {
					end := r.call(more).Body
					assert.Equal(t, op, end["operationID"], end)
				}
				assert.Equal(t, "done", r.status(op)["status"])
			})
			t.Run("a call that a fault keeps running ends under its id", func(t *testing.T) {
				t.Parallel()
				r := resumable(t, path)
				op := r.inject("initialized")
				end := r.call(object{"operationID": op}).Body
				assert.Equal(t, "done", end["status"], end)
				assert.Equal(t, op, end["operationID"])
			})
			t.Run("only scripts and faults that name the call apply", func(t *testing.T) {
				t.Parallel()
				if path == "/data/identity/get" {
					return
				}
				r := resumable(t, path)
				require.NoError(t, r.c.Bank.Inject(virtualbank.Fault{Name: "user_input_required"}))
				require.NoError(t, r.c.Bank.RequireInput(r.id, "", []string{"otp"}))
				require.NoError(t, r.c.Bank.Defer(r.id, "", 1))
				assert.Equal(t, "done", r.call(nil).Body["status"])
			})
		})
	}
	t.Run("a code that ran out meanwhile fails its operation", func(t *testing.T) {
		t.Parallel()
		for _, fault := range []string{"user_input_required", "initialized"} {
			r := resumable(t, "/auth/ExchangeToken")
			r.c.Bank.Advance(time.Minute)
			op := r.inject(fault)
			r.c.Bank.Advance(4*time.Minute + time.Second)
			for range 2 {
				late := r.answer(op, "otp", "123456").Body
				assert.Equal(t, "INVALID_TOKEN", late["type"], late)
				assert.Equal(t, op, late["operationID"])
				assert.Equal(t, late, r.status(op))
			}
		}
	})
	t.Run("a spent code does not change an operation that is done", func(t *testing.T) {
		t.Parallel()
		r := resumable(t, "/auth/ExchangeToken")
		op := r.inject("initialized")
		require.Equal(t, "done", r.call(object{"operationID": op}).Body["status"])
		again := r.call(object{"operationID": op}).Body
		assert.Equal(t, "INVALID_TOKEN", again["type"])
		assert.Equal(t, op, again["operationID"])
		assert.Equal(t, "done", r.status(op)["status"])
	})
}

func lateAnswers(t *testing.T) {
	t.Parallel()
	const path = "/data/identity/get"
	for name, tc := range map[string]struct {
		end    func(r resumed, op any)
		status int
		kind   string
		stored string
	}{
		"too late":         {func(r resumed, _ any) { r.c.Bank.Advance(6 * time.Minute) }, 401, "SESSION_EXPIRED", "failed"},
		"after its answer": {func(r resumed, op any) { r.answer(op, "otp", "123456") }, 401, "SESSION_INVALIDATED", "done"},
		"after a wrong answer": {func(r resumed, op any) {
			r.answer(op, "otp", "000000")
		}, 401, "INVALID_MFA", "failed"},
		"after another call": {func(r resumed, _ any) {
			r.c.Dapi("/data/accounts/get", r.token, r.body)
		}, 401, "SESSION_INVALIDATED", "failed"},
		"after another call, too late": {func(r resumed, _ any) {
			r.c.Bank.Advance(6 * time.Minute)
			r.c.Dapi("/data/accounts/get", r.token, r.body)
		}, 401, "SESSION_EXPIRED", "failed"},
		"after an outage": {func(r resumed, op any) {
			require.NoError(r.c.T, r.c.Bank.Outage("DAPIBANK_AE_ENBD", true))
			r.answer(op, "otp", "123456")
			require.NoError(r.c.T, r.c.Bank.Outage("DAPIBANK_AE_ENBD", false))
		}, 500, "UNKNOWN_ERROR", "failed"},
		"after the login lapsed": {func(r resumed, _ any) {
			require.NoError(r.c.T, r.c.Bank.Lapse(r.id))
		}, 401, "INVALID_CREDENTIALS", "failed"},
	} {
		for _, looked := range []string{"", "/operation/status", "/operation/get"} {
			t.Run(name+", looked at with "+looked, func(t *testing.T) {
				t.Parallel()
				r := resumable(t, path)
				op := r.inject("user_input_required")
				tc.end(r, op)
				if looked != "" {
					creds := r.c.Bank.Credentials().Dapi
					a := r.c.Dapi(
						looked,
						"",
						object{"appKey": creds.AppKey, "appSecret": creds.AppSecret, "operationID": op},
					)
					require.Equal(t, http.StatusOK, a.Status)
				}
				for range 2 {
					late := r.answer(op, "otp", "123456")
					assert.Equal(t, tc.status, late.Status)
					assert.Equal(t, tc.kind, late.Body["type"], late.Body)
					assert.Equal(t, op, late.Body["operationID"])
					assert.Equal(t, tc.stored, r.status(op)["status"])
				}
			})
		}
	}
	t.Run("an operation of another connection is unknown", func(t *testing.T) {
		t.Parallel()
		r := resumable(t, path)
		op := r.inject("user_input_required")
		_, token, secrets := r.c.LinkDapi("DAPIBANK_SA_SNB")
		other := resumed{r.c, path, "", token, secrets}
		strange := other.answer(op, "otp", "123456").Body
		assert.Equal(t, "SESSION_INVALIDATED", strange["type"])
		assert.NotEqual(t, op, strange["operationID"])
		assert.Equal(t, "done", r.answer(op, "otp", "123456").Body["status"])
	})
	t.Run("a deferred operation keeps its id through an outage", func(t *testing.T) {
		t.Parallel()
		r := resumable(t, path)
		op := r.inject("initialized")
		require.NoError(t, r.c.Bank.Outage("DAPIBANK_AE_ENBD", true))
		down := r.call(object{"operationID": op})
		assert.Equal(t, op, down.Body["operationID"])
		assert.Equal(t, "UNKNOWN_ERROR", r.status(op)["type"])
	})
}
