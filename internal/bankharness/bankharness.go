// Package bankharness connects the conformance suite to the virtual bank, for the adapters of this
// repository.
package bankharness

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providertest"
	"github.com/bankmux/bankmux/virtualbank"
)

// Provider has the differences between the providers that the bank serves.
type Provider struct {
	Name    string                                             // of the adapter
	Event   string                                             // of a delivery that reports a new state
	Signed  []string                                           // the headers of a signature
	Account func(virtualbank.AccountState) string              // the provider's id of an account
	Row     func(providertest.Row) virtualbank.TransactionSpec // a row as the provider writes it
}

// kinds are the bank's words for kinds of accounts.
var kinds = map[bankmux.AccountKind]string{
	bankmux.AccountChecking:   "checking",
	bankmux.AccountSavings:    "savings",
	bankmux.AccountCreditCard: "card",
	bankmux.AccountLoan:       "loan",
}

// Data returns how the suite changes accounts and rows at the bank.
func (p Provider) Data(bank *virtualbank.Bank) *providertest.Data {
	return &providertest.Data{
		AddAccount: func(conn bankmux.Connection, kind bankmux.AccountKind, currency string) (string, error) {
			spec := virtualbank.AccountSpec{Name: "Added", Kind: kinds[kind], Currency: currency}
			return bank.AddAccount(conn.Reference(), spec)
		},
		AddTransaction: func(conn bankmux.Connection, account string, r providertest.Row) error {
			return bank.AddTransaction(conn.Reference(), account, p.Row(r))
		},
		ChangeTransaction: func(conn bankmux.Connection, account string, r providertest.Row) error {
			return bank.ChangeTransaction(conn.Reference(), account, p.Row(r))
		},
		RemoveTransaction: func(conn bankmux.Connection, account, text string) error {
			return bank.RemoveTransaction(conn.Reference(), account, text)
		},
		SameAccount: func(before, after bankmux.Connection, account string) (string, error) {
			return p.sameAccount(bank, before, after, account)
		},
		SetBalance: func(conn bankmux.Connection, account, booked string) error {
			spec := virtualbank.BalanceSpec{Current: p.onTheWire(bank, conn, account, booked)}
			return bank.SetBalance(conn.Reference(), account, spec)
		},
	}
}

// sameAccount finds an account of a login in a later login to the same bank, by its position.
func (p Provider) sameAccount(
	bank *virtualbank.Bank,
	before, after bankmux.Connection,
	account string,
) (string, error) {
	old, err := bank.Accounts(before.Reference())
	if err != nil {
		return "", err
	}
	again, err := bank.Accounts(after.Reference())
	if err != nil {
		return "", err
	}
	for i, a := range old {
		if p.Account(a) == account {
			return p.Account(again[i]), nil
		}
	}
	return "", errors.New("no such account")
}

// onTheWire converts a booked balance to the form of the providers: a debt is a positive number.
func (p Provider) onTheWire(bank *virtualbank.Bank, conn bankmux.Connection, account, booked string) string {
	accounts, err := bank.Accounts(conn.Reference())
	if err != nil {
		return booked
	}
	for _, a := range accounts {
		if p.Account(a) == account && a.Debt {
			if owed, ok := strings.CutPrefix(booked, "-"); ok {
				return owed
			}
			return "-" + booked
		}
	}
	return booked
}

// Webhooks returns how the bank signs and forges deliveries.
func (p Provider) Webhooks(bank *virtualbank.Bank) *providertest.Webhooks {
	return &providertest.Webhooks{
		Sign: func(conn bankmux.Connection) bankmux.WebhookRequest {
			header, body := bank.Sign(p.webhook(conn))
			return bankmux.NewWebhookRequest(header, body)
		},
		Signed: p.Signed,
		Forged: func(conn bankmux.Connection) map[string]bankmux.WebhookRequest {
			all := map[string]bankmux.WebhookRequest{}
			for _, name := range virtualbank.Forgeries(p.Name) {
				all[name] = p.Forge(bank, name, conn)
			}
			return all
		},
		Rotate: bank.RotateWebhookKeys,
	}
}

// Forge makes the delivery with one of the names of [virtualbank.Forgeries].
func (p Provider) Forge(bank *virtualbank.Bank, name string, conn bankmux.Connection) bankmux.WebhookRequest {
	r, err := bank.Forge(name, "/", p.webhook(conn))
	if err != nil {
		panic(err) // the name is one of the bank's
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err) // it is in memory
	}
	return bankmux.NewWebhookRequest(r.Header, body)
}

func (p Provider) webhook(conn bankmux.Connection) virtualbank.Webhook {
	return virtualbank.Webhook{Provider: p.Name, Event: p.Event, Reference: conn.Reference()}
}

// Respond returns a handler that sends one JSON response, for [providertest.Words].
func Respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}
