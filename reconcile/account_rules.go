package reconcile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

// facts is what an account is recognised by, brought to one form.
type facts struct {
	account  *bankmux.Account
	iban     string
	number   string
	name     string
	kind     bankmux.AccountKind // "" where the provider's word says little
	currency bankmux.Currency
	shown    digits
	marks    marks // filled in by newSide
	placed   bool
}

// mark stands for a text, 0 for none: texts are compared often, so each gets a number once.
type mark uint32

type marks struct{ iban, number, persistent, original, id, name, kind, currency, four, three, ends, left mark }

// marker numbers texts.
type marker map[string]mark

func (m marker) of(text string) mark {
	if text == "" {
		return 0
	}
	n, ok := m[text]
	if !ok {
		n = mark(len(m) + 1)
		m[text] = n
	}
	return n
}

func factsOf(a *bankmux.Account) facts {
	f := facts{
		account: a, iban: compact(a.IBAN), number: compact(a.Number), name: normal(a.Name),
		kind: a.Kind, currency: a.Currency, shown: digitsOf(a.Mask),
	}
	for _, number := range []*string{&f.number, &f.iban} {
		if masked(*number) {
			if f.shown.tail == "" {
				f.shown = digitsOf(*number)
			}
			*number = ""
		}
	}
	if f.kind == bankmux.AccountUnknown || f.kind == bankmux.AccountOther {
		f.kind = ""
	}
	if len(f.shown.tail) < weakTail {
		for _, whole := range []string{f.number, f.iban} {
			if d := digitsOf(whole); len(d.tail) >= weakTail {
				f.shown = digits{tail: d.tail}
				break
			}
		}
	}
	return f
}

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
		startsAs(
			old,
			new,
		) && startsAs(new, old) && (!contradict(old.shown, new.shown) || within(old, new) || within(new, old))
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

// differ reports whether both are there and are not the same.
func differ[T ~string](a, b T) bool { return a != "" && b != "" && a != b }

// within reports whether the number of one account stands in the IBAN of the other, which may end
// in digits of its own.
func within(a, b *facts) bool {
	return len(a.number) >= shortestNumber && strings.Contains(b.iban, a.number)
}

// shortestNumber is how long a number must be to prove something by standing in an IBAN.
const shortestNumber = 6

// side is the accounts of one of the two lists that are not placed yet, in an order of their own.
type side []*facts

func newSide(list []bankmux.Account, texts marker) side {
	all := make([]facts, len(list))
	s := make(side, len(list))
	for i := range list {
		f := factsOf(&list[i])
		f.marks = marks{
			iban: texts.of(
				f.iban,
			),
			number:     texts.of(f.number),
			persistent: texts.of(f.account.PersistentID),
			original:   texts.of(f.account.OriginalID),
			id:         texts.of(f.account.ID),
			name:       texts.of(f.name),
			kind:       texts.of(string(f.kind)),
			currency:   texts.of(string(f.currency)),
			four: texts.of(
				f.shown.last(strongTail),
			),
			three: texts.of(f.shown.last(weakTail)),
			ends:  texts.of(f.shown.ends()),
			left:  texts.of("left"),
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

// matcher holds what is not matched yet, and the result so far.
type matcher struct {
	old, new side
	seen     map[token]found // of the rule that is applied
	result   Matching
}

// found is how many accounts of either side have a token, and the last of them.
type found struct {
	old, new   *facts
	olds, news int
}

func newMatcher(old, new []bankmux.Account) *matcher {
	texts := make(marker, 4*len(old))
	m := &matcher{old: newSide(old, texts), new: newSide(new, texts), seen: make(map[token]found, len(old))}
	m.result.Pairs = make([]Pair, 0, min(len(old), len(new)))
	return m
}

func (m *matcher) pair(old, new *facts, confidence Confidence, reason string) {
	m.result.Pairs = append(m.result.Pairs, Pair{*old.account, *new.account, confidence, reason})
	old.placed, new.placed = true, true
}

// drop takes those that are placed out of what is left.
func (m *matcher) drop() { m.old, m.new = m.old.unplaced(), m.new.unplaced() }

// apply pairs what one rule finds exactly once on either side.
func (m *matcher) apply(r *rule) {
	clear(m.seen)
	for _, f := range m.old {
		if t := r.token(f); t != (token{}) {
			s := m.seen[t]
			m.seen[t] = found{old: f, olds: s.olds + 1}
		}
	}
	if len(m.seen) == 0 {
		return
	}
	for _, f := range m.new {
		t := r.token(f)
		if s, ok := m.seen[t]; ok {
			s.new, s.news = f, s.news+1
			m.seen[t] = s
		}
	}
	for _, f := range m.old {
		s := m.seen[r.token(f)]
		if s.olds == 1 && s.news == 1 && r.fits(s.old, s.new) {
			m.pair(s.old, s.new, r.confidence, r.reason)
		}
	}
	m.drop()
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

// ambiguous names the accounts that share a token but cannot be told apart.
func (m *matcher) ambiguous(reason string, of func(*facts) token) {
	for _, g := range m.groups(of) {
		g.old, g.new = plausible(g.old, g.new), plausible(g.new, g.old)
		m.leave(g, reason)
	}
	m.drop()
}

// leftOver pairs the only account of its kind and currency that is left on either side, and names
// those of which there are several.
func (m *matcher) leftOver() {
	for _, g := range m.groups(func(f *facts) token { return f.inBooks(f.marks.left) }) {
		g.old, g.new = plausible(g.old, g.new), plausible(g.new, g.old)
		if len(g.old) == 1 && len(g.new) == 1 {
			if compatible(g.old[0], g.new[0]) {
				m.pair(g.old[0], g.new[0], Possible, "the only one of its kind and currency left on either side")
			}
			continue // else contradicted
		}
		m.leave(g, "several of the same kind and currency, and nothing that tells them apart")
	}
	m.drop()
}

// leave makes an ambiguity of a group with accounts on both sides, several on one at least.
func (m *matcher) leave(g *group, reason string) {
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
	said   map[string]bool
	silent bool // one of them says nothing
}

func (v *values) add(s string) {
	if s == "" {
		v.silent = true
		return
	}
	if v.said == nil {
		v.said = map[string]bool{}
	}
	v.said[s] = true
}

func (v *values) allow(s string) bool { return s == "" || v.silent || v.said[s] }
