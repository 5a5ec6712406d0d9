package guard

// This file has the names under which a fleet stores its state.

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// newHolder returns a name that no other call of any process has.
func newHolder() string { return rand.Text() }

// maxName is the longest name that is stored as it is.
const maxName = 200

// shortName returns a name of at most maxName printable bytes, a digest if need be.
func shortName(name []byte) string {
	text := string(name)
	odd := func(r rune) bool { return r < ' ' || r == utf8.RuneError }
	if len(text) <= maxName && utf8.ValidString(text) && !strings.ContainsFunc(text, odd) {
		return text
	}
	sum := sha256.Sum256(name)
	return "sha256:" + hex.EncodeToString(sum[:])
}
