package bank

// This file changes accounts, transactions and institutions for a test.

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// AccountSpec is virtualbank.AccountSpec.
type AccountSpec struct {
	Name     string
	Kind     string
	Currency string
}

// BalanceSpec is virtualbank.BalanceSpec.
type BalanceSpec struct {
	Current, Available, Limit string
	NoCurrency                bool
	Date                      string
}

// TransactionSpec is virtualbank.TransactionSpec.
type TransactionSpec struct {
	Amount     string
	AsNumber   bool
	Type       string
	Currency   string
	NoCurrency bool
	Date       string
	Text       string
	Pending    bool
}

// Scripted is a transaction of a script, and since when it exists.
type Scripted struct {
	TransactionSpec
	At time.Time
}

// AddAccount adds an account to the book.
func (bk *Book) AddAccount(spec AccountSpec) (*Account, error) {
	kind, ok := map[string]Kind{
		"checking":   KindChecking,
		"savings":    KindSavings,
		"card":       kindCard,
		"loan":       KindLoan,
		"investment": KindInvestment,
	}[spec.Kind]
	if !ok {
		return nil, Refuse(http.StatusBadRequest, "unknown kind of account %q", spec.Kind)
	}
	kind.Quiet = true
	a := &Account{
		Key:      "added-" + strconv.Itoa(len(bk.Accounts)),
		Kind:     kind,
		Name:     spec.Name,
		Currency: spec.Currency,
		Number:   "990000000000",
		Mask:     "0000",
	}
	if a.Currency == "" {
		a.Currency, _ = CurrencyOf(bk.Institution.Country)
	}
	bk.Accounts = append(bk.Accounts, a)
	return a, nil
}

// SetBalance replaces the balances of the account.
func (a *Account) SetBalance(spec BalanceSpec) { a.Balances = &spec }

// AddTransaction adds a transaction to an account.
func (bk *Book) AddTransaction(a *Account, spec TransactionSpec) {
	s := &Scripted{spec, bk.Bank.Now()}
	today := DayOf(s.At)
	bk.grow(a, today)
	on := today
	if spec.Date != "" {
		if d, ok := ParseDay(spec.Date[:min(10, len(spec.Date))]); ok {
			on = d
		}
	}
	id := bk.Bank.Name58(12, bk.Institution.Name, bk.Username, a.Key, "added", strconv.Itoa(len(a.Events)))
	a.Events = append(a.Events, Event{
		ID: id, Started: on, Posted: on, Appears: min(on, today), Text: spec.Text, Raw: spec.Text, Spec: s,
	})
}

// ChangeTransaction replaces the transaction that was added with the same text.
func (bk *Book) ChangeTransaction(a *Account, spec TransactionSpec) error {
	e, err := a.added(spec.Text)
	if err != nil {
		return err
	}
	e.changes = append(e.changes, &Scripted{spec, bk.Bank.Now()})
	return nil
}

// RemoveTransaction removes the transaction that was added with a text.
func (bk *Book) RemoveTransaction(a *Account, text string) error {
	e, err := a.added(text)
	if err != nil {
		return err
	}
	e.until = bk.Bank.Now()
	return nil
}

// added returns the transaction that was added with a text and not removed.
func (a *Account) added(text string) (*Event, error) {
	i := slices.IndexFunc(a.Events, func(e Event) bool { return e.Spec != nil && e.Text == text && e.until.IsZero() })
	if i < 0 {
		return nil, Refuse(http.StatusNotFound, "there is no added transaction with that text")
	}
	return &a.Events[i], nil
}

// defaultDays is how many days of transactions an institution serves by default.
const defaultDays = 90

// DaysServed returns how many days of transactions an institution serves.
func (b *Bank) DaysServed(at Institution) int {
	if days := b.Served[at.Name]; days > 0 {
		return days
	}
	return defaultDays
}

// Outage takes an institution down, or up again.
func (b *Bank) Outage(institutionID string, down bool) error {
	at, ok := b.Institution(func(in Institution) bool { return in.GoesBy(institutionID) })
	if !ok {
		return Refuse(http.StatusNotFound, "there is no institution %q", institutionID)
	}
	b.Outages[at.Name] = down
	return nil
}

// ServeDays sets how many days of transactions an institution serves.
func (b *Bank) ServeDays(institutionID string, days int) error {
	at, ok := b.Institution(func(in Institution) bool { return in.GoesBy(institutionID) })
	if !ok || days < 1 {
		return Refuse(http.StatusNotFound, "there is no institution %q, or days is less than 1", institutionID)
	}
	b.Served[at.Name] = days
	return nil
}
