package normalize

import (
	"strings"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
)

// CurrencyCode returns a provider's currency as a code, "" for anything else. Space around it does
// not count. The case of three letters does not count either. A longer code is kept only in
// capitals, as providers write it: "dirham" is a name, not a currency of its own.
func CurrencyCode(s string) bankmux.Currency {
	if c := bankmux.Currency(s); c.Valid() {
		return c
	}
	c := bankmux.Currency(strings.TrimSpace(s))
	if len(c) == len("AED") {
		c = bankmux.Currency(strings.ToUpper(string(c)))
	}
	if c.Valid() {
		return c
	}
	return ""
}

// Amount is an exact amount in a provider's currency. A missing or odd currency is
// [bankmux.ErrMalformed]: it must not be guessed.
func Amount(d decimal.Decimal, currency string) (bankmux.Money, *bankmux.Error) {
	code := CurrencyCode(currency)
	if code == "" {
		return bankmux.Money{}, Unreadable("an amount without currency")
	}
	m, err := bankmux.MoneyOf(d, code)
	if err != nil {
		return bankmux.Money{}, Unreadable("an amount without currency")
	}
	return m, nil
}

// Direction says which way a transaction's money went.
type Direction int

// The directions. MoneyKit and Dapi write "credit" for money into the account and "debit" for money
// out of it, whatever the account.
const (
	Unknown Direction = iota
	In
	Out
)

// DirectionOf reads a transaction's type.
func DirectionOf(word string) Direction {
	switch word {
	case "credit":
		return In
	case "debit":
		return Out
	}
	if strings.EqualFold(word, "credit") {
		return In
	}
	if strings.EqualFold(word, "debit") {
		return Out
	}
	return Unknown
}

// Signed gives an amount, of which the size alone counts, the sign of its direction. An unknown
// direction is [bankmux.ErrMalformed]: an amount of unknown sign is none.
func Signed(d decimal.Decimal, direction Direction, currency string) (bankmux.Money, *bankmux.Error) {
	d = d.Abs()
	switch direction {
	case Out:
		d = d.Neg()
	case In:
	default:
		return bankmux.Money{}, Unreadable("a transaction that says neither credit nor debit")
	}
	return Amount(d, currency)
}
