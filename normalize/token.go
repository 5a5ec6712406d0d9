package normalize

// This file checks tokens before they are sent.

import "github.com/bankmux/bankmux"

// maxToken is the length of the longest credential that is sent. Servers refuse headers of more
// than 8 to 64 KiB, and a refusal of each call would look like an outage.
const maxToken = 16 << 10

// Token reports whether s can be sent in a header as a credential. It must have 1 byte to 16 KiB,
// and all of it must be visible ASCII. Check a credential when it is received. If net/http refuses
// to send it, as with a line break, every later call would fail.
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

// UnsendableToken returns the error for a payload of the front end whose token is not a [Token].
func UnsendableToken() *bankmux.Error {
	return &bankmux.Error{
		Kind: bankmux.ErrInvalid, Field: "ExchangeRequest.Payload",
		Detail: "has a token that is too long or has other than visible characters", NotSent: true,
	}
}
