package reconcile

import (
	"cmp"
	"slices"

	"github.com/bankmux/bankmux"
)

// matcher holds what is not matched yet, and the result so far.
type matcher struct {
	old, new side
	counts   map[token]tokenCount // of the rule that is applied
	result   Matching
}

// tokenCount is how many accounts of either side have a token, and the last of them.
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

// dropPlaced takes those that are placed out of what is left.
func (m *matcher) dropPlaced() { m.old, m.new = m.old.unplaced(), m.new.unplaced() }

// apply pairs what one rule finds exactly once on either side.
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

// side is the accounts of one of the two lists that are not placed yet, in an order of their own.
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

// unplaced returns what is left when some are placed. It changes s.
func (s side) unplaced() side {
	return slices.DeleteFunc(s, func(f *facts) bool { return f.placed })
}

// group is what is left on either side under one token.
type group struct{ old, new side }

// groups returns the tokens that accounts of both sides have, in the order of the old ones.
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

// addAmbiguities names the accounts that share a token but cannot be told apart.
func (m *matcher) addAmbiguities(reason string, of func(*facts) token) {
	for _, g := range m.groups(of) {
		g.old, g.new = plausible(g.old, g.new), plausible(g.new, g.old)
		m.addAmbiguity(g, reason)
	}
	m.dropPlaced()
}

// pairLeftOver pairs the only account of its kind and currency that is left on either side, and names
// those of which there are several.
func (m *matcher) pairLeftOver() {
	for _, g := range m.groups(func(f *facts) token { return f.withKindAndCurrency(f.textIDs.left) }) {
		g.old, g.new = plausible(g.old, g.new), plausible(g.new, g.old)
		if len(g.old) == 1 && len(g.new) == 1 {
			if compatible(g.old[0], g.new[0]) {
				m.pair(g.old[0], g.new[0], Possible, "the only one of its kind and currency left on either side")
			}
			continue // else contradicted
		}
		m.addAmbiguity(g, "several of the same kind and currency, and nothing that tells them apart")
	}
	m.dropPlaced()
}

// addAmbiguity makes an ambiguity of a group with accounts on both sides, several on one at least.
func (m *matcher) addAmbiguity(g *group, reason string) {
	if len(g.old) == 0 || len(g.new) == 0 || len(g.old)+len(g.new) == 2 {
		return
	}
	m.result.Ambiguous = append(m.result.Ambiguous, Ambiguity{g.old.accounts(), g.new.accounts(), reason})
	for _, f := range slices.Concat(g.old, g.new) {
		f.placed = true
	}
}

// plausible returns the accounts that some of the others may be: those of which neither kind nor
// currency, IBAN, number or last digits rule out every other one. It looks at each of these alone,
// so that the time grows with the number of accounts.
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

// decidingTail is the last digits where other ones rule an account out, "" where they do not.
func (f *facts) decidingTail() string {
	if isCard(f.kind) || f.iban != "" || f.number != "" {
		return ""
	}
	return f.shown.last(weakTail)
}

// values is what accounts say of one thing.
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
