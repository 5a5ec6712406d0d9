package reconcile

// This file makes the keys and aliases of rows.

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
)

// keyVersion is the first part of every key. A change of the recipe gets another version, and rows
// keep their old keys as aliases. Older keys differ where they were made from a text that was not
// in normal form. [newEntry] finds such rows by their stored content.
const keyVersion = "t1:"

// keyBase returns the key of a row without its number among equals. It is a hash of account, day,
// amount, currency, text and the bank's reference. Running balances are left out, since a row that
// is posted late changes those after it. A zero byte separates the parts, so different parts never
// make the same input.
func keyBase(account string, t *bankmux.Transaction, text, reference string) [keyBaseLen]byte {
	return keyHash(account, t.Date, t.Amount, text, reference)
}

// keyBaseLen is the length of a key without its number.
const keyBaseLen = len(keyVersion) + 20

func keyHash(account string, date bankmux.Date, amount bankmux.Money, text, reference string) (key [keyBaseLen]byte) {
	var space [256]byte
	b := append(space[:0], account...)
	b = append(b, 0)
	b = strconv.AppendInt(b, int64(date.Year), 10)
	b = append(b, byte(date.Month), byte(date.Day)) //nolint:gosec // 12 and 31
	b, _ = amount.Decimal().Trim(0).AppendText(b)   // never fails, as documented
	b = append(b, 0)
	b = append(append(b, amount.Currency()...), 0)
	b = append(append(b, text...), 0)
	b = append(b, reference...)
	sum := sha256.Sum256(b)
	copy(key[:], keyVersion)
	base64.RawURLEncoding.Encode(key[len(keyVersion):], sum[:15])
	return key
}

// keyBaseOf returns a key without its number.
func keyBaseOf(key string) string {
	if len(key) > keyBaseLen && key[keyBaseLen] == '#' && strings.IndexByte(key[keyBaseLen+1:], '#') < 0 {
		return key[:keyBaseLen]
	}
	if i := strings.LastIndexByte(key, '#'); i > 0 {
		return key[:i]
	}
	return key
}

// keyNumberOf returns the number of a key among equals, 0 if it has none.
func keyNumberOf(key string) int {
	n, err := strconv.Atoi(key[strings.LastIndexByte(key, '#')+1:])
	if err != nil {
		return 0
	}
	return n
}

// Alias returns the element of [bankmux.Known.Aliases] for a provider's id of a row.
func Alias(provider, id string) string { return "id:" + provider + ":" + id }
