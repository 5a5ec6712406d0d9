package virtualbank

import (
	"encoding/json"
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
