package dapi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providertest"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, newHarness, bankmux.CapStatus, bankmux.CapDisconnect)
}

func newHarness(*testing.T) providertest.Harness {
	bank := virtualbank.New(virtualbank.Options{})
	creds := bank.Credentials().Dapi
	return providertest.Harness{
		Backend: bank.Dapi(),
		New: func(env providertest.Env) (*bankmux.Client, error) {
			return dapi.New(dapi.Config{
				AppKey: creds.AppKey, AppSecret: bankmux.NewSecret(creds.AppSecret), Environment: bankmux.Sandbox,
				BaseURL: env.BaseURL + "/v2", HTTPClient: env.HTTPClient, Guard: guard.New(guard.Options{Logger: env.Logger}),
			})
		},
		Request: bankmux.SessionRequest{User: "user-1", Country: "AE"},
		Link: func(s bankmux.Session) (json.RawMessage, error) {
			return bank.LinkDapi(virtualbank.DapiLink{AppKey: s.Launch.AppKey, Countries: s.Launch.Countries})
		},
		IsExchange: func(r *http.Request) bool { return r.URL.Path == "/v2/auth/ExchangeToken" },
		Lapse:      func(conn bankmux.Connection) error { return bank.Lapse(conn.Reference) },
		Secrets:    []string{creds.AppSecret},
	}
}
