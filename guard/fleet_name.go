package guard

// This file has the names under which a fleet stores its state.

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// maxName is the longest name that is stored as it is.
const maxName = 200

// place joins parts to one name of printable text. Different parts give different names. A long
// name is replaced by a digest.
func place(parts ...string) string {
	var name []byte
	for _, part := range parts {
		name = strconv.AppendQuote(name, part)
	}
	if len(name) <= maxName {
		return string(name)
	}
	sum := sha256.Sum256(name)
	return "sha256:" + hex.EncodeToString(sum[:])
}
