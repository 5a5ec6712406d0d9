package reconcile

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/bankmux/bankmux"
)

// fingerprintVersion begins every fingerprint. A change of the recipe is a migration of the
// caller's data: it gets another version. The first one, "a1:", took no notice of currency and kind
// under an IBAN, and joined the digits at both ends of a mask.
const fingerprintVersion = "a2:"

// Fingerprint names an account by what the bank itself says of it. It is the same through every
// link and provider that says as much: the IBAN, else the number, else the digits shown and the
// name, each with kind and currency. It holds none of them in clear. Two accounts may share one
// where the bank says little; [Match] is for telling those apart.
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

// digest hashes parts so that no two lists of parts give the same.
func digest(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p)
		b.WriteByte(0)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}
