package reconcile_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

func acc(id string, change ...func(*bankmux.Account)) bankmux.Account {
	a := bankmux.Account{ID: id, Kind: bankmux.AccountChecking, Currency: "USD"}
	for _, c := range change {
		c(&a)
	}
	return a
}

func mask(s string) func(*bankmux.Account)   { return func(a *bankmux.Account) { a.Mask = s } }
func name(s string) func(*bankmux.Account)   { return func(a *bankmux.Account) { a.Name = s } }
func iban(s string) func(*bankmux.Account)   { return func(a *bankmux.Account) { a.IBAN = s } }
func number(s string) func(*bankmux.Account) { return func(a *bankmux.Account) { a.Number = s } }
func kind(k bankmux.AccountKind) func(*bankmux.Account) {
	return func(a *bankmux.Account) { a.Kind = k }
}

func in(c bankmux.Currency) func(*bankmux.Account) {
	return func(a *bankmux.Account) { a.Currency = c }
}

// shape writes a matching as text.
func shape(m reconcile.Matching) []string {
	var all []string
	for _, p := range m.Pairs {
		all = append(all, fmt.Sprintf("%s=%s %s", p.Old.ID, p.New.ID, p.Confidence))
	}
	ids := func(list []bankmux.Account) (s []string) {
		for _, a := range list {
			s = append(s, a.ID)
		}
		return s
	}
	for _, a := range m.Ambiguous {
		all = append(all, fmt.Sprintf("?%v%v", ids(a.Old), ids(a.New)))
	}
	for _, a := range m.OnlyOld {
		all = append(all, "-"+a.ID)
	}
	for _, a := range m.OnlyNew {
		all = append(all, "+"+a.ID)
	}
	slices.Sort(all)
	return all
}

func TestAccountsAreRecognisedByWhatTheBankSaysOfThem(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		old, new []bankmux.Account
		want     []string
	}{
		"the same ids":             {[]bankmux.Account{acc("a"), acc("b")}, []bankmux.Account{acc("b"), acc("a")}, []string{"a=a certain", "b=b certain"}},
		"an IBAN, however spaced":  {[]bankmux.Account{acc("a", iban("AE07 0331 0152"))}, []bankmux.Account{acc("x", iban("ae0703310152")), acc("y")}, []string{"+y", "a=x certain"}},
		"a number of two banks":    {[]bankmux.Account{acc("a", number("12345678"))}, []bankmux.Account{acc("x", number("1234-5678"))}, []string{"a=x certain"}},
		"last digits":              {[]bankmux.Account{acc("a", mask("4410")), acc("b", mask("8830"))}, []bankmux.Account{acc("x", mask("**8830")), acc("y", mask("4410"))}, []string{"a=y likely", "b=x likely"}},
		"digits of a whole number": {[]bankmux.Account{acc("a", mask("4410"))}, []bankmux.Account{acc("x", number("000123454410"))}, []string{"a=x likely"}},
		"a name":                   {[]bankmux.Account{acc("a", name("Everyday  Checking"))}, []bankmux.Account{acc("x", name("everyday checking")), acc("y", name("Other"))}, []string{"+y", "a=x likely"}},
		"the last one left":        {[]bankmux.Account{acc("a"), acc("b", mask("1111"))}, []bankmux.Account{acc("x"), acc("y", mask("1111"))}, []string{"a=x possible", "b=y likely"}},
		"a word nobody knew":       {[]bankmux.Account{acc("a", mask("4410"), name("Main"), kind(bankmux.AccountUnknown))}, []bankmux.Account{acc("x", mask("4410"), name("Main"))}, []string{"a=x likely"}},
		"twins":                    {[]bankmux.Account{acc("a"), acc("b")}, []bankmux.Account{acc("x"), acc("y")}, []string{"?[a b][x y]"}},
		"one became two":           {[]bankmux.Account{acc("a")}, []bankmux.Account{acc("x"), acc("y")}, []string{"?[a][x y]"}},
		"another IBAN":             {[]bankmux.Account{acc("a", iban("AE01"))}, []bankmux.Account{acc("x", iban("AE02"))}, []string{"+x", "-a"}},
		"other digits":             {[]bankmux.Account{acc("a", mask("4410"), name("Main"))}, []bankmux.Account{acc("x", mask("8830"), name("Main"))}, []string{"+x", "-a"}},
		"another currency":         {[]bankmux.Account{acc("a", mask("4410"), name("Main"))}, []bankmux.Account{acc("x", mask("4410"), name("Main"), in("AED"))}, []string{"+x", "-a"}},
		"another kind":             {[]bankmux.Account{acc("a", mask("4410"), name("Main"))}, []bankmux.Account{acc("x", mask("4410"), name("Main"), kind(bankmux.AccountLoan))}, []string{"+x", "-a"}},
		"nothing there":            {nil, []bankmux.Account{acc("x")}, []string{"+x"}},
	} {
		assert.Equal(t, c.want, shape(reconcile.Match(c.old, c.new)), what)
	}
}

func TestAFingerprintSurvivesALinkAndHidesTheNumber(t *testing.T) {
	t.Parallel()
	one := acc("mk_1", iban("AE07 0331"), name("Main"))
	assert.Equal(t, reconcile.Fingerprint(one), reconcile.Fingerprint(acc("other", iban("ae070331"), kind(bankmux.AccountUnknown))))
	assert.NotEqual(t, reconcile.Fingerprint(one), reconcile.Fingerprint(acc("mk_1", iban("AE070332"))))
	assert.Regexp(t, `^a1:[\w-]{20}$`, reconcile.Fingerprint(one))
	assert.Equal(t, reconcile.Fingerprint(acc("a", mask("4410"), name("X"))), reconcile.Fingerprint(acc("b", mask("4410"), name("x"))))
	assert.NotEqual(t, reconcile.Fingerprint(acc("a", mask("4410"))), reconcile.Fingerprint(acc("a", mask("4410"), in("AED"))))
}

func someAccounts(t *rapid.T) []bankmux.Account {
	n := rapid.IntRange(0, 6).Draw(t, "n")
	list := make([]bankmux.Account, n)
	for i := range list {
		list[i] = bankmux.Account{
			ID:       fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "id"), "-", i),
			Mask:     rapid.SampledFrom([]string{"", "1111", "2222"}).Draw(t, "mask"),
			Name:     rapid.SampledFrom([]string{"", "Main", "Other"}).Draw(t, "name"),
			IBAN:     rapid.SampledFrom([]string{"", "", "AE01", "AE02"}).Draw(t, "iban"),
			Kind:     rapid.SampledFrom([]bankmux.AccountKind{bankmux.AccountChecking, bankmux.AccountSavings, bankmux.AccountUnknown}).Draw(t, "kind"),
			Currency: rapid.SampledFrom([]bankmux.Currency{"USD", "AED", ""}).Draw(t, "currency"),
		}
	}
	return list
}

func TestMatchingLosesNoAccountAndDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		old, new := someAccounts(t), someAccounts(t)
		m := reconcile.Match(old, new)
		olds, news := len(m.OnlyOld)+len(m.Pairs), len(m.OnlyNew)+len(m.Pairs)
		for _, a := range m.Ambiguous {
			olds, news = olds+len(a.Old), news+len(a.New)
		}
		if olds != len(old) || news != len(new) {
			t.Fatalf("%d of %d and %d of %d", olds, len(old), news, len(new))
		}
		shuffled := reconcile.Match(rapid.Permutation(old).Draw(t, "old"), rapid.Permutation(new).Draw(t, "new"))
		if fmt.Sprint(shape(m)) != fmt.Sprint(shape(shuffled)) {
			t.Fatalf("%v is not %v", shape(m), shape(shuffled))
		}
		for _, p := range m.Pairs {
			if p.Reason == "" || p.Confidence < reconcile.Possible {
				t.Fatal("a pair without a reason")
			}
		}
	})
}
