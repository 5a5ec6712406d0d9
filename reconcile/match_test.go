package reconcile_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

func mask(s string) func(*bankmux.Account) { return func(a *bankmux.Account) { a.Mask = s } }

func name(s string) func(*bankmux.Account) { return func(a *bankmux.Account) { a.Name = s } }

func iban(s string) func(*bankmux.Account) { return func(a *bankmux.Account) { a.IBAN = s } }

func persistent(s string) func(*bankmux.Account) {
	return func(a *bankmux.Account) { a.PersistentID = s }
}

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

func someAccounts(t *rapid.T) []bankmux.Account {
	n := rapid.IntRange(0, 6).Draw(t, "n")
	list := make([]bankmux.Account, n)
	for i := range list {
		list[i] = bankmux.Account{
			ID:   fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "id"), "-", i),
			Mask: rapid.SampledFrom([]string{"", "1111", "2222", "111", "11**11"}).Draw(t, "mask"),
			Name: rapid.SampledFrom([]string{"", "Main", "Other"}).Draw(t, "name"),
			IBAN: rapid.SampledFrom([]string{"", "", "AE01", "AE02"}).Draw(t, "iban"),
			Kind: rapid.SampledFrom([]bankmux.AccountKind{
				bankmux.AccountChecking, bankmux.AccountCreditCard, bankmux.AccountSavings, bankmux.AccountUnknown,
			}).Draw(t, "kind"),
			Currency: rapid.SampledFrom([]bankmux.Currency{"USD", "AED", ""}).Draw(t, "currency"),
		}
	}
	return list
}

func TestMatch(t *testing.T) {
	t.Parallel()
	t.Run("the bank's facts identify an account", factsIdentifyAnAccount)
	t.Run("similar accounts stay separate", similarAccountsStaySeparate)
	t.Run("a name or number may be written differently", namesMayBeWrittenDifferently)
	t.Run("no account is lost, in any order", noAccountIsLost)
}

func factsIdentifyAnAccount(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		old, new []bankmux.Account
		want     []string
	}{
		"the same ids": {
			[]bankmux.Account{acc("a"), acc("b")},
			[]bankmux.Account{acc("b"), acc("a")},
			[]string{"a=a certain", "b=b certain"},
		},
		"an IBAN, however spaced": {
			[]bankmux.Account{acc("a", iban("AE07 0331 0152"))},
			[]bankmux.Account{acc("x", iban("ae0703310152")), acc("y")},
			[]string{"+y", "a=x certain"},
		},
		"a number of two banks": {
			[]bankmux.Account{acc("a", number("12345678"))},
			[]bankmux.Account{acc("x", number("1234-5678"))},
			[]string{"a=x certain"},
		},
		"last digits": {
			[]bankmux.Account{acc("a", mask("4410")), acc("b", mask("8830"))},
			[]bankmux.Account{acc("x", mask("**8830")), acc("y", mask("4410"))},
			[]string{"a=y likely", "b=x likely"},
		},
		"digits of a whole number": {
			[]bankmux.Account{acc("a", mask("4410"))},
			[]bankmux.Account{acc("x", number("000123454410"))},
			[]string{"a=x likely"},
		},
		"a name": {
			[]bankmux.Account{acc("a", name("Everyday  Checking"))},
			[]bankmux.Account{acc("x", name("everyday checking")), acc("y", name("Other"))},
			[]string{"+y", "a=x likely"},
		},
		"the last one left": {
			[]bankmux.Account{acc("a"), acc("b", mask("1111"))},
			[]bankmux.Account{acc("x"), acc("y", mask("1111"))},
			[]string{"a=x possible", "b=y likely"},
		},
		"an unknown kind": {
			[]bankmux.Account{acc("a", mask("4410"), name("Main"), kind(bankmux.AccountUnknown))},
			[]bankmux.Account{acc("x", mask("4410"), name("Main"))},
			[]string{"a=x likely"},
		},
		"twins": {
			[]bankmux.Account{acc("a"), acc("b")},
			[]bankmux.Account{acc("x"), acc("y")},
			[]string{"?[a b][x y]"},
		},
		"one became two": {
			[]bankmux.Account{acc("a")},
			[]bankmux.Account{acc("x"), acc("y")},
			[]string{"?[a][x y]"},
		},
		"another IBAN": {
			[]bankmux.Account{acc("a", iban("AE01"))},
			[]bankmux.Account{acc("x", iban("AE02"))},
			[]string{"+x", "-a"},
		},
		"other digits": {
			[]bankmux.Account{acc("a", mask("4410"), name("Main"))},
			[]bankmux.Account{acc("x", mask("8830"), name("Main"))},
			[]string{"+x", "-a"},
		},
		"another currency": {
			[]bankmux.Account{acc("a", mask("4410"), name("Main"))},
			[]bankmux.Account{acc("x", mask("4410"), name("Main"), in("AED"))},
			[]string{"+x", "-a"},
		},
		"another kind": {
			[]bankmux.Account{acc("a", mask("4410"), name("Main"))},
			[]bankmux.Account{acc("x", mask("4410"), name("Main"), kind(bankmux.AccountLoan))},
			[]string{"+x", "-a"},
		},
		"a persistent id": {
			[]bankmux.Account{acc("a", persistent("p")), acc("b", persistent("q"))},
			[]bankmux.Account{acc("x", persistent("q")), acc("y", persistent("p"))},
			[]string{"a=y certain", "b=x certain"},
		},
		"another persistent id": {
			[]bankmux.Account{acc("a", mask("4410"), persistent("p"))},
			[]bankmux.Account{acc("x", mask("4410"), persistent("q"))},
			[]string{"+x", "-a"},
		},
		"a persistent id of another provider": {
			[]bankmux.Account{acc("a", iban("AE07"), persistent("p")), acc("b", number("12345678"), persistent("q"))},
			[]bankmux.Account{
				acc("x", iban("AE07"), persistent("k-1")),
				acc("y", number("12345678"), persistent("k-2")),
			},
			[]string{"a=x certain", "b=y certain"},
		},
		"nothing there": {nil, []bankmux.Account{acc("x")}, []string{"+x"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, shape(reconcile.Match(c.old, c.new)))
		})
	}
}

func namesMayBeWrittenDifferently(t *testing.T) {
	t.Parallel()
	for name, c := range map[string][2]bankmux.Account{
		"a name":            {{Name: "حساب جاري"}, {Name: "\u200fحســاب\u00a0جاري"}},
		"a composed letter": {{Name: "COMPTE DÉPÔT"}, {Name: "Compte De\u0301po\u0302t"}},
		"an IBAN":           {{IBAN: "AE07 0331 2345 6780 1001"}, {IBAN: "\u200eAE07\u00a00331234567801001\ufeff"}},
		"a number":          {{Number: "1015234567801"}, {Number: "101-5234\u202f567801\u200b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, other := c[0], c[1]
			one.ID, one.Kind, one.Currency = "a", bankmux.AccountChecking, "AED"
			other.ID, other.Kind, other.Currency = "b", bankmux.AccountChecking, "AED"
			assert.Equal(t, reconcile.Fingerprint(one), reconcile.Fingerprint(other))
			m := reconcile.Match([]bankmux.Account{one}, []bankmux.Account{other})
			require.Len(t, m.Pairs, 1)
			assert.GreaterOrEqual(t, m.Pairs[0].Confidence, reconcile.Likely)
		})
	}
}

func noAccountIsLost(t *testing.T) {
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
