package reconcile

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
)

// keyVersion begins every key. Another recipe gets another version, and rows keep their old keys as
// aliases. Keys that were made before texts had a normal form differ where a text was not in it;
// such a row is found by what is stored of it, see [newEntry].
const keyVersion = "t1:"

// keyBase is the key of a row without its number among equals: account, day, amount, currency, text
// and the bank's reference. Running balances are no part of it, for they change with every row that
// is posted late. Between the parts stands a zero byte, so that no two lists of parts are one.
func keyBase(account string, t *bankmux.Transaction, text, reference string) [keyBaseLen]byte {
	return keyHash(account, t.Date, t.Amount, text, reference)
}

// keyBaseLen is how long a base is.
const keyBaseLen = len(keyVersion) + 20

func keyHash(account string, date bankmux.Date, amount bankmux.Money, text, reference string) (key [keyBaseLen]byte) {
	var space [256]byte
	b := append(space[:0], account...)
	b = append(b, 0)
	b = strconv.AppendInt(b, int64(date.Year), 10)
	b = append(b, byte(date.Month), byte(date.Day))
	b, _ = amount.Decimal().Trim(0).AppendText(b) // documented never to fail
	b = append(b, 0)
	b = append(append(b, amount.Currency()...), 0)
	b = append(append(b, text...), 0)
	b = append(b, reference...)
	sum := sha256.Sum256(b)
	copy(key[:], keyVersion)
	base64.RawURLEncoding.Encode(key[len(keyVersion):], sum[:15])
	return key
}

// keyBaseOf is the base of a key.
func keyBaseOf(key string) string {
	if len(key) > keyBaseLen && key[keyBaseLen] == '#' && strings.IndexByte(key[keyBaseLen+1:], '#') < 0 { // as keys are made
		return key[:keyBaseLen]
	}
	if i := strings.LastIndexByte(key, '#'); i > 0 {
		return key[:i]
	}
	return key
}

// keyNumberOf is the number of a key among equals, 0 if it has none.
func keyNumberOf(key string) int {
	n, err := strconv.Atoi(key[strings.LastIndexByte(key, '#')+1:])
	if err != nil {
		return 0
	}
	return n
}

// numberedKey is the key of the n-th of equal rows, from 1.
func numberedKey(base string, n int) string { return base + "#" + strconv.Itoa(n) }

// Alias is a provider's id as a name of a row, as in [Known.Aliases].
func Alias(provider, id string) string { return "id:" + provider + ":" + id }
