// Package reconcile tells what is the same when a bank shows it a second time: accounts after a new link or through another
// provider, transactions under new ids, pending ones that were posted. It is pure: values in, values out, no I/O, no clock, and everything in
// it may be used by any number of goroutines and repeated at will.
//
// It never merges on an amount alone, never drops a row, and says why it did what it did. What it is not sure of it leaves to
// the caller.
package reconcile

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

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

// Ambiguity is a set of accounts of which nobody can tell which is which. The caller decides, or asks the user.
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

// rule is a way to recognise an account. An account without a token is none of its business.
type rule struct {
	confidence Confidence
	reason     string
	token      func(bankmux.Account) string
	fits       func(old, new bankmux.Account) bool
}

// The rules, the surest first. A rule pairs accounts only where it finds one of each.
var rules = []rule{
	{Certain, "the same IBAN", func(a bankmux.Account) string { return compact(a.IBAN) }, always},
	{Certain, "the same account number", func(a bankmux.Account) string { return compact(a.Number) }, compatible},
	{Certain, "the same id of the application's own", func(a bankmux.Account) string { return a.OriginalID }, compatible},
	{Certain, "the same id of the provider", func(a bankmux.Account) string { return a.ID }, compatible},
	{Likely, "the same last digits, kind and currency", func(a bankmux.Account) string {
		if digits := lastDigits(a); digits != "" && a.Currency != "" {
			return digits + " " + string(a.Kind) + " " + string(a.Currency)
		}
		return ""
	}, compatible},
	{Likely, "the same last digits and name", func(a bankmux.Account) string {
		if digits, name := lastDigits(a), words(a.Name); digits != "" && name != "" {
			return digits + " " + name
		}
		return ""
	}, compatible},
	{Likely, "the same name, kind and currency", func(a bankmux.Account) string {
		if name := words(a.Name); name != "" && a.Currency != "" {
			return name + " " + string(a.Kind) + " " + string(a.Currency)
		}
		return ""
	}, compatible},
	{Possible, "the only one of its kind and currency left on either side", func(a bankmux.Account) string {
		return "left " + string(a.Kind) + " " + string(a.Currency)
	}, compatible},
}

func always(_, _ bankmux.Account) bool { return true }

// Match pairs the accounts of a connection before and after: after a reconnect, a new link to the same bank, or a change of provider. The rules go from
// the surest to the vaguest; each pairs only where exactly one account on either side fits, so accounts that cannot be told apart end up as ambiguous, never as a guess.
// The result does not depend on the order of the lists.
func Match(old, new []bankmux.Account) Matching {
	var m Matching
	old, new = sorted(old), sorted(new)
	for _, r := range rules {
		olds, news := byToken(old, r), byToken(new, r)
		for _, token := range tokens(olds) {
			a, b := olds[token], news[token]
			if len(a) == 1 && len(b) == 1 && r.fits(a[0], b[0]) {
				m.Pairs = append(m.Pairs, Pair{a[0], b[0], r.confidence, r.reason})
				old, new = without(old, a[0]), without(new, b[0])
			}
		}
	}
	last := rules[len(rules)-1]
	olds, news := byToken(old, last), byToken(new, last)
	for _, token := range tokens(olds) {
		a, b := olds[token], news[token]
		if len(b) == 0 || (len(a) == 1 && len(b) == 1) { // a single pair that did not fit is contradicted
			continue
		}
		m.Ambiguous = append(m.Ambiguous, Ambiguity{a, b, "several of the same kind and currency, and nothing that tells them apart"})
		for _, x := range a {
			old = without(old, x)
		}
		for _, x := range b {
			new = without(new, x)
		}
	}
	m.OnlyOld, m.OnlyNew = old, new
	return m
}

// compatible reports whether nothing the bank said of the two contradicts their being one.
func compatible(old, new bankmux.Account) bool {
	differ := func(a, b string) bool { return a != "" && b != "" && a != b }
	switch {
	case differ(compact(old.IBAN), compact(new.IBAN)),
		differ(compact(old.Number), compact(new.Number)),
		differ(lastDigits(old), lastDigits(new)) && !within(old, new) && !within(new, old),
		differ(string(old.Currency), string(new.Currency)):
		return false
	}
	vague := func(k bankmux.AccountKind) bool {
		return k == "" || k == bankmux.AccountUnknown || k == bankmux.AccountOther
	}
	return old.Kind == new.Kind || vague(old.Kind) || vague(new.Kind)
}

// within reports whether the number of one account stands in the IBAN of the other, which may end in digits of its own.
func within(a, b bankmux.Account) bool {
	number := compact(a.Number)
	return len(number) >= shortestNumber && strings.Contains(compact(b.IBAN), number)
}

// shortestNumber is how long a number must be to prove something by standing in an IBAN.
const shortestNumber = 6

// fingerprintVersion begins every fingerprint. A change of the recipe is a migration of the caller's data: it gets another version.
const fingerprintVersion = "a1:"

// Fingerprint names an account by what the bank itself says of it, the same through every link and provider that says as much: by IBAN, else by its
// number, else by last digits, kind, currency and name. It holds none of them in clear. Two accounts may share one where the bank
// says little; [Match] is for telling those apart.
func Fingerprint(a bankmux.Account) string {
	var parts []string
	switch {
	case a.IBAN != "":
		parts = []string{"iban", compact(a.IBAN)}
	case a.Number != "":
		parts = []string{"number", compact(a.Number), string(a.Currency)}
	default:
		parts = []string{"account", lastDigits(a), string(a.Kind), string(a.Currency), words(a.Name)}
	}
	return fingerprintVersion + digest(parts...)
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
		switch r {
		case ' ', '-', '.':
			return -1
		}
		return r
	}, strings.ToUpper(s))
}

// lastDigits are the last four of a number, however it is shown.
func lastDigits(a bankmux.Account) string {
	for _, s := range []string{a.Mask, a.Number, a.IBAN} {
		var digits []byte
		for _, b := range []byte(s) {
			if '0' <= b && b <= '9' {
				digits = append(digits, b)
			}
		}
		if len(digits) >= 4 {
			return string(digits[len(digits)-4:])
		}
	}
	return ""
}

// words is text without what changes: case, and how it is spaced.
func words(s string) string {
	if plain(s) {
		return s
	}
	return strings.Join(strings.Fields(strings.ToUpper(s)), " ")
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

func sorted(list []bankmux.Account) []bankmux.Account {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b bankmux.Account) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func byToken(list []bankmux.Account, r rule) map[string][]bankmux.Account {
	found := map[string][]bankmux.Account{}
	for _, a := range list {
		if token := r.token(a); token != "" {
			found[token] = append(found[token], a)
		}
	}
	return found
}

func tokens(found map[string][]bankmux.Account) []string {
	all := make([]string, 0, len(found))
	for token := range found {
		all = append(all, token)
	}
	slices.Sort(all)
	return all
}

func without(list []bankmux.Account, a bankmux.Account) []bankmux.Account {
	return slices.DeleteFunc(slices.Clone(list), func(x bankmux.Account) bool { return x == a })
}
