package bank

// This file has the accounts of a customer at an institution.

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Book holds the accounts of one customer at one institution. The same login always has the same
// book, for every link and every provider.
type Book struct {
	Bank        *Bank
	Institution Institution
	Username    string
	Accounts    []*Account
	Holder      Holder
	Owners      []any       // the owners that a session gave; nil means Holder
	drifts      []time.Time // when TextDrift was staged
	valueSince  time.Time   // since when new rows have a value date
}

// Holder is the owner of the accounts of a book.
type Holder struct{ Name, Email, Phone, Street, City, Region, Postal, Born, Document string }

// Account is one account or card of a book.
type Account struct {
	Key      string // unique within the book
	Kind     Kind
	Name     string
	Mask     string
	Number   string
	Routing  string // "" means the institution's
	Currency string
	opening  int64 // minor units at the start of the ledger; debts are negative
	Limit    int64
	Closed   bool
	Original string // the application's id of an imported account
	Nickname *string

	Events   []Event // ordered by their first day
	until    Day     // the last day that has events
	Balances *BalanceSpec
}

// Kind is the kind of an account, with its names at the providers.
type Kind struct {
	MoneyKit string
	Dapi     string
	Plaid    string // type and subtype, such as "loan/auto"
	Card     bool   // Dapi lists it as a card
	Debt     bool
	Quiet    bool // the account has no events of its own
}

// The kinds of accounts.
var (
	KindChecking = Kind{Plaid: "depository/checking", MoneyKit: "depository.checking", Dapi: "current"}
	KindSavings  = Kind{Plaid: "depository/savings", MoneyKit: "depository.savings", Dapi: "savings"}
	kindCard     = Kind{
		Plaid: "credit/credit card", MoneyKit: "liability.credit_card", Dapi: "credit", Card: true, Debt: true,
	}
	KindLoan       = Kind{Plaid: "loan/auto", MoneyKit: "liability.loan", Dapi: "loan", Debt: true}
	KindInvestment = Kind{Plaid: "investment/brokerage", MoneyKit: "investment.brokerage", Dapi: "other", Quiet: true}
)

// mix returns a number that depends only on the seed and the parts.
func (b *Bank) mix(parts ...string) uint64 {
	mac, ok := b.macs.Get().(hash.Hash) // pooled, because setting the key is half the work
	if !ok {
		mac = hmac.New(sha256.New, b.Key)
	}
	defer b.macs.Put(mac)
	mac.Reset()
	mac.Write([]byte(strings.Join(parts, "\x00")))
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

// draw returns a random source that depends only on the seed and the parts.
func (b *Bank) draw(parts ...string) *rand.Rand {
	return rand.New(rand.NewPCG(b.mix(parts...), b.mix(append(parts, "2")...))) //nolint:gosec // a virtual bank
}

// Name58 returns an id of n characters that depends only on the seed and the parts.
func (b *Bank) Name58(n int, parts ...string) string {
	r := b.draw(append(parts, "id")...)
	text := make([]byte, n)
	for i := range text {
		text[i] = base58[r.IntN(len(base58))]
	}
	return string(text)
}

// Name88 returns an id like Dapi's, 88 characters of base64, that depends only on the seed and the
// parts.
func (b *Bank) Name88(parts ...string) string {
	mac := hmac.New(sha512.New, b.Key)
	mac.Write([]byte(strings.Join(parts, "\x00")))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Open returns the book of a customer at an institution. Callers hold the mutex.
func (b *Bank) Open(at Institution, username string) *Book {
	if username == "" {
		username = UserGood
	}
	key := at.Country + "\x00" + at.Name + "\x00" + username
	if known := b.books[key]; known != nil {
		return known
	}
	bk := &Book{Bank: b, Institution: at, Username: username}
	bk.Holder = bk.person()
	currency, _ := CurrencyOf(at.Country)
	unit := UnitOf(currency)
	add := func(key string, kind Kind, name string, opening, limit int64) {
		r := b.draw(at.Name, username, key)
		digits := make([]byte, 12)
		for i := range digits {
			digits[i] = "0123456789"[r.IntN(10)]
		}
		number := string(digits)
		bk.Accounts = append(bk.Accounts, &Account{
			Key:      key,
			Kind:     kind,
			Name:     name,
			Number:   number,
			Mask:     number[8:],
			Currency: currency,
			opening:  opening * unit,
			Limit:    limit * unit,
		})
	}
	if at.PlaidID != "" && at.MoneyKitID == "" {
		bk.openAtPlaid(add)
		b.books[key] = bk
		return bk
	}
	add("checking", KindChecking, "Everyday Checking", 2500, 0)
	add("savings", KindSavings, "Rainy Day Savings", 8000, 0)
	add("card", kindCard, "Travel Card", -300, 4000)
	if at.MoneyKitID != "" {
		add("loan", KindLoan, "Car Loan", -24000, 0)
	}
	if slices.Contains(at.Products, "investments") {
		add("investment", KindInvestment, "Brokerage", 12000, 0)
	}
	b.books[key] = bk
	return bk
}

// CustomAccount is an account that a session describes.
type CustomAccount struct{ Kind, Name, Number, Routing string }

// Custom returns a book of accounts that a session described.
func (b *Bank) Custom(at Institution, list []CustomAccount, owners []any) *Book {
	bk := &Book{Bank: b, Institution: at, Username: UserCustom, Owners: owners}
	bk.Holder = bk.person()
	currency, _ := CurrencyOf(at.Country)
	for _, a := range list {
		kind := Kind{MoneyKit: a.Kind, Dapi: "other", Quiet: true, Debt: strings.HasPrefix(a.Kind, "liability")}
		bk.Accounts = append(bk.Accounts, &Account{
			Key:      a.Number,
			Kind:     kind,
			Name:     a.Name,
			Number:   a.Number,
			Mask:     a.Number[max(0, len(a.Number)-4):],
			Currency: currency,
			Routing:  a.Routing,
		})
	}
	return bk
}

// person draws the owner.
func (bk *Book) person() Holder {
	r := bk.Bank.draw(bk.Institution.Name, bk.Username, "person")
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	first, last := pick("Rosa", "Omar", "Lina", "Jack", "Noor"), pick("Example", "Sample", "Muster", "Specimen")
	return Holder{
		Name:  first + " " + last,
		Email: strings.ToLower(first+"."+last) + "@example.com",
		Phone: "+1555010" + pick("0", "1", "2", "3"),
		Street: pick(
			"12 Corniche Road",
			"100 Pine Street",
			"1 High Street",
		),
		City:   bk.Institution.Address.City,
		Region: pick("West", "East"),
		Postal: pick(
			"98101",
			"10001",
			"SW1A 1AA",
		),
		Born:     pick("1984-04-12", "1990-11-30"),
		Document: pick("P1234567", "N7654321"),
	}
}

// State returns the booked balance of an account at a time, and the sum of its pending rows.
func (bk *Book) State(a *Account, at time.Time) (booked, held int64) {
	booked = a.opening
	for _, r := range bk.Rows(a, at, 0) {
		switch {
		case r.Spec != nil:
			continue // scripted rows do not change the balance; the script sets it
		case r.Pending:
			held += r.Amount
		default:
			booked += r.Amount
		}
	}
	return booked, held
}
