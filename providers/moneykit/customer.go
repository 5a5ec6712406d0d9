package moneykit

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// customerPrefix marks the ids at MoneyKit that stand for an id it would refuse.
const customerPrefix = "bankmux-user-"

// CustomerID returns the id under which MoneyKit knows a user of the application. MoneyKit takes
// ids of 4 to 150 characters, so a shorter or longer one is replaced by a digest of it. Every other
// id is used as it is. The result for one user is always the same, and two users never share one.
//
// All functions of this package take the application's own id. CustomerID serves to find a user in
// MoneyKit's dashboard, or in its answers to other programs.
func CustomerID(user string) string {
	n := utf8.RuneCountInString(user)
	if user == "" || (n >= minUser && n <= maxUser && !strings.HasPrefix(user, customerPrefix)) {
		return user
	}
	sum := sha256.Sum256([]byte(user))
	return customerPrefix + base64.RawURLEncoding.EncodeToString(sum[:])
}
