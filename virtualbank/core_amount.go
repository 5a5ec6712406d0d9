package virtualbank

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// exponentOf is how many digits the minor unit of a currency has.
func exponentOf(currency string) int {
	switch currency {
	case "KWD", "BHD", "OMR", "JOD", "TND", "IQD":
		return 3
	case "JPY", "KRW":
		return 0
	}
	return 2
}

// plain writes minor units with all digits of the currency: 4290 is 42.90.
func plain(units int64, currency string) string {
	digits := exponentOf(currency)
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

// number writes minor units as a JSON number without needless digits: 4290 is 42.9.
func number(units int64, currency string) json.RawMessage {
	return verbatim(plain(units, currency))
}

// verbatim makes a JSON number of decimal text, without needless digits behind the point if it is a
// plain one.
func verbatim(text string) json.RawMessage {
	if strings.Contains(text, ".") && !strings.ContainsAny(text, "eE") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return json.RawMessage(text)
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// maybe writes decimal text as it is, null for none.
func maybe(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// plainDecimal is decimal text without exponent: MoneyKit publishes no other form.
var plainDecimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// routingNumber checks the ABA check digit.
func routingNumber(s string) bool {
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
