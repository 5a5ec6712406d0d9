package wire

// This file makes the texts of a response. Short ones share memory, and rows share what they
// repeat.

import (
	"unsafe"

	"github.com/bankmux/bankmux/internal/jsonscan"
)

// texts keeps short texts that were read, since rows repeat many: days, types, merchants.
type texts [256]string

const maxInterned = 64 // bytes of a text that is kept

// intern returns a text that needs no unquoting.
func (t *texts) intern(plain []byte, short *shortTexts) string {
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
	*held = short.make(plain)
	return *held
}

// shortTexts makes texts. Its short ones share blocks of memory, so that most responses need one or
// two. A long one has its own memory.
type shortTexts struct {
	block []byte // which is appended to, and never changed
}

const (
	maxShort       = 40 // bytes of a text that shares memory, so that the id of a row does
	firstTextBlock = 128
	maxTextBlock   = 1024 // one text that is kept keeps as much
)

// make returns the text.
func (t *shortTexts) make(plain []byte) string {
	n := len(plain)
	if n > maxShort || n == 0 {
		return string(plain)
	}
	if cap(t.block)-len(t.block) < n {
		t.block = make([]byte, 0, min(max(2*cap(t.block), firstTextBlock), maxTextBlock))
	}
	start := len(t.block)
	t.block = append(t.block, plain...)
	return unsafe.String(&t.block[start], n) //nolint:gosec // these bytes never change
}
