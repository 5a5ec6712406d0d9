package bankmux

import (
	"encoding/json"
	"log/slog"
	"strings"

	"github.com/govalues/decimal"
)

// Money is an exact amount in a currency. It keeps every digit that was sent, so 42.90 stays 42.90.
// It is immutable.
//
// There is one rule for signs. Money into the account is positive, and money out of it is negative.
// What the user has is positive, and what the user owes is negative. The adapters convert amounts
// to this rule.
//
// The zero Money is an absent amount, and never 0: see [Money.IsZero].
//
// Compare amounts with [Money.Equal]. The operator == also compares the digits that were sent, so
// 42.9 and 42.90 differ.
type Money struct {
	amount   decimal.Decimal
	currency Currency
}

// NewMoney reads an amount in plain or exponent notation: "42.90", "-784.6", "1e3". The error is
// [ErrInvalid] for text that is not a number, and for a currency that is not a [Currency] code. It
// is also ErrInvalid for an amount that [ParseDecimal] would have to round, which has more than 19
// digits.
func NewMoney(amount string, c Currency) (Money, error) {
	if !c.Valid() {
		return Money{}, invalid(
			"Money",
			"has a currency that is not three capital letters, or 4 to 12 capital letters and digits",
		)
	}
	d, ok := ParseDecimal(amount)
	if !ok {
		return Money{}, invalid("Money", "has an amount that is not a number of at most 19 digits")
	}
	return Money{amount: d, currency: c}, nil
}

// MoneyOf returns Money from a parsed decimal. The error is [ErrInvalid] for a currency that is not
// a [Currency] code.
func MoneyOf(amount decimal.Decimal, c Currency) (Money, error) {
	if !c.Valid() {
		return Money{}, invalid(
			"Money",
			"has a currency that is not three capital letters, or 4 to 12 capital letters and digits",
		)
	}
	return Money{amount: amount, currency: c}, nil
}

// MoneyFromMinor returns an amount that is given in minor units: 4290 fils of AED are 42.90. The
// error is [ErrInvalid] for a currency without minor units.
func MoneyFromMinor(units int64, c Currency) (Money, error) {
	digits, ok := c.Exponent()
	if !ok {
		return Money{}, invalid("Money", "is of a currency without minor units")
	}
	d, err := decimal.New(units, digits)
	if err != nil {
		return Money{}, invalid("Money", "is too large")
	}
	return Money{amount: d, currency: c}, nil
}

// Currency returns the currency, and "" for the zero Money.
func (m Money) Currency() Currency { return m.currency }

// Decimal returns the amount as a number.
func (m Money) Decimal() decimal.Decimal { return m.amount }

// Amount returns the amount in plain notation, with the digits that were sent, and "" for the zero
// Money.
func (m Money) Amount() string {
	if m.IsZero() {
		return ""
	}
	return m.amount.String()
}

// String returns amount and currency, as in "42.90 AED", and "" for the zero Money. The amount has
// at least the digits of the currency's minor unit, so 2.1 AED is "2.10 AED". Further digits stay.
// [Money.Amount] and JSON have the digits that were sent.
func (m Money) String() string {
	if m.IsZero() {
		return ""
	}
	text := m.amount.String()
	if minor, ok := m.currency.Exponent(); ok && m.amount.Scale() < minor {
		if m.amount.Scale() == 0 {
			text += "."
		}
		text += strings.Repeat("0", minor-m.amount.Scale())
	}
	return text + " " + string(m.currency)
}

// IsZero reports whether the amount is absent. It is false for an amount of 0.
func (m Money) IsZero() bool { return m.currency == "" }

// Sign returns -1 for a negative amount, 0 for 0, and 1 for a positive amount.
func (m Money) Sign() int { return m.amount.Sign() }

// Neg returns the amount with the opposite sign.
func (m Money) Neg() Money { return Money{amount: m.amount.Neg(), currency: m.currency} }

// Abs returns the amount without its sign.
func (m Money) Abs() Money { return Money{amount: m.amount.Abs(), currency: m.currency} }

// Equal reports whether both are the same value in the same currency: 42.9 AED and 42.90 AED are
// equal.
func (m Money) Equal(n Money) bool { return m.currency == n.currency && m.amount.Cmp(n.amount) == 0 }

// Cmp returns -1 if m is less than n, 0 if they are equal, and 1 if m is greater. The error is
// [ErrInvalid] for different currencies or an absent amount.
func (m Money) Cmp(n Money) (int, error) {
	if err := m.match(n); err != nil {
		return 0, err
	}
	return m.amount.Cmp(n.amount), nil
}

// Add returns the exact sum. The error is [ErrInvalid] for different currencies, an absent amount,
// or a sum of more than 19 digits.
func (m Money) Add(n Money) (Money, error) {
	if err := m.match(n); err != nil {
		return Money{}, err
	}
	sum, err := m.amount.AddExact(n.amount, max(m.amount.Scale(), n.amount.Scale()))
	if err != nil {
		return Money{}, invalid("Money", "has a sum of more than 19 digits")
	}
	return Money{amount: sum, currency: m.currency}, nil
}

// Sub returns the exact difference. Errors are those of [Money.Add].
func (m Money) Sub(n Money) (Money, error) { return m.Add(n.Neg()) }

func (m Money) match(n Money) error {
	if m.IsZero() || n.IsZero() {
		return invalid("Money", "is absent")
	}
	if m.currency != n.currency {
		return invalid("Money", "is in "+string(m.currency)+" and "+string(n.currency))
	}
	return nil
}

// Minor returns the amount in minor units: 42.90 AED are 4290. It never rounds. The error is
// [ErrInvalid] for an absent amount, a currency without minor units, digits beyond them, and more
// units than an int64 holds.
func (m Money) Minor() (int64, error) {
	digits, ok := m.currency.Exponent()
	if !ok {
		return 0, invalid("Money", "is absent or of a currency without minor units")
	}
	if m.amount.MinScale() > digits {
		return 0, invalid("Money", "has digits beyond the minor unit")
	}
	d := m.amount.Trim(digits)
	units := d.Coef()
	for range digits - d.Scale() {
		if units > maxUnits/10 {
			return 0, invalid("Money", "is too large")
		}
		units *= 10
	}
	if units > maxUnits {
		return 0, invalid("Money", "is too large")
	}
	if m.amount.IsNeg() {
		return -int64(units), nil
	}
	return int64(units), nil
}

const maxUnits = 1<<63 - 1

// LogValue returns what [Money.String] returns.
func (m Money) LogValue() slog.Value { return slog.StringValue(m.String()) }

type moneyJSON struct {
	Amount   string   `json:"amount"`
	Currency Currency `json:"currency"`
}

// MarshalJSON writes {"amount":"42.90","currency":"AED"}, null for the zero Money.
func (m Money) MarshalJSON() ([]byte, error) {
	if m.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(moneyJSON{m.amount.String(), m.currency})
}

// UnmarshalJSON reads what MarshalJSON writes. The error is [ErrInvalid] for anything else. That
// includes an amount that is a JSON number, because it may have been rounded before.
func (m *Money) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		*m = Money{}
		return nil
	}
	var in moneyJSON
	if json.Unmarshal(raw, &in) != nil {
		return invalid("Money", `is not {"amount":"…","currency":"…"}`)
	}
	read, err := NewMoney(in.Amount, in.Currency)
	if err != nil {
		return err
	}
	*m = read
	return nil
}
