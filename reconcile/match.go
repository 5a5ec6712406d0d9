package reconcile

import (
	"github.com/bankmux/bankmux"
)

// The confidences, from the least.
const (
	Possible Confidence = iota + 1 // nothing speaks against it; ask the user
	Likely                         // several things agree and no other account fits
	Certain                        // the bank's own number of the account agrees
)

// Confidence says how sure a match of two accounts is.
type Confidence int

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
	m.addAmbiguities(
		"several under one IBAN, and nothing that tells them apart",
		func(f *facts) token { return token{text: f.textIDs.iban} },
	)
	m.addAmbiguities(
		"several under one number, and nothing that tells them apart",
		func(f *facts) token { return token{text: f.textIDs.number} },
	)
	m.pairLeftOver()
	if len(m.result.Pairs) == 0 {
		m.result.Pairs = nil
	}
	m.result.OnlyOld, m.result.OnlyNew = m.old.accounts(), m.new.accounts()
	return m.result
}
