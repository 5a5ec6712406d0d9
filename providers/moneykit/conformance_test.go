package moneykit_test

import (
	"encoding/json"
	"net/http"
	"strings"
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
			providertest.Run(
				t, harness(auth), bankmux.CapStatus, bankmux.CapDisconnect, bankmux.CapCheck, bankmux.CapInstitutions, bankmux.CapAccounts, bankmux.CapBalances,
				bankmux.CapAccountNumbers, bankmux.CapIdentity, bankmux.CapTransactions, bankmux.CapEnrichment, bankmux.CapSync, bankmux.CapHoldings,
				bankmux.CapInvestmentTransactions, bankmux.CapRefresh,
			)
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
			Data: &providertest.Data{
				Refetch: func(conn bankmux.Connection) error { return bank.Refresh(conn.Reference) },
				AddAccount: func(conn bankmux.Connection, kind bankmux.AccountKind, currency string) (string, error) {
					return bank.AddAccount(conn.Reference, virtualbank.AccountSpec{Name: "Added", Kind: kinds[kind], Currency: currency})
				},
				AddTransaction: func(conn bankmux.Connection, account string, r providertest.Row) error {
					spec := virtualbank.TransactionSpec{Amount: r.Amount, Type: "debit", Currency: r.Currency, NoCurrency: r.NoMoney, Date: r.Date.String(), Text: r.Text, Pending: r.Pending}
					if r.In {
						spec.Type = "credit"
					}
					return bank.AddTransaction(conn.Reference, account, spec)
				},
				SetBalance: func(conn bankmux.Connection, account, booked string) error {
					return bank.SetBalance(conn.Reference, account, virtualbank.BalanceSpec{Current: onTheWire(bank, conn, account, booked)})
				},
			},
		}
	}
}

var kinds = map[bankmux.AccountKind]string{
	bankmux.AccountChecking: "checking", bankmux.AccountSavings: "savings", bankmux.AccountCreditCard: "card", bankmux.AccountLoan: "loan",
}

// onTheWire turns a booked balance into what MoneyKit writes: what is owed on a liability as a positive number.
func onTheWire(bank *virtualbank.Bank, conn bankmux.Connection, account, booked string) string {
	accounts, err := bank.Accounts(conn.Reference)
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
