package dapi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestSDK(t *testing.T) {
	t.Parallel()
	t.Run("the requests of Dapi's SDKs are served", sdkRequests)
}

// dapiSDK is how one of Dapi's server SDKs writes a call.
type dapiSDK struct {
	header  http.Header
	members object // sent with every data call besides the secrets
	status  string // the path of its operation status, or ""
	delink  string // the path of its delink call, or ""
	card    string // the member for a card's id in a transactions call, or ""
	lossy   bool   // it leaves out empty values, including an index of 0
}

// sdkRequests makes the calls in the READMEs of Dapi's server SDKs. The Node, Go and PHP SDKs were
// run against this bank. The requests of the others follow their sources.
func sdkRequests(t *testing.T) {
	t.Parallel()
	for name, sdk := range map[string]dapiSDK{
		"Node 2.3.2": {
			header: http.Header{
				"Accept": {"application/json, text/plain, */*"}, "Content-Type": {"application/json;charset=utf-8"},
			},
			status: "/operation/status", card: "cardID",
		},
		"Go": {header: http.Header{"Content-Type": {"application/json"}}, status: "/operation/status", lossy: true},
		"PHP 1.3.0": {
			header: http.Header{
				"Content-Type": {"application/json"}, "User-Agent": {"Dapi Connect PHP"}, "X-Dapi-Library": {"dapi-php"}, "X-Dapi-Library-Version": {"1.3.0"},
			},
			members: object{"userInputs": []any{}, "operationID": ""},
			status:  "/operation/get", delink: "/data/DelinkUser", card: "accountID",
		},
		"Java 1.6.0": {
			header: http.Header{
				"Content-Type": {"application/json; charset=utf-8"}, "X-Dapi-Library": {"dapi-java"},
				"X-Dapi-Library-Version": {"1.6.0"},
			},
			members: object{"action": "/data/accounts/get"},
		},
		"Python 2.3.0": {
			header:  http.Header{"Content-Type": {"application/json"}, "Accept": {"*/*"}},
			members: object{"userInputs": nil, "operationID": nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
			creds := c.Bank.Credentials().Dapi
			raw, err := c.Bank.LinkDapi(virtualbank.DapiLink{AppKey: creds.AppKey, InstitutionID: "DAPIBANK_AE_ENBD"})
			require.NoError(t, err)
			var login map[string]any
			require.NoError(t, json.Unmarshal(raw, &login))
			token := ""
			send := func(path string, members object) banktest.Response {
				t.Helper()
				body := banktest.With(object{"appSecret": creds.AppSecret}, members)
				header := sdk.header.Clone()
				if token != "" {
					body = banktest.With(banktest.With(body, sdk.members), object{"userSecret": login["userSecret"]})
					body = banktest.With(body, members)
					header.Set("Authorization", "Bearer "+token)
				}
				raw, err := json.Marshal(body)
				require.NoError(t, err)
				return c.Raw(c.Bank.Dapi(), "POST", "/v2"+path, header, string(raw))
			}
			done := func(a banktest.Response) object {
				t.Helper()
				require.Equal(t, "done", a.Body["status"], a.Body)
				return a.Body
			}
			grant := done(
				send(
					"/auth/ExchangeToken",
					object{"accessCode": login["accessCode"], "connectionID": login["connectionID"]},
				),
			)
			token = grant["accessToken"].(string)

			require.NoError(
				t,
				c.Bank.RequireInput(login["connectionID"].(string), "/data/accounts/get", []string{"otp"}),
			)
			asked := send("/data/accounts/get", nil).Body
			require.Equal(t, "user_input_required", asked["status"], asked)
			inputs := asked["userInputs"].([]any)
			inputs[0].(object)["answer"] = "123456" // the question goes back as it came, with an answer
			if sdk.lossy {
				delete(inputs[0].(object), "index")
			}
			answered := done(
				send("/data/accounts/get", object{"operationID": asked["operationID"], "userInputs": inputs}),
			)
			assert.Equal(t, asked["operationID"], answered["operationID"])
			account := answered["accounts"].([]any)[0].(object)["id"]

			days := object{"fromDate": "2026-11-01", "toDate": "2026-11-23"}
			done(send("/data/identity/get", nil))
			done(send("/data/balance/get", object{"accountID": account}))
			done(send("/data/transactions/get", banktest.With(days, object{"accountID": account})))
			done(send("/metadata/accounts/get", nil))
			cards := done(send("/data/cards/get", nil))["cards"].([]any)
			if sdk.card != "" {
				card := cards[0].(object)["id"]
				done(send("/data/transactions/get", banktest.With(days, object{sdk.card: card})))
				done(send("/data/balance/get", object{"cardID": card}))
			}
			if sdk.status != "" {
				a := send(sdk.status, object{"appKey": creds.AppKey, "operationID": asked["operationID"]})
				assert.Equal(t, "done", done(a)["status"])
			}
			if sdk.delink != "" {
				done(send(sdk.delink, nil))
				assert.Equal(t, "USER_DELINKED", send("/data/accounts/get", nil).Body["type"])
			}
		})
	}
}
