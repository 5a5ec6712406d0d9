package bankmux

// This file reads exact numbers.

import "github.com/govalues/decimal"

// ParseDecimal reads a number exactly, in plain or exponent notation. It reports false for a number
// that it would have to round. decimal.Parse rounds such a number. Of the zeros at the end of a
// fraction, it keeps those that fit. A text of more than 330 bytes is not read.
func ParseDecimal(s string) (decimal.Decimal, bool) {
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	digits, significant, fraction, point := 0, 0, 0, false
	coefficient := int64(0)
	for ; i < len(s); i++ {
		switch b := s[i]; {
		case '0' <= b && b <= '9':
			digits++
			if significant > 0 || b != '0' {
				significant++
			}
			coefficient = coefficient*10 + int64(b-'0') // looked at only if it cannot have overflowed
			if point {
				fraction++
			}
			continue
		case b == '.' && !point:
			point = true
			continue
		}
		break
	}
	if digits == 0 {
		return decimal.Decimal{}, false
	}
	if i == len(s) && digits <= safeDigits { // the common case, without a second look at the text
		if s[0] == '-' {
			coefficient = -coefficient
		}
		d, err := decimal.New(coefficient, fraction)
		return d, err == nil
	}
	exponent, ok := parseExponent(s[i:])
	if !ok || !exact(s[:i], significant, fraction-exponent) {
		return decimal.Decimal{}, false
	}
	d, err := decimal.Parse(s)
	return d, err == nil
}

// exact reports whether decimal.Parse need not round a number. coefficient is its text without the
// exponent.
func exact(coefficient string, significant, scale int) bool {
	if significant == 0 {
		return true
	}
	if significant-scale > decimal.MaxPrec { // the whole part does not fit
		return false
	}
	for i := len(coefficient); i > 0 && scale > 0; i-- { // a zero at the end of the fraction may be dropped
		switch coefficient[i-1] {
		case '0':
			significant--
			scale--
			continue
		case '.':
			continue
		}
		break
	}
	return significant <= decimal.MaxPrec && scale <= decimal.MaxScale
}

// safeDigits is how many digits an int64 holds, whichever they are.
const safeDigits = 18

// parseExponent reads "", "e3", "E-02".
func parseExponent(s string) (n int, ok bool) {
	if s == "" {
		return 0, true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return 0, false
	}
	s = s[1:]
	negative := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	if s == "" {
		return 0, false
	}
	for _, b := range []byte(s) {
		if b < '0' || b > '9' || n > 100 {
			return 0, false
		}
		n = n*10 + int(b-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}
