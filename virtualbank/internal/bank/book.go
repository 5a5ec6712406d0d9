package bank

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

// Book is what one customer has at one institution. The same login always opens the same
// book, however often it is linked and through whichever provider.
type Book struct {
	Bank        *Bank
	Institution Institution
	Username    string
	Accounts    []*Account
	Holder      Holder
	Owners      []any       // given by a session in place of the holder
	drifts      []time.Time // when texts came to be written in another way
	valueSince  time.Time   // from when new rows are written with a day of value
}

// holder is the owner as the bank knows them.
type Holder struct{ Name, Email, Phone, Street, City, Region, Postal, Born, Document string }

// Account is one account or card of a book.
type Account struct {
	Key      string // within the book
	Kind     Kind
	Name     string
	Mask     string
	Number   string
	Routing  string // "" is the bank's
	Currency string
	opening  int64 // minor units, at the beginning of the ledger; debts are negative
	Limit    int64
	Closed   bool
	Original string // the application's own id of an imported account
	Nickname *string

	Events   []Event // in the order of their first day
	until    Day     // the last day for which events were made
	Balances *BalanceSpec
}

// Kind names what an account is to either provider.
type Kind struct {
	MoneyKit string
	Dapi     string
	Card     bool // a card, which Dapi lists apart
	Debt     bool
	Quiet    bool // nothing happens there of itself
}

var (
	KindChecking   = Kind{MoneyKit: "depository.checking", Dapi: "current"}
	KindSavings    = Kind{MoneyKit: "depository.savings", Dapi: "savings"}
	kindCard       = Kind{MoneyKit: "liability.credit_card", Dapi: "credit", Card: true, Debt: true}
	KindLoan       = Kind{MoneyKit: "liability.loan", Dapi: "loan", Debt: true}
	KindInvestment = Kind{MoneyKit: "investment.brokerage", Dapi: "other", Quiet: true}
)

// mix is a number that depends on the bank's seed and the parts alone.
func (b *Bank) mix(parts ...string) uint64 {
	mac, ok := b.macs.Get().(hash.Hash) // keyed already: that is half the work, and every id takes two
	if !ok {
		mac = hmac.New(sha256.New, b.JwtKey)
	}
	defer b.macs.Put(mac)
	mac.Reset()
	mac.Write([]byte(strings.Join(parts, "\x00")))
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

// draw is a source of chance that depends on the bank's seed and the parts alone.
func (b *Bank) draw(parts ...string) *rand.Rand {
	return rand.New(rand.NewPCG(b.mix(parts...), b.mix(append(parts, "2")...))) //nolint:gosec // a virtual bank
}

// Name58 is an identifier that depends on the bank's seed and the parts alone.
func (b *Bank) Name58(n int, parts ...string) string {
	r := b.draw(append(parts, "id")...)
	text := make([]byte, n)
	for i := range text {
		text[i] = base58[r.IntN(len(base58))]
	}
	return string(text)
}

// Name88 is an identifier as Dapi's are: 88 characters of base64.
func (b *Bank) Name88(parts ...string) string {
	mac := hmac.New(sha512.New, b.JwtKey)
	mac.Write([]byte(strings.Join(parts, "\x00")))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Open returns the customer's book at an institution. Under the mutex.
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
		number := ""
		for range 12 {
			number += string("0123456789"[r.IntN(10)])
		}
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

// CustomAccount is an account that a session brings along.
type CustomAccount struct{ Kind, Name, Number, Routing string }

// Custom returns a book of accounts that a session brought along.
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

// State is what an account holds at a moment: booked, and what pending rows will change of it.
func (bk *Book) State(a *Account, at time.Time) (booked, held int64) {
	booked = a.opening
	for _, r := range bk.Rows(a, at, 0) {
		switch {
		case r.Spec != nil:
			continue // an amount of the script's own; it sets the balance itself if it wants to
		case r.Pending:
			held += r.Amount
		default:
			booked += r.Amount
		}
	}
	return booked, held
}
