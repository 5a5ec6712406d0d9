package reconcile

// This file makes the fingerprint of an account.

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/bankmux/bankmux"
)

// fingerprintVersion is the first part of every fingerprint. A change of the recipe is a migration
// of the caller's data, so it gets another version. The first one, "a1:", ignored currency and kind
// under an IBAN, and joined the digits at both ends of a mask.
const fingerprintVersion = "a2:"

// Fingerprint returns a hash that names an account by the bank's own facts. These are the kind, the
// currency, and the IBAN. Without an IBAN it uses the number, and without a number the visible
// digits and the name.
//
// The fingerprint is the same for every link and provider that reports the same facts. Two accounts
// may have the same fingerprint if the bank says little about them. [Match] can distinguish those.
func Fingerprint(a bankmux.Account) string {
	f := factsOf(&a)
	var parts []string
	switch {
	case f.iban != "":
		parts = []string{"iban", f.iban}
	case f.number != "":
		parts = []string{"number", f.number}
	default:
		parts = []string{"account", f.shown.inFingerprint(), f.name}
	}
	return fingerprintVersion + digest(append(parts, string(f.kind), string(f.currency))...)
}

// digest hashes parts so that different lists of parts give different results.
func digest(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p)
		b.WriteByte(0)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}
