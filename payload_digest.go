package bankmux

// This file recognizes a payload that was posted before.

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"

	"github.com/bankmux/bankmux/internal/strictjson"
)

// PayloadDigest returns the digest by which a store recognizes a payload that was posted before.
// Payloads with the same members have the same digest. Spacing, the order of members and escapes in
// texts do not count. A payload that [ParsePayload] rejects has the digest of its bytes.
func PayloadDigest(raw []byte) [sha256.Size]byte {
	if _, err := ParsePayload(raw); err != nil {
		return sha256.Sum256(raw)
	}
	var members map[string]any
	decoder := json.NewDecoder(bytes.NewReader(strictjson.WithoutMark(raw)))
	decoder.UseNumber() // the text of a number stays as it is
	if err := decoder.Decode(&members); err != nil {
		return sha256.Sum256(raw)
	}
	canonical, err := json.Marshal(members) // sorted by key
	if err != nil {
		return sha256.Sum256(raw)
	}
	return sha256.Sum256(canonical)
}
