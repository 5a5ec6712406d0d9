package reconcile

// This file reads masked account numbers: which digits they show and whether two of them agree.

import (
	"strings"
	"unicode"
)

// How many last digits identify an account. Three do so only together with another fact.
const (
	strongTail = 4
	weakTail   = 3
)

// digits is what a mask shows of a number: its first and its last digits. "12****34" shows two of
// each. So it does not contradict a number that ends in 1234.
type digits struct{ head, tail string }

// digitsOf reads a mask, whatever character stands for the hidden part. A text without a hidden
// part, such as "4410", is all tail.
func digitsOf(mask string) digits {
	mask = strings.Map(plainDigit, mask)
	return digits{head: mask[:max(strings.IndexByte(mask, '*'), 0)], tail: mask[strings.LastIndexByte(mask, '*')+1:]}
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

// plainDigit maps digits to 0 to 9, and characters that hide digits to "*". It drops separators and
// invisible characters.
func plainDigit(r rune) rune {
	switch {
	case isDigit(r):
		return r
	case '٠' <= r && r <= '٩':
		return r - '٠' + '0'
	case '۰' <= r && r <= '۹':
		return r - '۰' + '0'
	case r == '-' || r == '.' || r == '/' || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r):
		return -1
	}
	return '*'
}

// masked reports whether a part of a number is hidden, so that it does not identify one account.
func masked(number string) bool {
	return strings.ContainsAny(number, "*•·●#…?_") || strings.Contains(number, "XX")
}

// last returns the last n digits, "" if fewer are shown.
func (d digits) last(n int) string {
	if len(d.tail) < n {
		return ""
	}
	return d.tail[len(d.tail)-n:]
}

// ends returns the digits at both ends. It returns "" if fewer than four are shown or one end is
// hidden.
func (d digits) ends() string {
	if d.head == "" || d.tail == "" || len(d.head)+len(d.tail) < strongTail {
		return ""
	}
	return d.head + "*" + d.tail
}

// inFingerprint returns what stands for the digits in a fingerprint: the last four, the last three,
// or those of both ends.
func (d digits) inFingerprint() string {
	for _, n := range []int{strongTail, weakTail} {
		if last := d.last(n); last != "" {
			return last
		}
	}
	return d.ends()
}

// digitsContradict reports whether no number shows both.
func digitsContradict(a, b digits) bool {
	return (!strings.HasSuffix(a.tail, b.tail) && !strings.HasSuffix(b.tail, a.tail)) ||
		(!strings.HasPrefix(a.head, b.head) && !strings.HasPrefix(b.head, a.head))
}

// digitsAgree reports whether the digits support that two accounts are one. At least the last three
// agree, or those at both ends.
func digitsAgree(a, b digits) bool {
	if digitsContradict(a, b) {
		return false
	}
	return (len(a.tail) >= weakTail && len(b.tail) >= weakTail) || (a.ends() != "" && a.ends() == b.ends())
}
