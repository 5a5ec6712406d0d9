package bank

// This file writes amounts and checks numbers.

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// ExponentOf returns the number of decimal places of a currency.
func ExponentOf(currency string) int {
	switch currency {
	case "KWD", "BHD", "OMR", "JOD", "TND", "IQD":
		return 3
	case "JPY", "KRW":
		return 0
	}
	return 2
}

// UnitOf returns one major unit of a currency in minor units.
func UnitOf(currency string) int64 {
	unit := int64(1)
	for range ExponentOf(currency) {
		unit *= 10
	}
	return unit
}

// Plain returns minor units as decimal text with all decimal places: 4290 is 42.90.
func Plain(units int64, currency string) string {
	digits := ExponentOf(currency)
	sign := ""
	if units < 0 {
		sign, units = "-", -units
	}
	text := strconv.FormatInt(units, 10)
	if digits == 0 {
		return sign + text
	}
	if len(text) <= digits {
		text = strings.Repeat("0", digits-len(text)+1) + text
	}
	return sign + text[:len(text)-digits] + "." + text[len(text)-digits:]
}

// Number returns minor units as a JSON number without trailing zeros: 4290 is 42.9.
func Number(units int64, currency string) json.RawMessage {
	return verbatim(Plain(units, currency))
}

// verbatim returns decimal text as a JSON number. Text without an exponent loses its trailing
// zeros.
func verbatim(text string) json.RawMessage {
	if strings.Contains(text, ".") && !strings.ContainsAny(text, "eE") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return json.RawMessage(text)
}

// Abs returns the absolute value of n.
func Abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// RawOrNull returns decimal text as a JSON number, and nil for "".
func RawOrNull(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// PlainDecimal matches decimal text without an exponent.
var PlainDecimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// IsRoutingNumber reports whether s has nine digits and a valid ABA check digit.
func IsRoutingNumber(s string) bool {
	if len(s) != 9 {
		return false
	}
	sum := 0
	for i, weight := range []int{3, 7, 1, 3, 7, 1, 3, 7, 1} {
		d := int(s[i]) - '0'
		if d < 0 || d > 9 {
			return false
		}
		sum += weight * d
	}
	return sum > 0 && sum%10 == 0
}
