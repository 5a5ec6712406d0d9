package virtualbank

// This file reads the true state of links and changes what customers have.

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
	"github.com/bankmux/bankmux/virtualbank/internal/dapi"
	"github.com/bankmux/bankmux/virtualbank/internal/moneykit"
	"github.com/bankmux/bankmux/virtualbank/internal/plaid"
)

// AccountState is the true state of an account, for a test to compare with. Amounts are decimal
// text in major units. Debts are negative.
type AccountState struct {
	MoneyKitID string `json:"moneykit_id,omitempty"` // the id on this link
	DapiID     string `json:"dapi_id,omitempty"`     // the id on this connection
	PlaidID    string `json:"plaid_id,omitempty"`    // the id on this Item
	Name       string `json:"name"`
	Card       bool   `json:"card"` // Dapi lists it as a card
	Debt       bool   `json:"debt"`
	Currency   string `json:"currency"`
	Booked     string `json:"booked"`
	Available  string `json:"available"`
}

// TransactionState is the true state of a transaction. Amounts are decimal text. Money into the
// account is positive.
type TransactionState struct {
	Event     string `json:"event"` // the bank's own id, which never changes
	AccountID string `json:"account_id"`
	Date      string `json:"date"`
	Amount    string `json:"amount"`
	Pending   bool   `json:"pending"`
	Text      string `json:"text"`
}

// LinkState is the true state of a MoneyKit link, a Dapi connection or a Plaid Item, for a test to
// compare with.
type LinkState struct {
	Provider    string   `json:"provider"`       // "moneykit", "dapi" or "plaid"
	ID          string   `json:"id"`             // the link id, the connectionID or the Item id
	User        string   `json:"user,omitempty"` // the application's id of its user; empty for Dapi
	Tags        []string `json:"tags,omitempty"` // MoneyKit's link_tags
	Institution string   `json:"institution"`    // the provider's id of the institution

	// Products lists the products that the user granted, under MoneyKit's names. It is empty for
	// Dapi.
	Products []string `json:"products,omitempty"`

	// State is "awaiting_token_exchange", "connected", "error" or "deleted", for every provider.
	State string `json:"state"`

	// Presented counts the requests that exchanged the one-time token, successful or not.
	Presented int `json:"presented"`

	// Exchanged counts those of Presented that succeeded.
	Exchanged int `json:"exchanged"`
}

// AccountSpec is an account to add. Kind is "checking", "savings", "card", "loan" or "investment".
type AccountSpec struct {
	Name     string
	Kind     string
	Currency string // "" means the country's; not validated
}

// BalanceSpec holds the balances to serve, as decimal text that the bank writes without change. ""
// means null. The sign is the provider's: at MoneyKit the balance of a debt is positive if money is
// owed.
type BalanceSpec struct {
	Current, Available, Limit string
	NoCurrency                bool   // the currency is null
	Date                      string // MoneyKit's balance_date; "" means null
}

// TransactionSpec is a transaction to add. The bank writes its texts without change.
type TransactionSpec struct {
	Amount     string // decimal text such as "10450.7500000001" or "1e3"; "" means null
	AsNumber   bool   // MoneyKit writes a JSON number instead of text
	Type       string // "credit", "debit" or any other text
	Currency   string // "" means the account's
	NoCurrency bool   // the currency is empty
	Date       string // such as "2026-11-20" or "2026-11-20T00:00:00"; "" means today
	Text       string
	Pending    bool
}

// Links returns every link and connection that users made, including deleted ones. They are sorted
// by provider and id.
func (b *Bank) Links() []LinkState {
	b.core.Lock()
	defer b.core.Unlock()
	var all []LinkState
	for _, p := range b.providers {
		for _, l := range p.Links() {
			all = append(all, LinkState(l.State()))
		}
	}
	slices.SortFunc(
		all,
		func(x, y LinkState) int { return cmp.Or(cmp.Compare(x.Provider, y.Provider), cmp.Compare(x.ID, y.ID)) },
	)
	return all
}

// Accounts returns the accounts of a link or connection. Here and in other methods,
// linkOrConnection is the id of a MoneyKit link, a Dapi connection or a Plaid Item. The error is a
// [*Refusal] with status 404 if the id is unknown.
func (b *Bank) Accounts(linkOrConnection string) ([]AccountState, error) {
	b.core.Lock()
	defer b.core.Unlock()
	l, err := b.find(linkOrConnection)
	if err != nil {
		return nil, err
	}
	var all []AccountState
	for _, a := range l.Book().Accounts {
		booked, held := l.Book().State(a, b.Now())
		state := AccountState{
			Name:      a.Name,
			Card:      a.Kind.Card,
			Debt:      a.Kind.Debt,
			Currency:  a.Currency,
			Booked:    bank.Plain(booked, a.Currency),
			Available: bank.Plain(booked+held+a.Limit, a.Currency),
		}
		switch l.State().Provider {
		case moneykit.Name:
			state.MoneyKitID = l.AccountID(a)
		case dapi.Name:
			state.DapiID = l.AccountID(a)
		case plaid.Name:
			state.PlaidID = l.AccountID(a)
		}
		all = append(all, state)
	}
	return all, nil
}

// Transactions returns the transactions of each account of a link or connection, the newest first.
// The error is a [*Refusal] with status 404 if there is no such link or connection.
func (b *Bank) Transactions(linkOrConnection string) ([]TransactionState, error) {
	b.core.Lock()
	defer b.core.Unlock()
	l, err := b.find(linkOrConnection)
	if err != nil {
		return nil, err
	}
	var all []TransactionState
	for _, a := range l.Book().Accounts {
		for _, r := range l.Book().Rows(a, b.Now(), 0) {
			t := TransactionState{
				Event:     r.Event.ID,
				AccountID: l.AccountID(a),
				Date:      l.Day(r).String(),
				Amount:    bank.Plain(r.Amount, a.Currency),
				Pending:   r.Pending,
				Text:      r.Event.Text,
			}
			if r.Spec != nil {
				t.Amount = r.Spec.Amount
			}
			all = append(all, t)
		}
	}
	return all, nil
}

// AddAccount adds an account to the login of a link or connection. It returns the id that the
// account has on it. The error is a [*Refusal].
func (b *Bank) AddAccount(linkOrConnection string, spec AccountSpec) (string, error) {
	b.core.Lock()
	defer b.core.Unlock()
	l, err := b.find(linkOrConnection)
	if err != nil {
		return "", err
	}
	a, err := l.Book().AddAccount(bank.AccountSpec(spec))
	if err != nil {
		return "", err
	}
	return l.AccountID(a), nil
}

// SetBalance replaces the balances that are served for an account. The transactions do not change.
// The error is a [*Refusal].
func (b *Bank) SetBalance(linkOrConnection, accountID string, spec BalanceSpec) error {
	return b.at(linkOrConnection, accountID, func(_ bank.Link, a *bank.Account) error {
		a.SetBalance(bank.BalanceSpec(spec))
		return nil
	})
}

// AddTransaction adds a transaction to an account. MoneyKit shows it after its next refresh. The
// error is a [*Refusal].
func (b *Bank) AddTransaction(linkOrConnection, accountID string, spec TransactionSpec) error {
	return b.at(linkOrConnection, accountID, func(l bank.Link, a *bank.Account) error {
		l.Book().AddTransaction(a, bank.TransactionSpec(spec))
		l.Moved()
		return nil
	})
}

// ChangeTransaction replaces the transaction that [Bank.AddTransaction] added to the account with
// the same Text. A pending transaction whose replacement is not pending is posted. MoneyKit shows
// the change after its next refresh. The error is a [*Refusal].
func (b *Bank) ChangeTransaction(linkOrConnection, accountID string, spec TransactionSpec) error {
	return b.at(linkOrConnection, accountID, func(l bank.Link, a *bank.Account) error {
		if err := l.Book().ChangeTransaction(a, bank.TransactionSpec(spec)); err != nil {
			return err
		}
		l.Moved()
		return nil
	})
}

// RemoveTransaction removes the transaction that [Bank.AddTransaction] added to the account with
// that text. MoneyKit shows the change after its next refresh. The error is a [*Refusal].
func (b *Bank) RemoveTransaction(linkOrConnection, accountID, text string) error {
	return b.at(linkOrConnection, accountID, func(l bank.Link, a *bank.Account) error {
		if err := l.Book().RemoveTransaction(a, text); err != nil {
			return err
		}
		l.Moved()
		return nil
	})
}

// Lapse ends the user's consent. A MoneyKit link changes to state error with auth_expired. Later
// calls on a Dapi connection fail with INVALID_CREDENTIALS, and those on a Plaid Item with
// ITEM_LOGIN_REQUIRED. The error is a [*Refusal] with status 404 if there is no such link or
// connection.
func (b *Bank) Lapse(linkOrConnection string) error {
	b.core.Lock()
	defer b.core.Unlock()
	l, err := b.find(linkOrConnection)
	if err != nil {
		return err
	}
	if !l.Lapse() {
		return bank.Refuse(http.StatusNotFound, "there is no such link or connection")
	}
	return nil
}

// Outage takes an institution down, or up again. While it is down, MoneyKit's refreshes fail with
// institution_error and Dapi's data calls with UNKNOWN_ERROR. Plaid's logins fail with
// INSTITUTION_DOWN. The error is a [*Refusal].
func (b *Bank) Outage(institutionID string, down bool) error {
	b.core.Lock()
	defer b.core.Unlock()
	return b.core.Outage(institutionID, down)
}

// ServeDays sets how many days of transactions an institution serves to Dapi; the default is 90.
// The error is a [*Refusal].
func (b *Bank) ServeDays(institutionID string, days int) error {
	b.core.Lock()
	defer b.core.Unlock()
	return b.core.ServeDays(institutionID, days)
}
