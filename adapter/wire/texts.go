package wire

// This file keeps the texts that rows repeat.

import (
	"github.com/bankmux/bankmux/internal/jsonscan"
)

// texts keeps short texts that were read, since rows repeat many: days, types, merchants.
type texts [256]string

const maxInterned = 64 // bytes of a text that is kept

// intern returns a text that needs no unquoting.
func (t *texts) intern(plain []byte) string {
	if len(plain) == 0 {
		return ""
	}
	held := &t[jsonscan.Hash(plain)]
	switch {
	case *held == string(plain):
		return *held
	case len(plain) > maxInterned:
		return string(plain)
	}
	*held = string(plain)
	return *held
}
