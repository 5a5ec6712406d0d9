package normalize

import (
	"strings"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
)

// CurrencyCode returns a provider's currency as a code, "" for anything else. Space around it is
// ignored, and so is the case of three letters. A longer code is accepted in capitals only, as
// providers write it: "dirham" is a name and not a code.
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

// Amount returns an exact amount in a provider's currency. A missing or invalid currency is
// [bankmux.ErrMalformed], because it must not be guessed.
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

// Direction is the way a transaction's money went.
type Direction int

// The directions. MoneyKit and Dapi write "credit" for money into the account and "debit" for money
// out of it, for every kind of account.
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

// Signed gives an amount the sign of its direction; a sign that it has is dropped. An unknown
// direction is [bankmux.ErrMalformed], since the amount has no sign then.
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
