package e2e_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestDeliveryDrift specifies what is reported of deliveries that an adapter does not know.
func TestDeliveryDrift(t *testing.T) {
	t.Parallel()
	for provider, c := range map[string]struct {
		events []string
		novel  string // an event that no provider has
		words  []string
	}{
		moneykit.Name: {virtualbank.MoneyKitEvents(), "link.brand_new", []string{"link.brand_new"}},
		dapi.Name:     {virtualbank.DapiEvents(), "brand.new", []string{"brand.new"}},
		plaid.Name:    {virtualbank.PlaidEvents(), "BRAND_TYPE:BRAND_NEW", []string{"BRAND_TYPE", "BRAND_NEW"}},
	} {
		for _, event := range c.events {
			t.Run(provider+" as documented is not drift: "+event, func(t *testing.T) {
				t.Parallel()
				assert.Empty(t, deliver(t, virtualbank.Webhook{Provider: provider, Event: event, Reference: "ref-1"}))
			})
		}
		t.Run(provider+" with a new event and a new member is drift", func(t *testing.T) {
			t.Parallel()
			got := deliver(t, virtualbank.Webhook{
				Provider: provider, Event: c.novel, Reference: "ref-1", Members: map[string]any{"alien": "planted"},
			})
			var members, words []string
			for d := range got {
				assert.Equal(t, "webhook", d.Endpoint)
				if d.Kind == guard.DriftMember {
					members = append(members, d.Member)
				} else {
					words = append(words, d.Word)
				}
			}
			assert.Equal(t, []string{"alien"}, members)
			assert.ElementsMatch(t, c.words, words)
		})
	}
	t.Run("a new code of Plaid's Items is reported and counted as unlisted", aNewCodeOfAnItem)
}

// deliver reads a delivery twice with a new client and returns the drift.
func deliver(t *testing.T, w virtualbank.Webhook) map[guard.Drift]uint64 {
	t.Helper()
	bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 5})
	g := guard.New(guard.Options{})
	client := receiver(t, bank, w.Provider, g)
	for range 2 {
		header, body := bank.Sign(w)
		_, err := client.ReadWebhook(t.Context(), bankmux.NewWebhookRequest(header, body))
		require.NoError(t, err)
	}
	return g.Drift()
}

// receiver is a client that verifies deliveries of the bank.
func receiver(t *testing.T, bank *virtualbank.Bank, provider string, g *guard.Guard) (c *bankmux.Client) {
	t.Helper()
	keys, web := bank.Credentials(), &http.Client{Transport: servedBy(bank, provider)}
	var err error
	switch provider {
	case plaid.Name:
		c, err = plaid.New(plaid.Config{
			BaseURL: "http://127.0.0.1", ClientID: keys.Plaid.ClientID, Secret: bankmux.NewSecret(keys.Plaid.Secret),
			Environment: bankmux.Sandbox, HTTPClient: web, Guard: g, Now: bank.Now,
		})
	case moneykit.Name:
		c, err = moneykit.New(moneykit.Config{
			BaseURL: "http://127.0.0.1", ClientID: keys.MoneyKit.ClientID,
			ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
			Environment:  bankmux.Sandbox, HTTPClient: web, Guard: g, Now: bank.Now,
		})
	default:
		signed, _, key := bank.WebhookSecrets()
		var secrets []bankmux.Secret
		for _, one := range signed {
			secrets = append(secrets, bankmux.NewSecret(one))
		}
		c, err = dapi.New(dapi.Config{
			BaseURL: "http://127.0.0.1/v2", AppKey: keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret),
			Environment: bankmux.Sandbox, HTTPClient: web, Guard: g, Now: bank.Now,
			Webhook: dapi.WebhookConfig{Secrets: secrets, Key: bankmux.NewSecret(key)},
		})
	}
	require.NoError(t, err)
	return c
}

// aNewCodeOfAnItem has a code in a response of a call that succeeds.
func aNewCodeOfAnItem(t *testing.T) {
	t.Parallel()
	bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 5})
	g, wire := guard.New(guard.Options{}), &tampered{bank: servedBy(bank, plaid.Name), heard: map[string][]byte{}}
	client, err := wire.openWith(plaid.Name, bank.Credentials(), g)
	require.NoError(t, err)
	session, err := client.CreateSession(t.Context(), bankmux.SessionRequest{
		User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth",
	})
	require.NoError(t, err)
	payload, err := posts(bank, session.Launch)
	require.NoError(t, err)
	conn, err := single.Connection(client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
		Session: session, User: "user-1", Payload: bankmux.NewSecret(payload),
	}))
	require.NoError(t, err)
	status := func() bankmux.Status {
		got, err := client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		require.NoError(t, err)
		return got.Connection.Status
	}
	status()
	wire.say(http.StatusOK, bytes.Replace(wire.heard["/item/get"], []byte(`"error":null`),
		[]byte(`"error":{"error_type":"ITEM_ERROR","error_code":"BRAND_NEW","error_message":"planted"}`), 1))
	for range 200 {
		require.Equal(t, "BRAND_NEW", status().Code)
	}
	assert.Equal(t, map[string]uint64{"plaid BRAND_NEW": 1}, g.UnlistedCodes())
	want := guard.Drift{
		Client: plaid.Name, Provider: plaid.Name, Endpoint: "POST /item/get", Kind: guard.DriftCode,
		Member: "item.error.error_code", Word: "BRAND_NEW",
	}
	assert.Equal(t, map[guard.Drift]uint64{want: 1}, g.Drift())
}
