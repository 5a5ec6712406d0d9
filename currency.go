package bankmux

// This file has the currencies of ISO 4217.

//go:generate go run ./internal/iso4217

// Currency is a currency code of ISO 4217, such as "AED". Providers also send codes that ISO 4217
// does not list, such as "USDT", "DOGE" or "GBX" (pence). Those are kept. A code has three capital
// letters, or 4 to 12 capital letters and digits with at least one letter.
type Currency string

type currencyRow struct {
	digits int
	name   string
}

// Known reports whether ISO 4217 lists the currency as in use.
func (c Currency) Known() bool {
	_, ok := currencies[c]
	return ok
}

// Exponent returns the number of digits of the minor unit: 2 for AED, 0 for JPY, 3 for KWD. It
// reports false for a currency without minor units, such as gold, and for an unknown one.
func (c Currency) Exponent() (digits int, ok bool) {
	row, ok := currencies[c]
	if !ok || row.digits < 0 {
		return 0, false
	}
	return row.digits, true
}

// Name returns the English name, and "" for an unknown currency.
func (c Currency) Name() string { return currencies[c].name }

// Valid reports whether the code has the form of a currency code, listed or not.
func (c Currency) Valid() bool {
	if len(c) == 3 {
		return upper(c[0]) && upper(c[1]) && upper(c[2])
	}
	letters := 0
	for _, b := range []byte(c) {
		switch {
		case upper(b):
			letters++
		case b < '0' || b > '9':
			return false
		}
	}
	return letters > 0 && 3 < len(c) && len(c) <= maxCurrency
}

const maxCurrency = 12

func upper(b byte) bool { return 'A' <= b && b <= 'Z' }
