package moneykit_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providertest"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]moneykit.Auth{"with bearer tokens": moneykit.AuthBearer, "with client headers": moneykit.AuthHeaders} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, harness(auth), bankmux.CapStatus, bankmux.CapDisconnect, bankmux.CapCheck)
		})
	}
}

func harness(auth moneykit.Auth) func(*testing.T) providertest.Harness {
	return func(*testing.T) providertest.Harness {
		bank := virtualbank.New(virtualbank.Options{})
		creds := bank.Credentials().MoneyKit
		return providertest.Harness{
			Backend: bank.MoneyKit(),
			New: func(env providertest.Env) (*bankmux.Client, error) {
				return moneykit.New(moneykit.Config{
					ClientID: creds.ClientID, ClientSecret: bankmux.NewSecret(creds.ClientSecret), Environment: bankmux.Sandbox,
					BaseURL: env.BaseURL, HTTPClient: env.HTTPClient, Auth: auth, Guard: guard.New(guard.Options{Logger: env.Logger}),
				})
			},
			Request: bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"},
			Link: func(s bankmux.Session) (json.RawMessage, error) {
				return bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: s.Launch.Token})
			},
			IsExchange: func(r *http.Request) bool { return r.URL.Path == "/link-session/exchange-token" },
			Lapse:      func(conn bankmux.Connection) error { return bank.Lapse(conn.Reference) },
			Secrets:    []string{creds.ClientSecret},
			Binds:      true,
		}
	}
}
