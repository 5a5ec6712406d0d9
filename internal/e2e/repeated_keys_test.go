package e2e_test

// This file specifies what repeated keys cost where a loss would be lasting.

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestRepeatedKeysOfAnExchange specifies that a success that cannot be read is never a refusal.
func TestRepeatedKeysOfAnExchange(t *testing.T) {
	t.Parallel()
	const dapiDone, link = `"status":"done","success":true,"accessToken":"token"`,
		`"link_id":"l","link":{"link_id":"l","state":"connected"}`
	const (
		twice   = `,"zz":1,"zz":2}`
		invalid = `{"error_type":"INVALID_INPUT","error_code":`
		unknown = bankmux.ErrOutcomeUnknown
	)
	for name, c := range map[string]struct {
		provider string
		status   int // at Dapi the body decides, elsewhere the status
		body     string
		want     bankmux.Kind
	}{
		"dapi, done under 200, an unknown key repeats":   {dapi.Name, 200, `{` + dapiDone + twice, unknown},
		"dapi, done under 400, an unknown key repeats":   {dapi.Name, 400, `{` + dapiDone + twice, unknown},
		"dapi, done under 401, the token repeats":        {dapi.Name, 401, `{` + dapiDone + `,"accessToken":"b"}`, unknown},
		"dapi, done under 403, the status repeats":       {dapi.Name, 403, `{` + dapiDone + `,"status":"failed"}`, unknown},
		"dapi, done under 404, a repeat within a value":  {dapi.Name, 404, `{` + dapiDone + `,"zz":{"a":1,"a":2}}`, unknown},
		"dapi, done under 429, an unknown key repeats":   {dapi.Name, 429, `{` + dapiDone + twice, unknown},
		"dapi, failed under 400, an unknown key repeats": {dapi.Name, 400, `{"status":"failed","type":"INVALID_CONNECTION_ID"` + twice, bankmux.ErrInvalid},
		"dapi, a page of a proxy under 403":              {dapi.Name, 403, `<html>`, bankmux.ErrNotPermitted},
		"dapi, an object of a proxy under 403":           {dapi.Name, 403, `{"message":"Forbidden"}`, bankmux.ErrNotPermitted},
		"moneykit, 200, an unknown key repeats":          {moneykit.Name, 200, `{` + link + twice, unknown},
		"moneykit, 400, an unknown key repeats":          {moneykit.Name, 400, `{"error_code":"api_error.link_limit"` + twice, bankmux.ErrInvalid},
		"moneykit, 400, the code repeats":                {moneykit.Name, 400, `{"error_code":"a","error_code":"b"}`, bankmux.ErrInvalid},
		"plaid, 200, an unknown key repeats":             {plaid.Name, 200, `{"access_token":"t","item_id":"i"` + twice, unknown},
		"plaid, 400, an unknown key repeats":             {plaid.Name, 400, invalid + `"INVALID_PUBLIC_TOKEN"` + twice, bankmux.ErrTokenSpent},
		"plaid, 400, the code repeats":                   {plaid.Name, 400, invalid + `"a","error_code":"b"}`, bankmux.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 5})
			wire := &tampered{bank: servedBy(bank, c.provider), spared: "/link/token/get", heard: map[string][]byte{}}
			client, err := wire.openWith(c.provider, bank.Credentials(), guard.New(guard.Options{}))
			require.NoError(t, err)
			session, err := client.CreateSession(t.Context(), bankmux.SessionRequest{
				User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth",
			})
			require.NoError(t, err)
			payload, err := posts(bank, session.Launch)
			require.NoError(t, err)
			wire.say(c.status, []byte(c.body))
			_, err = client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
				Session: session, User: "user-1", Payload: bankmux.NewSecret(payload),
			})
			assert.Equal(t, c.want, bankmux.KindOf(err), "%v", err)
		})
	}
}

// TestRepeatedKeysOfADelivery specifies that keys that nothing reads cost no event.
func TestRepeatedKeysOfADelivery(t *testing.T) {
	t.Parallel()
	twice := json.RawMessage(`{"a":1,"a":2,"b":[{"c":1,"c":2}]}`)
	for provider, event := range map[string]string{
		moneykit.Name: "link.state_changed", dapi.Name: "connection.state_changed", plaid.Name: "ITEM:ERROR",
	} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			read := func(members map[string]any) bankmux.Event {
				bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 5})
				header, body := bank.Sign(virtualbank.Webhook{
					Provider: provider, Event: event, Reference: "ref-1", Members: members,
				})
				got, err := receiver(t, bank, provider, guard.New(guard.Options{})).
					ReadWebhook(t.Context(), bankmux.NewWebhookRequest(header, body))
				require.NoError(t, err)
				require.Len(t, got.Events, 1)
				return got.Events[0]
			}
			want := read(nil)
			require.NotEqual(t, bankmux.EventUnknown, want.Kind)
			got := read(map[string]any{"alien": twice, "other": twice})
			assert.Equal(t, want.Kind, got.Kind)
			assert.Equal(t, want.Reference(), got.Reference())
			assert.Equal(t, want.Status.State, got.Status.State)
		})
	}
	t.Run("plaid, the error of an Item", func(t *testing.T) {
		t.Parallel()
		for name, c := range map[string]struct{ in, code string }{
			"an unknown key repeats": {`"zz":1,"zz":2`, "ITEM_LOGIN_REQUIRED"},
			"the code repeats":       {`"error_code":"NO_ACCOUNTS"`, "unreadable"},
		} {
			bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 5})
			header, body := bank.Sign(virtualbank.Webhook{
				Provider: plaid.Name, Event: "ITEM:ERROR", Reference: "ref-1", Members: map[string]any{
					"error": json.RawMessage(`{"error_type":"ITEM_ERROR","error_code":"ITEM_LOGIN_REQUIRED",` + c.in + `}`),
				},
			})
			got, err := receiver(t, bank, plaid.Name, guard.New(guard.Options{})).
				ReadWebhook(t.Context(), bankmux.NewWebhookRequest(header, body))
			require.NoError(t, err, name)
			assert.Equal(t, c.code, got.Events[0].Status.Code, name)
			assert.Equal(t, bankmux.EventConnectionStateChanged, got.Events[0].Kind, name)
		}
	})
}
