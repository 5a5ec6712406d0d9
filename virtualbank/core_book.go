package virtualbank

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

// book is what one customer has at one institution. The same login always opens the same
// book, however often it is linked and through whichever provider.
type book struct {
	bank        *core
	institution coreInstitution
	username    string
	accounts    []*account
	holder      holder
	owners      []any       // given by a session in place of the holder
	drifts      []time.Time // when texts came to be written in another way
	valueSince  time.Time   // from when new rows are written with a day of value
}

// holder is the owner as the bank knows them.
type holder struct{ name, email, phone, street, city, region, postal, born, document string }

// account is one account or card of a book.
type account struct {
	key      string // within the book
	kind     accountKind
	name     string
	mask     string
	number   string
	routing  string // "" is the bank's
	currency string
	opening  int64 // minor units, at the beginning of the ledger; debts are negative
	limit    int64
	closed   bool
	original string // the application's own id of an imported account
	nickname *string

	events   []event // in the order of their first day
	until    day     // the last day for which events were made
	balances *coreBalanceSpec
}

// accountKind names what an account is to either provider.
type accountKind struct {
	moneykit string
	dapi     string
	card     bool // a card, which Dapi lists apart
	debt     bool
	quiet    bool // nothing happens there of itself
}

var (
	kindChecking   = accountKind{moneykit: "depository.checking", dapi: "current"}
	kindSavings    = accountKind{moneykit: "depository.savings", dapi: "savings"}
	kindCard       = accountKind{moneykit: "liability.credit_card", dapi: "credit", card: true, debt: true}
	kindLoan       = accountKind{moneykit: "liability.loan", dapi: "loan", debt: true}
	kindInvestment = accountKind{moneykit: "investment.brokerage", dapi: "other", quiet: true}
)

// mix is a number that depends on the bank's seed and the parts alone.
func (b *core) mix(parts ...string) uint64 {
	mac, ok := b.macs.Get().(hash.Hash) // keyed already: that is half the work, and every id takes two
	if !ok {
		mac = hmac.New(sha256.New, b.jwtKey)
	}
	defer b.macs.Put(mac)
	mac.Reset()
	mac.Write([]byte(strings.Join(parts, "\x00")))
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

// draw is a source of chance that depends on the bank's seed and the parts alone.
func (b *core) draw(parts ...string) *rand.Rand {
	return rand.New(rand.NewPCG(b.mix(parts...), b.mix(append(parts, "2")...))) //nolint:gosec // a virtual bank
}

// name58 is an identifier that depends on the bank's seed and the parts alone.
func (b *core) name58(n int, parts ...string) string {
	r := b.draw(append(parts, "id")...)
	text := make([]byte, n)
	for i := range text {
		text[i] = base58[r.IntN(len(base58))]
	}
	return string(text)
}

// name88 is an identifier as Dapi's are: 88 characters of base64.
func (b *core) name88(parts ...string) string {
	mac := hmac.New(sha512.New, b.jwtKey)
	mac.Write([]byte(strings.Join(parts, "\x00")))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// open returns the customer's book at an institution. Under the mutex.
func (b *core) open(at coreInstitution, username string) *book {
	if username == "" {
		username = userGood
	}
	key := at.Country + "\x00" + at.Name + "\x00" + username
	if known := b.books[key]; known != nil {
		return known
	}
	bk := &book{bank: b, institution: at, username: username}
	bk.holder = bk.person()
	currency, _ := currencyOf(at.Country)
	unit := int64(1)
	for range exponentOf(currency) {
		unit *= 10
	}
	add := func(key string, kind accountKind, name string, opening, limit int64) {
		r := b.draw(at.Name, username, key)
		number := ""
		for range 12 {
			number += string("0123456789"[r.IntN(10)])
		}
		bk.accounts = append(bk.accounts, &account{
			key:      key,
			kind:     kind,
			name:     name,
			number:   number,
			mask:     number[8:],
			currency: currency,
			opening:  opening * unit,
			limit:    limit * unit,
		})
	}
	add("checking", kindChecking, "Everyday Checking", 2500, 0)
	add("savings", kindSavings, "Rainy Day Savings", 8000, 0)
	add("card", kindCard, "Travel Card", -300, 4000)
	if at.MoneyKitID != "" {
		add("loan", kindLoan, "Car Loan", -24000, 0)
	}
	if slices.Contains(at.Products, "investments") {
		add("investment", kindInvestment, "Brokerage", 12000, 0)
	}
	b.books[key] = bk
	return bk
}

// coreCustomAccount is an account that a session brings along.
type coreCustomAccount struct{ Kind, Name, Number, Routing string }

// custom returns a book of accounts that a session brought along.
func (b *core) custom(at coreInstitution, list []coreCustomAccount, owners []any) *book {
	bk := &book{bank: b, institution: at, username: userCustom, owners: owners}
	bk.holder = bk.person()
	currency, _ := currencyOf(at.Country)
	for _, a := range list {
		kind := accountKind{moneykit: a.Kind, dapi: "other", quiet: true, debt: strings.HasPrefix(a.Kind, "liability")}
		bk.accounts = append(bk.accounts, &account{
			key:      a.Number,
			kind:     kind,
			name:     a.Name,
			number:   a.Number,
			mask:     a.Number[max(0, len(a.Number)-4):],
			currency: currency,
			routing:  a.Routing,
		})
	}
	return bk
}

func (bk *book) person() holder {
	r := bk.bank.draw(bk.institution.Name, bk.username, "person")
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	first, last := pick("Rosa", "Omar", "Lina", "Jack", "Noor"), pick("Example", "Sample", "Muster", "Specimen")
	return holder{
		name:  first + " " + last,
		email: strings.ToLower(first+"."+last) + "@example.com",
		phone: "+1555010" + pick("0", "1", "2", "3"),
		street: pick(
			"12 Corniche Road",
			"100 Pine Street",
			"1 High Street",
		),
		city:   bk.institution.address.City,
		region: pick("West", "East"),
		postal: pick(
			"98101",
			"10001",
			"SW1A 1AA",
		),
		born:     pick("1984-04-12", "1990-11-30"),
		document: pick("P1234567", "N7654321"),
	}
}

// state is what an account holds at a moment: booked, and what pending rows will change of it.
func (bk *book) state(a *account, at time.Time) (booked, held int64) {
	booked = a.opening
	for _, r := range bk.rows(a, at, 0) {
		switch {
		case r.spec != nil:
			continue // an amount of the script's own; it sets the balance itself if it wants to
		case r.pending:
			held += r.amount
		default:
			booked += r.amount
		}
	}
	return booked, held
}
