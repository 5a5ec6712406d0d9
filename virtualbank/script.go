package virtualbank

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
	"github.com/bankmux/bankmux/virtualbank/internal/dapi"
	"github.com/bankmux/bankmux/virtualbank/internal/moneykit"
)

// AccountState is what an account really holds, for tests to compare with. Amounts are decimal text
// in major units; debts are negative.
type AccountState struct {
	MoneyKitID string `json:"moneykit_id,omitempty"` // the account's id on the link it was asked for
	DapiID     string `json:"dapi_id,omitempty"`
	Name       string `json:"name"`
	Card       bool   `json:"card"` // Dapi lists it as a card
	Debt       bool   `json:"debt"`
	Currency   string `json:"currency"`
	Booked     string `json:"booked"`
	Available  string `json:"available"`
}

// TransactionState is what really happened. Amounts are decimal text, into the account is positive.
type TransactionState struct {
	Event     string `json:"event"` // stays the same whatever ids the providers give it
	AccountID string `json:"account_id"`
	Date      string `json:"date"`
	Amount    string `json:"amount"`
	Pending   bool   `json:"pending"`
	Text      string `json:"text"`
}

// LinkState is a MoneyKit link or a Dapi connection as the bank itself knows it, for tests to
// compare with.
type LinkState struct {
	Provider    string   `json:"provider"`
	ID          string   `json:"id"`
	User        string   `json:"user,omitempty"` // the application's id of its user, where the provider knows it
	Tags        []string `json:"tags,omitempty"`
	Institution string   `json:"institution"`
	Products    []string `json:"products,omitempty"` // that the user granted, by MoneyKit's names; Dapi does not tell
	// "awaiting_token_exchange", "connected", "error" or "deleted", for Dapi as well
	State string `json:"state"`
	// exchanges of its one-time token that were carried out, whatever came of them
	Presented int `json:"presented"`
	Exchanged int `json:"exchanged"` // those of them that succeeded: one at most
}

// AccountSpec is an account to add. Kind is "checking", "savings", "card", "loan" or "investment".
type AccountSpec struct {
	Name     string
	Kind     string
	Currency string // "" is that of the country; no check is made
}

// BalanceSpec are the balances to serve, as decimal text that goes onto the wire as it is. "" is
// null. They are in the provider's own sign: for MoneyKit what is owed on a debt is positive.
type BalanceSpec struct {
	Current, Available, Limit string
	NoCurrency                bool   // the currency is null
	Date                      string // MoneyKit's balance_date, as it is; "" is null
}

// TransactionSpec is a transaction to add, whose texts go onto the wire as they are.
type TransactionSpec struct {
	Amount     string // decimal text: "10450.7500000001", "1e3"; "" is null
	AsNumber   bool   // a JSON number where MoneyKit writes text
	Type       string // "credit", "debit", or anything
	Currency   string // "" is that of the account
	NoCurrency bool   // the currency is empty
	Date       string // "2026-11-20", "2026-11-20T00:00:00", …; "" is today
	Text       string
	Pending    bool
}

// Links tells every link and connection that users made, deleted ones as well, sorted by provider
// and id.
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

// Accounts tells what the accounts behind a link or connection hold now. The error is a [*Refusal]
// with status 404 for an unknown one.
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
		}
		all = append(all, state)
	}
	return all, nil
}

// Transactions tells what really happened in the accounts behind a link or connection, newest
// first. The error is a [*Refusal] with status 404 for an unknown one.
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

// AddAccount adds an account to those behind a link or connection and returns its id there. The
// error is a [*Refusal].
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

// SetBalance serves these balances for an account from now on. The error is a [*Refusal].
func (b *Bank) SetBalance(linkOrConnection, accountID string, spec BalanceSpec) error {
	return b.at(linkOrConnection, accountID, func(_ bank.Link, a *bank.Account) error {
		a.SetBalance(bank.BalanceSpec(spec))
		return nil
	})
}

// AddTransaction adds a transaction to an account. On MoneyKit it is seen after the next refresh.
// The error is a [*Refusal].
func (b *Bank) AddTransaction(linkOrConnection, accountID string, spec TransactionSpec) error {
	return b.at(linkOrConnection, accountID, func(l bank.Link, a *bank.Account) error {
		l.Book().AddTransaction(a, bank.TransactionSpec(spec))
		l.Moved()
		return nil
	})
}

// ChangeTransaction makes the bank correct a transaction that [Bank.AddTransaction] added to the
// account with the same Text: from now on it is as spec says. One that was pending and is not any
// more is posted. On MoneyKit it is seen after the next refresh. The error is a [*Refusal].
func (b *Bank) ChangeTransaction(linkOrConnection, accountID string, spec TransactionSpec) error {
	return b.at(linkOrConnection, accountID, func(l bank.Link, a *bank.Account) error {
		if err := l.Book().ChangeTransaction(a, bank.TransactionSpec(spec)); err != nil {
			return err
		}
		l.Moved()
		return nil
	})
}

// RemoveTransaction makes the bank take back the transaction that [Bank.AddTransaction] added to
// the account with that text. On MoneyKit it is seen after the next refresh. The error is a
// [*Refusal].
func (b *Bank) RemoveTransaction(linkOrConnection, accountID, text string) error {
	return b.at(linkOrConnection, accountID, func(l bank.Link, a *bank.Account) error {
		if err := l.Book().RemoveTransaction(a, text); err != nil {
			return err
		}
		l.Moved()
		return nil
	})
}

// Lapse makes the user's consent end: a MoneyKit link goes to state error with
// auth_expired, a Dapi connection answers INVALID_CREDENTIALS from now on. The error
// is a [*Refusal] with status 404 when there is no such link or connection.
func (b *Bank) Lapse(linkOrConnection string) error {
	b.core.Lock()
	defer b.core.Unlock()
	l, err := b.find(linkOrConnection)
	if err != nil {
		return err
	}
	if !l.Lapse() {
		return bank.Refuse(http.StatusNotFound, "no such link or connection")
	}
	return nil
}

// Outage takes an institution down or brings it back. MoneyKit's refreshes then end in
// institution_error, Dapi's data calls in UNKNOWN_ERROR. The error is a [*Refusal].
func (b *Bank) Outage(institutionID string, down bool) error {
	b.core.Lock()
	defer b.core.Unlock()
	return b.core.Outage(institutionID, down)
}

// ServeDays makes an institution serve that many days of transactions from now on. The error is a
// [*Refusal].
func (b *Bank) ServeDays(institutionID string, days int) error {
	b.core.Lock()
	defer b.core.Unlock()
	return b.core.ServeDays(institutionID, days)
}
