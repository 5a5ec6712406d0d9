package normalize

import "github.com/bankmux/bankmux"

// maxToken is the longest credential that is sent. Servers refuse headers of more than 8 to 64 KiB,
// and a refusal of each call would look like an outage.
const maxToken = 16 << 10

// Token reports whether s can be sent in a header as a credential: it is not empty, not longer than
// 16 KiB, and all of it is visible ASCII. What net/http would refuse to send, such as a line break,
// must be refused where the credential comes from: later it would fail every call that is made with
// it.
func Token(s string) bool {
	if s == "" || len(s) > maxToken {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// UnsendableToken is the error for a payload of the front end whose token is not a [Token].
func UnsendableToken() *bankmux.Error {
	return &bankmux.Error{
		Kind: bankmux.ErrInvalid, Field: "ExchangeRequest.Payload",
		Detail: "has a token that is too long or has other than visible characters", NotSent: true,
	}
}
