package dapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providertest"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(
		t, newHarness, bankmux.CapStatus, bankmux.CapDisconnect, bankmux.CapAccounts, bankmux.CapBalances,
		bankmux.CapAccountNumbers, bankmux.CapIdentity, bankmux.CapCards, bankmux.CapTransactions, bankmux.CapEnrichment, bankmux.CapSync,
	)
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
		Data: &providertest.Data{
			AddAccount: func(conn bankmux.Connection, kind bankmux.AccountKind, currency string) (string, error) {
				return bank.AddAccount(conn.Reference, virtualbank.AccountSpec{Name: "Added", Kind: kinds[kind], Currency: currency})
			},
			AddTransaction: func(conn bankmux.Connection, account string, r providertest.Row) error {
				spec := virtualbank.TransactionSpec{Amount: r.Amount, Type: "debit", Currency: r.Currency, NoCurrency: r.NoMoney, Date: r.Date.String() + "T00:00:00.000Z", Text: r.Text}
				if r.In {
					spec.Type = "credit"
				}
				return bank.AddTransaction(conn.Reference, account, spec)
			},
			SetBalance: func(conn bankmux.Connection, account, booked string) error {
				return bank.SetBalance(conn.Reference, account, virtualbank.BalanceSpec{Current: onTheWire(bank, conn, account, booked)})
			},
			Ask: func(conn bankmux.Connection, inputs ...bankmux.InputKind) ([]string, error) {
				var round, right []string
				for _, in := range inputs {
					round = append(round, string(in))
					right = append(right, map[bankmux.InputKind]string{bankmux.InputOTP: "123456", bankmux.InputPIN: "1234"}[in])
				}
				return right, bank.RequireInput(conn.Reference, "", round)
			},
		},
	}
}

var kinds = map[bankmux.AccountKind]string{
	bankmux.AccountChecking: "checking", bankmux.AccountSavings: "savings", bankmux.AccountCreditCard: "card", bankmux.AccountLoan: "loan",
}

// onTheWire turns a booked balance into what Dapi writes: what is owed on a card or loan as a positive number.
func onTheWire(bank *virtualbank.Bank, conn bankmux.Connection, account, booked string) string {
	accounts, err := bank.Accounts(conn.Reference)
	if err != nil {
		return booked
	}
	for _, a := range accounts {
		if a.DapiID == account && a.Debt {
			if owed, ok := strings.CutPrefix(booked, "-"); ok {
				return owed
			}
			return "-" + booked
		}
	}
	return booked
}
