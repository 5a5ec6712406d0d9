// Package reconcile tells what is the same when a bank shows it a second time: accounts after a new
// link or through another provider, transactions under new ids, pending ones that were posted.
//
// [Match] and [Compare] are for applications and adapters. They are pure: values in, values out, no
// I/O and no clock. [Feed] and [Days] are for adapters: engines that sync with any provider by the
// functions that the adapter gives them. Everything may be used by any number of goroutines and
// repeated at will.
//
// The package never merges on an amount alone, never drops a row, and says why it did what it did.
// What it is not sure of it leaves to the caller.
package reconcile

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode"

	"github.com/bankmux/bankmux"
)

// Confidence says how sure a match of two accounts is.
type Confidence int

// The confidences, from the least.
const (
	Possible Confidence = iota + 1 // nothing speaks against it; ask the user
	Likely                         // several things agree and no other account fits
	Certain                        // the bank's own number of the account agrees
)

// String is the confidence in a word.
func (c Confidence) String() string {
	switch c {
	case Possible:
		return "possible"
	case Likely:
		return "likely"
	case Certain:
		return "certain"
	}
	return "none"
}

// Pair is one account before and after.
type Pair struct {
	Old        bankmux.Account
	New        bankmux.Account
	Confidence Confidence
	Reason     string
}

// Ambiguity is a set of accounts that cannot be told apart. The caller decides, or
// asks the user.
type Ambiguity struct {
	Old    []bankmux.Account
	New    []bankmux.Account
	Reason string
}

// Matching is how two lists of accounts belong together. Each account is in exactly one place.
type Matching struct {
	Pairs     []Pair
	Ambiguous []Ambiguity
	OnlyOld   []bankmux.Account
	OnlyNew   []bankmux.Account
}

// Match pairs the accounts of a connection before and after: after a reconnect, a new link to the
// same bank, or a change of provider. The rules go from the surest to the vaguest. Each pairs only
// where exactly one account on either side fits, so what cannot be told apart ends up as ambiguous.
//
// Accounts of different currencies or kinds are never paired, not even under one IBAN or number. A
// credit or prepaid card whose digits changed is paired by its id, or as [Possible] by its name.
// Its old digits under another id go before its id.
//
// The result does not depend on the order of the lists. The time grows with the number of accounts.
func Match(old, new []bankmux.Account) Matching {
	m := newMatcher(old, new)
	for range 2 { // what a later rule takes away can leave one account on either side to an earlier one
		paired := len(m.result.Pairs)
		for i := range rules {
			m.apply(&rules[i])
		}
		if len(m.result.Pairs) == paired {
			break
		}
	}
	m.ambiguous(
		"several under one IBAN, and nothing that tells them apart",
		func(f *facts) token { return token{text: f.marks.iban} },
	)
	m.ambiguous(
		"several under one number, and nothing that tells them apart",
		func(f *facts) token { return token{text: f.marks.number} },
	)
	m.leftOver()
	if len(m.result.Pairs) == 0 {
		m.result.Pairs = nil
	}
	m.result.OnlyOld, m.result.OnlyNew = m.old.accounts(), m.new.accounts()
	return m.result
}

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
		parts = []string{"account", f.shown.name(), f.name}
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

// compact drops what people put into numbers to read them.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, strings.ToUpper(visible(s)))
}

// plain reports whether text is in capitals and spaced already, as banks mostly write it.
func plain(s string) bool {
	space := true
	for _, b := range []byte(s) {
		switch {
		case b == ' ':
			if space {
				return false
			}
			space = true
			continue
		case b < ' ', b >= 0x7f, 'a' <= b && b <= 'z':
			return false
		}
		space = false
	}
	return s == "" || !space
}
