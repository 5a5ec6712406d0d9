package reconcile

// This file has Match, which pairs the accounts of a connection before and after a change, and its
// result.

import (
	"github.com/bankmux/bankmux"
)

// Levels of confidence, from low to high.
const (
	Possible Confidence = iota + 1 // nothing contradicts the pair; ask the user
	Likely                         // several facts agree and no other account fits
	Certain                        // the number or an id of the account agrees
)

// Confidence is how certain a pair of accounts is.
type Confidence int

// String returns the confidence as a word.
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

// Pair is one account before and after a change.
type Pair struct {
	Old        bankmux.Account
	New        bankmux.Account
	Confidence Confidence
	Reason     string
}

// Ambiguity holds old and new accounts that cannot be distinguished. The caller pairs them, or asks
// the user.
type Ambiguity struct {
	Old    []bankmux.Account
	New    []bankmux.Account
	Reason string
}

// Matching is the result of [Match]. Each account is in exactly one place.
type Matching struct {
	Pairs     []Pair
	Ambiguous []Ambiguity
	OnlyOld   []bankmux.Account
	OnlyNew   []bankmux.Account
}

// Match pairs the accounts of a connection before and after a reconnect, a new link to the same
// bank, or a change of provider. It applies rules from the most to the least certain, and
// [Pair.Reason] names the rule that applied. A rule pairs accounts only if exactly one on each side
// fits. Accounts that cannot be distinguished are in Ambiguous.
//
// Accounts of different currencies or kinds are never paired, not even under one IBAN or number. A
// credit or prepaid card whose digits changed is paired by its id, or by its name as [Possible]. If
// an account with another id has the old digits, the card is paired with that account.
//
// The result does not depend on the order of the lists. The time grows linearly with the number of
// accounts.
func Match(old, new []bankmux.Account) Matching {
	m := newMatcher(old, new)
	for range 2 { // pairs of a later rule can leave an earlier one with one account on each side
		paired := len(m.result.Pairs)
		for i := range rules {
			m.apply(&rules[i])
		}
		if len(m.result.Pairs) == paired {
			break
		}
	}
	m.addAmbiguities("several under one IBAN, and nothing that distinguishes them", (*facts).byIBAN)
	m.addAmbiguities("several under one number, and nothing that distinguishes them", (*facts).byNumber)
	m.pairLeftOver()
	if len(m.result.Pairs) == 0 {
		m.result.Pairs = nil
	}
	m.result.OnlyOld, m.result.OnlyNew = m.old.accounts(), m.new.accounts()
	return m.result
}
