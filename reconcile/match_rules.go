package reconcile

import (
	"strings"

	"github.com/bankmux/bankmux"
)

// token is what the accounts of a rule have in common. The zero token is none.
type token struct{ text, name, kind, currency mark }

// rule is a way to recognise an account. It ignores accounts without a token.
type rule struct {
	confidence Confidence
	reason     string
	token      func(*facts) token
	fits       func(old, new *facts) bool
}

// The rules, the surest first. A rule pairs accounts only where it finds one of each. An IBAN and a
// number may hold several accounts, so the first try takes kind and currency into account.
var rules = []rule{
	{Certain, "the same IBAN, kind and currency", func(f *facts) token { return f.inBooks(f.marks.iban) }, sameBooks},
	{Certain, "the same IBAN", func(f *facts) token { return token{text: f.marks.iban} }, sameBooks},
	{
		Certain,
		"the same account number, kind and currency",
		func(f *facts) token { return f.inBooks(f.marks.number) },
		sameNumbers,
	},
	{Certain, "the same account number", func(f *facts) token { return token{text: f.marks.number} }, sameNumbers},
	{Certain, "the same persistent id", (*facts).byPersistent, samePersistent},
	{Certain, "the same id of the application's own", (*facts).byOriginal, compatible},
	{Certain, "the same id of the provider", (*facts).byID, compatible},
	{
		Likely,
		"the same last digits, kind and currency",
		func(f *facts) token { return f.inKnownBooks(f.marks.four) },
		compatible,
	},
	{Likely, "the same last digits and name", func(f *facts) token { return f.named(f.marks.four) }, compatible},
	{
		Likely,
		"the same digits at both ends, kind and currency",
		func(f *facts) token { return f.inKnownBooks(f.marks.ends) },
		compatible,
	},
	{Likely, "the same three last digits and name", func(f *facts) token { return f.named(f.marks.three) }, compatible},
	// A new card has other digits. Where the old digits are under another id, the ids were given
	// out again.
	{Certain, "the same id of the application's own", (*facts).byOriginal, reissued},
	{Certain, "the same id of the provider", (*facts).byID, reissued},
	{
		Likely,
		"the same name, kind and currency",
		func(f *facts) token { return f.inKnownBooks(f.marks.name) },
		compatibleAndAlike,
	},
	{
		Possible,
		"the same three last digits, kind and currency",
		func(f *facts) token { return f.inKnownBooks(f.marks.three) },
		compatible,
	},
	{
		Possible,
		"the same name, kind and currency, under other digits",
		func(f *facts) token { return f.inKnownBooks(f.marks.name) },
		compatibleOrReissued,
	},
}

func (f *facts) byPersistent() token { return token{text: f.marks.persistent} }

func (f *facts) byOriginal() token { return token{text: f.marks.original} }

func (f *facts) byID() token { return token{text: f.marks.id} }

// inBooks adds kind and currency to a text; there is no token without a text.
func (f *facts) inBooks(text mark) token {
	if text == 0 {
		return token{}
	}
	return token{text: text, kind: f.marks.kind, currency: f.marks.currency}
}

// inKnownBooks is inBooks where the currency is known.
func (f *facts) inKnownBooks(text mark) token {
	if f.currency == "" {
		return token{}
	}
	return f.inBooks(text)
}

// named adds the name to a text; there is no token without both.
func (f *facts) named(text mark) token {
	if text == 0 || f.name == "" {
		return token{}
	}
	return token{text: text, name: f.marks.name}
}

// sameBooks reports whether kind and currency allow the two to be one account.
func sameBooks(old, new *facts) bool {
	return !differ(old.currency, new.currency) && !differ(old.kind, new.kind)
}

// samePersistent is sameBooks for accounts whose persistent ids do not differ. Each provider has
// persistent ids of its own, so they say nothing against a whole number that the bank gave.
func samePersistent(old, new *facts) bool {
	return sameBooks(old, new) && !differ(old.account.PersistentID, new.account.PersistentID)
}

// compatible reports whether nothing the bank said of the two contradicts their being one.
func compatible(old, new *facts) bool { return samePersistent(old, new) && sameNumbers(old, new) }

// sameNumbers is sameBooks for accounts whose numbers, as far as they are shown, do not differ.
func sameNumbers(old, new *facts) bool {
	return sameBooks(old, new) && !differ(old.iban, new.iban) && !differ(old.number, new.number) &&
		startsAs(old, new) && startsAs(new, old) &&
		(!contradict(old.shown, new.shown) || within(old, new) || within(new, old))
}

// startsAs reports whether the whole number of one account may start with the first digits that the
// mask of the other shows. Zeros in front do not count, since banks pad numbers.
func startsAs(a, b *facts) bool {
	if a.number == "" || b.number != "" || b.shown.head == "" || within(a, b) {
		return true
	}
	return strings.HasPrefix(strings.TrimLeft(digitsOf(a.number).tail, "0"), strings.TrimLeft(b.shown.head, "0"))
}

// compatibleOrReissued is compatible, or reissued.
func compatibleOrReissued(old, new *facts) bool { return compatible(old, new) || reissued(old, new) }

// reissued reports whether both may be one card account: a new card has another number.
func reissued(old, new *facts) bool {
	return isCard(old.kind) && isCard(new.kind) && sameBooks(old, new) && !differ(old.iban, new.iban)
}

// isCard reports whether the number of an account of a kind is that of its card.
func isCard(kind bankmux.AccountKind) bool {
	return kind == bankmux.AccountCreditCard || kind == bankmux.AccountPrepaid
}

// compatibleAndAlike is compatible, and the digits agree wherever both show some.
func compatibleAndAlike(old, new *facts) bool {
	return compatible(old, new) && (old.shown.tail == "" || new.shown.tail == "" || alike(old.shown, new.shown))
}

// within reports whether the number of one account stands in the IBAN of the other, which may end
// in digits of its own.
func within(a, b *facts) bool {
	return len(a.number) >= shortestNumber && strings.Contains(b.iban, a.number)
}

// shortestNumber is how long a number must be to prove something by standing in an IBAN.
const shortestNumber = 6
