package moneykit_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providertest"
	"github.com/bankmux/bankmux/virtualbank"
)

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

func harness(auth moneykit.Auth) func(*testing.T) providertest.Harness {
	return func(*testing.T) providertest.Harness {
		bank := virtualbank.New(virtualbank.Options{})
		creds := bank.Credentials().MoneyKit
		words := providertest.Words{
			Rejected: says(
				http.StatusUnauthorized, `{"error_code":"api_error.auth.unauthorized","error_message":"Unauthorized"}`,
			),
			UnknownCode: says(
				http.StatusBadRequest,
				`{"error_code":"unheard_of","error_message":"A code that nobody listed"}`,
			),
			Enums:  []string{"account_type", "phone_numbers.type", "securities.type"},
			States: []string{"state"},
			Open:   func(r *http.Request) bool { return r.URL.Path == "/auth/token" },
		}
		// With client headers all is the same, but for the token that expires.
		var table providertest.Table
		var own []providertest.Operation
		if auth == moneykit.AuthBearer {
			own = operations()
			words.Expired = says(
				http.StatusUnauthorized,
				`{"error_code":"api_error.auth.expired_access_token","error_message":"Access token expired"}`,
			)
			table = providertest.Table{File: "../../providertest/MATRIX.md", Title: "MoneyKit"}
		}
		return providertest.Harness{
			AtInstitution: func(op bankmux.Op) bool { return op.Name == bankmux.OpRefresh },
			Webhooks: &providertest.Webhooks{
				Sign: func(conn bankmux.Connection) bankmux.WebhookRequest {
					header, body := bank.Sign(hookOf(conn))
					return bankmux.NewWebhookRequest(header, body)
				},
				Signed: []string{"Moneykit-Signature"},
				Forged: func(conn bankmux.Connection) map[string]bankmux.WebhookRequest {
					all := map[string]bankmux.WebhookRequest{}
					for _, name := range virtualbank.Forgeries(moneykit.Name) {
						all[name] = forged(bank, name, conn)
					}
					return all
				},
				UnknownKey: func(conn bankmux.Connection) bankmux.WebhookRequest { return forged(bank, "unknown_kid", conn) },
				Rotate:     bank.RotateWebhookKeys,
			},
			Words:      words,
			Operations: own,
			Table:      table,
			Backend:    bank.MoneyKit(),
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
			Data: &providertest.Data{
				Refetch: func(conn bankmux.Connection) error { return bank.Refresh(conn.Reference()) },
				AddAccount: func(conn bankmux.Connection, kind bankmux.AccountKind, currency string) (string, error) {
					return bank.AddAccount(
						conn.Reference(), virtualbank.AccountSpec{Name: "Added", Kind: kinds[kind], Currency: currency},
					)
				},
				AddTransaction: func(conn bankmux.Connection, account string, r providertest.Row) error {
					return bank.AddTransaction(conn.Reference(), account, spec(r))
				},
				ChangeTransaction: func(conn bankmux.Connection, account string, r providertest.Row) error {
					return bank.ChangeTransaction(conn.Reference(), account, spec(r))
				},
				PostTransaction: func(conn bankmux.Connection, account string, r providertest.Row) error {
					return bank.ChangeTransaction(conn.Reference(), account, spec(r))
				},
				RemoveTransaction: func(conn bankmux.Connection, account, text string) error {
					return bank.RemoveTransaction(conn.Reference(), account, text)
				},
				SameAccount: func(before, after bankmux.Connection, account string) (string, error) {
					return sameAccount(bank, before, after, account)
				},
				SetBalance: func(conn bankmux.Connection, account, booked string) error {
					return bank.SetBalance(
						conn.Reference(),
						account,
						virtualbank.BalanceSpec{Current: onTheWire(bank, conn, account, booked)},
					)
				},
			},
		}
	}
}

// says is an answer in MoneyKit's words.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

var kinds = map[bankmux.AccountKind]string{
	bankmux.AccountChecking:   "checking",
	bankmux.AccountSavings:    "savings",
	bankmux.AccountCreditCard: "card",
	bankmux.AccountLoan:       "loan",
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

// told is what MoneyKit was asked for a session.
func received(bank *virtualbank.Bank, s bankmux.Session) (providertest.Received, error) {
	got, err := bank.Session(s.Launch.Token.Reveal())
	if err != nil {
		return providertest.Received{}, err
	}
	country := strings.Join(got.Countries, ",")
	return providertest.Received{Country: &country, WebhookURL: &got.WebhookURL, RedirectURI: &got.RedirectURI}, nil
}

// granted are the products of a link, which the user grants all.
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

// sameAccount finds an account of a link in a later link to the same login, by its place.
func sameAccount(bank *virtualbank.Bank, before, after bankmux.Connection, account string) (string, error) {
	old, err := bank.Accounts(before.Reference())
	if err != nil {
		return "", err
	}
	again, err := bank.Accounts(after.Reference())
	if err != nil {
		return "", err
	}
	for i, a := range old {
		if a.MoneyKitID == account {
			return again[i].MoneyKitID, nil
		}
	}
	return "", errors.New("no such account")
}

// onTheWire turns a booked balance into what MoneyKit writes: what is owed on a liability as a
// positive number.
func onTheWire(bank *virtualbank.Bank, conn bankmux.Connection, account, booked string) string {
	accounts, err := bank.Accounts(conn.Reference())
	if err != nil {
		return booked
	}
	for _, a := range accounts {
		if a.MoneyKitID == account && a.Debt {
			if owed, ok := strings.CutPrefix(booked, "-"); ok {
				return owed
			}
			return "-" + booked
		}
	}
	return booked
}

func hookOf(conn bankmux.Connection) virtualbank.Webhook {
	return virtualbank.Webhook{Provider: moneykit.Name, Event: "link.state_changed", Reference: conn.Reference()}
}

func forged(bank *virtualbank.Bank, name string, conn bankmux.Connection) bankmux.WebhookRequest {
	r, err := bank.Forge(name, "/", hookOf(conn))
	if err != nil {
		panic(err) // the name is the bank's own
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err) // it is in memory
	}
	return bankmux.NewWebhookRequest(r.Header, body)
}
