package reconcile

// This file applies the rules of Match and groups the accounts that they cannot distinguish.

import (
	"cmp"
	"slices"

	"github.com/bankmux/bankmux"
)

// matcher has the accounts that are not placed yet, and the result so far.
type matcher struct {
	old, new side
	counts   map[token]tokenCount // of the rule that is applied
	result   Matching
}

// tokenCount is how many accounts of each side have a token, and the last of them.
type tokenCount struct {
	old, new   *facts
	olds, news int
}

func newMatcher(old, new []bankmux.Account) *matcher {
	texts := make(textNumbering, 4*len(old))
	m := &matcher{old: newSide(old, texts), new: newSide(new, texts), counts: make(map[token]tokenCount, len(old))}
	m.result.Pairs = make([]Pair, 0, min(len(old), len(new)))
	return m
}

func (m *matcher) pair(old, new *facts, confidence Confidence, reason string) {
	m.result.Pairs = append(m.result.Pairs, Pair{*old.account, *new.account, confidence, reason})
	old.placed, new.placed = true, true
}

// dropPlaced removes placed accounts from both sides.
func (m *matcher) dropPlaced() { m.old, m.new = m.old.unplaced(), m.new.unplaced() }

// apply pairs the accounts of which a rule finds exactly one on each side.
func (m *matcher) apply(r *rule) {
	clear(m.counts)
	for _, f := range m.old {
		if t := r.token(f); t != (token{}) {
			s := m.counts[t]
			m.counts[t] = tokenCount{old: f, olds: s.olds + 1}
		}
	}
	if len(m.counts) == 0 {
		return
	}
	for _, f := range m.new {
		t := r.token(f)
		if s, ok := m.counts[t]; ok {
			s.new, s.news = f, s.news+1
			m.counts[t] = s
		}
	}
	for _, f := range m.old {
		s := m.counts[r.token(f)]
		if s.olds == 1 && s.news == 1 && r.fits(s.old, s.new) {
			m.pair(s.old, s.new, r.confidence, r.reason)
		}
	}
	m.dropPlaced()
}

// side has the accounts of one list that are not placed yet, in an order that does not depend on
// the list's.
type side []*facts

func newSide(list []bankmux.Account, texts textNumbering) side {
	all := make([]facts, len(list))
	s := make(side, len(list))
	for i := range list {
		f := factsOf(&list[i])
		f.textIDs = textIDs{
			iban:       texts.number(f.iban),
			number:     texts.number(f.number),
			persistent: texts.number(f.account.PersistentID),
			original:   texts.number(f.account.OriginalID),
			id:         texts.number(f.account.ID),
			name:       texts.number(f.name),
			kind:       texts.number(string(f.kind)),
			currency:   texts.number(string(f.currency)),
			four:       texts.number(f.shown.last(strongTail)),
			three:      texts.number(f.shown.last(weakTail)),
			ends:       texts.number(f.shown.ends()),
			left:       texts.number("left"),
		}
		all[i] = f
		s[i] = &all[i]
	}
	slices.SortStableFunc(s, func(a, b *facts) int {
		x, y := a.account, b.account
		if x.ID != y.ID {
			return cmp.Compare(x.ID, y.ID)
		}
		return cmp.Or(cmp.Compare(x.OriginalID, y.OriginalID), cmp.Compare(x.IBAN, y.IBAN),
			cmp.Compare(x.Number, y.Number), cmp.Compare(x.Mask, y.Mask), cmp.Compare(x.Name, y.Name),
			cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Currency, y.Currency), cmp.Compare(x.Nickname, y.Nickname),
			cmp.Compare(x.ProviderKind, y.ProviderKind), cmp.Compare(x.PersistentID, y.PersistentID))
	})
	return s
}

func (s side) accounts() []bankmux.Account {
	if len(s) == 0 {
		return nil
	}
	list := make([]bankmux.Account, len(s))
	for i, f := range s {
		list[i] = *f.account
	}
	return list
}

// unplaced removes placed accounts. It changes s.
func (s side) unplaced() side {
	return slices.DeleteFunc(s, func(f *facts) bool { return f.placed })
}

// group is the accounts of both sides that share a token.
type group struct{ old, new side }

// groups returns the groups that have accounts of both sides, in the order of the old ones.
func (m *matcher) groups(of func(*facts) token) (all []*group) {
	by := map[token]*group{}
	for _, f := range m.old {
		t := of(f)
		if t == (token{}) {
			continue
		}
		if by[t] == nil {
			by[t] = &group{}
			all = append(all, by[t])
		}
		by[t].old = append(by[t].old, f)
	}
	for _, f := range m.new {
		if g := by[of(f)]; g != nil {
			g.new = append(g.new, f)
		}
	}
	return slices.DeleteFunc(all, func(g *group) bool { return len(g.new) == 0 })
}

// addAmbiguities reports the accounts that share a token and cannot be distinguished.
func (m *matcher) addAmbiguities(reason string, of func(*facts) token) {
	for _, g := range m.groups(of) {
		g.old, g.new = plausible(g.old, g.new), plausible(g.new, g.old)
		m.addAmbiguity(g, reason)
	}
	m.dropPlaced()
}

// pairLeftOver pairs the only accounts of a kind and currency that are left on each side. Several
// of them are an ambiguity.
func (m *matcher) pairLeftOver() {
	for _, g := range m.groups(func(f *facts) token { return f.withKindAndCurrency(f.textIDs.left) }) {
		g.old, g.new = plausible(g.old, g.new), plausible(g.new, g.old)
		if len(g.old) == 1 && len(g.new) == 1 {
			if compatible(g.old[0], g.new[0]) {
				m.pair(g.old[0], g.new[0], Possible, "the only one of its kind and currency left on either side")
			}
			continue // otherwise they contradict each other
		}
		m.addAmbiguity(g, "several of the same kind and currency, and nothing that distinguishes them")
	}
	m.dropPlaced()
}

// addAmbiguity reports a group as ambiguous if it has accounts on both sides and several on one.
func (m *matcher) addAmbiguity(g *group, reason string) {
	if len(g.old) == 0 || len(g.new) == 0 || len(g.old)+len(g.new) == 2 {
		return
	}
	m.result.Ambiguous = append(m.result.Ambiguous, Ambiguity{g.old.accounts(), g.new.accounts(), reason})
	for _, f := range slices.Concat(g.old, g.new) {
		f.placed = true
	}
}

// plausible returns the accounts that may be one of the others. Kind, currency, IBAN, number and
// last digits must each allow at least one of the others. Each fact is checked alone, so the time
// grows linearly with the number of accounts.
func plausible(list, others side) side {
	var kinds, currencies, ibans, numbers, tails values
	for _, f := range others {
		kinds.add(string(f.kind))
		currencies.add(string(f.currency))
		ibans.add(f.iban)
		numbers.add(f.number)
		tails.add(f.decidingTail())
	}
	return slices.DeleteFunc(slices.Clone(list), func(f *facts) bool {
		return !kinds.allow(string(f.kind)) || !currencies.allow(string(f.currency)) ||
			!ibans.allow(f.iban) || !numbers.allow(f.number) || !tails.allow(f.decidingTail())
	})
}

// decidingTail returns the last digits if different ones rule an account out, otherwise "".
func (f *facts) decidingTail() string {
	if isCard(f.kind) || f.iban != "" || f.number != "" {
		return ""
	}
	return f.shown.last(weakTail)
}

// values is what several accounts say about one fact.
type values struct {
	present    map[string]bool
	someAbsent bool // one of them says nothing
}

func (v *values) add(s string) {
	if s == "" {
		v.someAbsent = true
		return
	}
	if v.present == nil {
		v.present = map[string]bool{}
	}
	v.present[s] = true
}

func (v *values) allow(s string) bool { return s == "" || v.someAbsent || v.present[s] }
