package normalize

// This file reads currencies, amounts and directions.

import (
	"strings"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
)

// CurrencyCode returns a provider's currency as a code, "" for anything else. It ignores space
// around the code. A code of three letters may be in either case. A longer code must be in
// capitals, as providers write it: "dirham" is a name and not a code.
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

// Direction is the direction in which the money of a transaction moved.
type Direction int

// The directions. MoneyKit and Dapi write "credit" for money into the account and "debit" for money
// out of it, for every kind of account.
const (
	Unknown Direction = iota
	In
	Out
)

// DirectionOf returns the direction that a transaction's type names. It is Unknown for other words.
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

// Signed returns an exact amount with the sign of its direction, whatever sign d has. An unknown
// direction is [bankmux.ErrMalformed].
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
