package main

// This file has the providers, which the virtual bank plays, and the clients for them.

import (
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// user is the only user, who is always logged in. In your application it is your own login session.
const user = "user-rosa"

// products is what the demo reads.
var products = []bankmux.ProductRequest{
	{Product: bankmux.ProductTransactions, Required: true, Prefetch: true},
}

// banks are the providers and the clients for them.
type banks struct {
	bank     *virtualbank.Bank
	server   *virtualbank.Server
	guard    *guard.Guard
	registry *bankmux.Registry
}

// routes says which provider serves which country. A second one of a country takes over when the
// first one is down.
var routes = []bankmux.Route{
	{Client: moneykit.Name, Countries: []string{"US", "GB"}},
	{Client: plaid.Name, Countries: []string{"CA", "NL", "DE"}},
	{Client: dapi.Name, Countries: []string{"AE", "SA", "KW", "BH"}},
	{Client: plaid.Name, Countries: []string{"US", "GB"}, Priority: 1},
}

// breakers open soon and close soon, so that it can be watched. The defaults suit production.
var breakers = guard.Options{Breaker: guard.BreakerOptions{Consecutive: 3, OpenFor: 5 * time.Second}}

// openBanks starts the virtual bank and makes the clients. They share one guard, so that one page
// shows all circuit breakers.
func openBanks() (*banks, error) {
	const free = "127.0.0.1:0"
	b := &banks{bank: virtualbank.New(virtualbank.Options{Seed: 7}), guard: guard.New(breakers)}
	var err error
	if b.server, err = virtualbank.Start(b.bank, free, free, virtualbank.ServePlaid(free)); err != nil {
		return nil, err
	}
	keys := b.bank.Credentials()
	secrets, _, _ := b.bank.WebhookSecrets()
	mk, err := moneykit.New(moneykit.Config{
		ClientID: keys.MoneyKit.ClientID, ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment: bankmux.Sandbox, BaseURL: b.server.MoneyKitURL, ScriptURL: b.server.MoneyKitScriptURL,
		Now: b.bank.Now, Guard: b.guard,
	})
	if err != nil {
		return nil, err
	}
	dp, err := dapi.New(dapi.Config{
		AppKey: keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox, BaseURL: b.server.DapiURL, ScriptURL: b.server.DapiScriptURL,
		Now: b.bank.Now, Guard: b.guard,
		Webhook: dapi.WebhookConfig{Secrets: []bankmux.Secret{bankmux.NewSecret(secrets[0])}},
	})
	if err != nil {
		return nil, err
	}
	pl, err := plaid.New(plaid.Config{
		ClientID: keys.Plaid.ClientID, Secret: bankmux.NewSecret(keys.Plaid.Secret), AppName: "bankmux demo",
		Environment: bankmux.Sandbox, BaseURL: b.server.PlaidURL, ScriptURL: b.server.PlaidScriptURL,
		Now: b.bank.Now, Guard: b.guard,
	})
	if err != nil {
		return nil, err
	}
	b.registry, err = bankmux.NewRegistry([]*bankmux.Client{mk, dp, pl}, routes)
	return b, err
}

// title is the name of a provider on the page.
func title(provider string) string {
	switch provider {
	case moneykit.Name:
		return "MoneyKit"
	case dapi.Name:
		return "Dapi"
	}
	return "Plaid"
}

// bankName is the name of a connection's bank on the page.
func bankName(conn bankmux.Connection) string {
	if conn.Institution.Name == "" {
		return "a bank"
	}
	return conn.Institution.Name
}
