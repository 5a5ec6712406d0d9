package reconcile

// This file has the rules of Match, the surest first, and what contradicts a pair.

import (
	"strings"

	"github.com/bankmux/bankmux"
)

// token is what the accounts of a rule have in common. The zero token means that an account has
// none.
type token struct{ text, name, kind, currency textID }

// rule is one way to recognize an account. It ignores accounts without a token.
type rule struct {
	confidence Confidence
	reason     string
	token      func(*facts) token
	fits       func(old, new *facts) bool
}

// The rules, from certain to possible. A rule pairs accounts only if it finds one on each side.
// Several accounts may share an IBAN or a number, so rules with kind and currency come first.
var rules = []rule{
	{Certain, "the same IBAN, kind and currency", (*facts).byIBANAndKind, sameKindAndCurrency},
	{Certain, "the same IBAN", (*facts).byIBAN, sameKindAndCurrency},
	{Certain, "the same account number, kind and currency", (*facts).byNumberAndKind, sameNumbers},
	{Certain, "the same account number", (*facts).byNumber, sameNumbers},
	{Certain, "the same persistent id", (*facts).byPersistent, samePersistent},
	{Certain, "the same id of the application's own", (*facts).byOriginal, compatible},
	{Certain, "the same id of the provider", (*facts).byID, compatible},
	{Likely, "the same last digits, kind and currency", (*facts).byFourDigits, compatible},
	{Likely, "the same last digits and name", (*facts).byFourDigitsAndName, compatible},
	{Likely, "the same digits at both ends, kind and currency", (*facts).byBothEnds, compatible},
	{Likely, "the same three last digits and name", (*facts).byThreeDigitsAndName, compatible},
	// A new card has other digits. If the old digits are under another id, the provider has reused
	// ids.
	{Certain, "the same id of the application's own", (*facts).byOriginal, reissued},
	{Certain, "the same id of the provider", (*facts).byID, reissued},
	{Likely, "the same name, kind and currency", (*facts).byName, compatibleAndAlike},
	{Possible, "the same three last digits, kind and currency", (*facts).byThreeDigits, compatible},
	{Possible, "the same name, kind and currency, under other digits", (*facts).byName, compatibleOrReissued},
}

func (f *facts) byIBANAndKind() token { return f.withKindAndCurrency(f.textIDs.iban) }

func (f *facts) byIBAN() token { return token{text: f.textIDs.iban} }

func (f *facts) byNumberAndKind() token { return f.withKindAndCurrency(f.textIDs.number) }

func (f *facts) byNumber() token { return token{text: f.textIDs.number} }

func (f *facts) byPersistent() token { return token{text: f.textIDs.persistent} }

func (f *facts) byOriginal() token { return token{text: f.textIDs.original} }

func (f *facts) byID() token { return token{text: f.textIDs.id} }

func (f *facts) byFourDigits() token { return f.withKindAndKnownCurrency(f.textIDs.four) }

func (f *facts) byFourDigitsAndName() token { return f.withName(f.textIDs.four) }

func (f *facts) byBothEnds() token { return f.withKindAndKnownCurrency(f.textIDs.ends) }

func (f *facts) byThreeDigits() token { return f.withKindAndKnownCurrency(f.textIDs.three) }

func (f *facts) byThreeDigitsAndName() token { return f.withName(f.textIDs.three) }

func (f *facts) byName() token { return f.withKindAndKnownCurrency(f.textIDs.name) }

// withKindAndCurrency adds kind and currency to a text. Without a text there is no token.
func (f *facts) withKindAndCurrency(text textID) token {
	if text == 0 {
		return token{}
	}
	return token{text: text, kind: f.textIDs.kind, currency: f.textIDs.currency}
}

// withKindAndKnownCurrency is withKindAndCurrency for accounts whose currency is known.
func (f *facts) withKindAndKnownCurrency(text textID) token {
	if f.currency == "" {
		return token{}
	}
	return f.withKindAndCurrency(text)
}

// withName adds the name to a text. Without either there is no token.
func (f *facts) withName(text textID) token {
	if text == 0 || f.name == "" {
		return token{}
	}
	return token{text: text, name: f.textIDs.name}
}

// sameKindAndCurrency reports whether kind and currency allow the two to be one account.
func sameKindAndCurrency(old, new *facts) bool {
	return !differ(old.currency, new.currency) && !differ(old.kind, new.kind)
}

// samePersistent is sameKindAndCurrency for accounts whose persistent ids do not differ. Each
// provider has its own persistent ids, so different ones do not outweigh a whole number of the
// bank.
func samePersistent(old, new *facts) bool {
	return sameKindAndCurrency(old, new) && !differ(old.account.PersistentID, new.account.PersistentID)
}

// compatible reports whether no fact contradicts that the two are one account.
func compatible(old, new *facts) bool { return samePersistent(old, new) && sameNumbers(old, new) }

// sameNumbers is sameKindAndCurrency for accounts whose visible numbers do not differ.
func sameNumbers(old, new *facts) bool {
	return sameKindAndCurrency(old, new) && !differ(old.iban, new.iban) && !differ(old.number, new.number) &&
		startsLike(old, new) && startsLike(new, old) &&
		(!digitsContradict(old.shown, new.shown) || insideIBAN(old, new) || insideIBAN(new, old))
}

// startsLike reports whether the whole number of one account may start with the digits that the
// mask of the other shows. Zeros in front do not count, since banks pad numbers.
func startsLike(a, b *facts) bool {
	if a.number == "" || b.number != "" || b.shown.head == "" || insideIBAN(a, b) {
		return true
	}
	return strings.HasPrefix(strings.TrimLeft(digitsOf(a.number).tail, "0"), strings.TrimLeft(b.shown.head, "0"))
}

// compatibleOrReissued reports whether two accounts are compatible or a reissued card.
func compatibleOrReissued(old, new *facts) bool { return compatible(old, new) || reissued(old, new) }

// reissued reports whether both may be the account of one card. A new card has another number.
func reissued(old, new *facts) bool {
	return isCard(old.kind) && isCard(new.kind) && sameKindAndCurrency(old, new) && !differ(old.iban, new.iban)
}

// isCard reports whether the number of an account of a kind is the number of its card.
func isCard(kind bankmux.AccountKind) bool {
	return kind == bankmux.AccountCreditCard || kind == bankmux.AccountPrepaid
}

// compatibleAndAlike reports whether two accounts are compatible and show no different digits.
func compatibleAndAlike(old, new *facts) bool {
	return compatible(old, new) && (old.shown.tail == "" || new.shown.tail == "" || digitsAgree(old.shown, new.shown))
}

// insideIBAN reports whether the IBAN of one account contains the number of the other. The IBAN may
// have further digits at its end.
func insideIBAN(a, b *facts) bool {
	return len(a.number) >= shortestNumber && strings.Contains(b.iban, a.number)
}

// shortestNumber is how long a number must be so that an IBAN that contains it proves something.
const shortestNumber = 6
