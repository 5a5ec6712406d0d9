package moneykit_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/bankharness"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providertest"
	"github.com/bankmux/bankmux/virtualbank"
)

// conformanceOf returns the ways in which the adapter authenticates the application. A run with
// client headers is as long as one with bearer tokens. It differs only in having no token to fetch
// and share, so only the nightly run has it: it sets BANKMUX_FULL.
func conformanceOf() map[string]moneykit.Auth {
	all := map[string]moneykit.Auth{"with bearer tokens": moneykit.AuthBearer}
	if os.Getenv("BANKMUX_FULL") != "" {
		all["with client headers"] = moneykit.AuthHeaders
	}
	return all
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, auth := range conformanceOf() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(
				t,
				harness(auth),
				bankmux.CapStatus,
				bankmux.CapDisconnect,
				bankmux.CapCheck,
				bankmux.CapInstitutions,
				bankmux.CapAccounts,
				bankmux.CapBalances,
				bankmux.CapAccountNumbers,
				bankmux.CapIdentity,
				bankmux.CapTransactions,
				bankmux.CapEnrichment,
				bankmux.CapSync,
				bankmux.CapHoldings,
				bankmux.CapInvestmentTransactions,
				bankmux.CapRefresh,
				bankmux.CapWebhooks,
			)
		})
	}
}

var provider = bankharness.Provider{
	Name:    moneykit.Name,
	Event:   "link.state_changed",
	Signed:  []string{"Moneykit-Signature"},
	Account: func(a virtualbank.AccountState) string { return a.MoneyKitID },
	Row:     spec,
}

func harness(auth moneykit.Auth) func(*testing.T) providertest.Harness {
	return func(*testing.T) providertest.Harness {
		bank := virtualbank.New(virtualbank.Options{HistoryDays: 90})
		creds := bank.Credentials().MoneyKit
		webhooks, data := provider.Webhooks(bank), provider.Data(bank)
		webhooks.UnknownKey = func(conn bankmux.Connection) bankmux.WebhookRequest {
			return provider.Forge(bank, "unknown_kid", conn)
		}
		data.Refetch = func(conn bankmux.Connection) error { return bank.Refresh(conn.Reference()) }
		data.PostTransaction = data.ChangeTransaction
		words := providertest.Words{
			Rejected: bankharness.Respond(
				http.StatusUnauthorized, `{"error_code":"api_error.auth.unauthorized","error_message":"Unauthorized"}`,
			),
			UnknownCode: bankharness.Respond(
				http.StatusBadRequest,
				`{"error_code":"unheard_of","error_message":"An unlisted code"}`,
			),
			Enums:  []string{"account_type", "phone_numbers.type", "securities.type"},
			States: []string{"state"}, Pending: []string{"pending"},
			Open: func(r *http.Request) bool { return r.URL.Path == "/auth/token" },
		}
		// With client headers, only the expiring token differs.
		var table providertest.Table
		var own []providertest.Operation
		if auth == moneykit.AuthBearer {
			own = operations()
			words.Expired = bankharness.Respond(
				http.StatusUnauthorized,
				`{"error_code":"api_error.auth.expired_access_token","error_message":"Access token expired"}`,
			)
			table = providertest.Table{File: "../../providertest/MATRIX.md", Title: "MoneyKit"}
		}
		return providertest.Harness{
			AtInstitution: func(op bankmux.Op) bool { return op.Name == bankmux.OpRefresh },
			Webhooks:      webhooks,
			Words:         words,
			Operations:    own,
			Table:         table,
			Backend:       bank.MoneyKit(),
			New: func(env providertest.Env) (*bankmux.Client, error) {
				return moneykit.New(moneykit.Config{
					ClientID:     creds.ClientID,
					ClientSecret: bankmux.NewSecret(creds.ClientSecret),
					Environment:  bankmux.Sandbox,
					BaseURL:      env.BaseURL,
					HTTPClient:   env.HTTPClient,
					BodyLimit:    1 << 20,
					Auth:         auth,
					Guard:        env.Guard,
				})
			},
			Request: bankmux.SessionRequest{
				User:        "user-1",
				Country:     "US",
				RedirectURI: "https://app.example.com/oauth",
			},
			Link: func(s bankmux.Session) (json.RawMessage, error) {
				return bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: s.Launch.Token.Reveal()})
			},
			IsExchange: func(r *http.Request) bool { return r.URL.Path == "/link-session/exchange-token" },
			Lapse:      func(conn bankmux.Connection) error { return bank.Lapse(conn.Reference()) },
			Secrets:    []string{creds.ClientSecret},
			Binds:      true,
			Refresh: providertest.Refresh{
				Product: bankmux.ProductTransactions, Every: time.Hour,
				Is: func(r *http.Request) bool {
					return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/products")
				},
			},
			Received: func(s bankmux.Session) (providertest.Received, error) { return received(bank, s) },
			Granted:  func(conn bankmux.Connection) ([]bankmux.Product, error) { return granted(bank, conn), nil },
			Data:     data,
		}
	}
}

// spec is a row as MoneyKit writes it.
func spec(r providertest.Row) virtualbank.TransactionSpec {
	s := virtualbank.TransactionSpec{
		Amount:     r.Amount,
		Type:       "debit",
		Currency:   r.Currency,
		NoCurrency: r.NoMoney,
		Date:       r.Date.String(),
		Text:       r.Text,
		Pending:    r.Pending,
	}
	if r.In {
		s.Type = "credit"
	}
	return s
}

// received is what MoneyKit received for a session.
func received(bank *virtualbank.Bank, s bankmux.Session) (providertest.Received, error) {
	got, err := bank.Session(s.Launch.Token.Reveal())
	if err != nil {
		return providertest.Received{}, err
	}
	country := strings.Join(got.Countries, ",")
	return providertest.Received{Country: &country, WebhookURL: &got.WebhookURL, RedirectURI: &got.RedirectURI}, nil
}

// granted are the products of a link. The virtual user grants all.
func granted(bank *virtualbank.Bank, conn bankmux.Connection) (products []bankmux.Product) {
	for _, l := range bank.Links() {
		if l.ID == conn.Reference() {
			for _, p := range l.Products {
				products = append(products, bankmux.Product(p)) // both use the same words for these
			}
		}
	}
	return products
}
