package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// similarCase is a match of two lists and its result, as shape writes it.
type similarCase struct {
	what     string
	old, new []bankmux.Account
	want     []string
}

func similarAccountsStaySeparate(t *testing.T) {
	t.Parallel()
	t.Run("currencies and kinds under one number stay separate", numbersOfSimilarAccounts)
	t.Run("masks match by the digits that they show", masksOfSimilarAccounts)
	t.Run("a reissued card is matched", reissuedCards)
	t.Run("the only possible account of several is matched", oneOfSeveralAccounts)
}

func accounts(all ...bankmux.Account) []bankmux.Account { return all }

// matchSimilar runs each case in both directions.
func matchSimilar(t *testing.T, cases []similarCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, shape(reconcile.Match(c.old, c.new)))
			back := make([]string, 0, len(c.want))
			for _, p := range reconcile.Match(c.new, c.old).Pairs {
				back = append(back, fmt.Sprintf("%s=%s %s", p.New.ID, p.Old.ID, p.Confidence))
			}
			slices.Sort(back)
			assert.Equal(
				t,
				slices.DeleteFunc(slices.Clone(c.want), func(s string) bool { return !strings.Contains(s, "=") }),
				back,
				"swapping the lists swaps the pairs",
			)
		})
	}
}

func numbersOfSimilarAccounts(t *testing.T) {
	t.Parallel()
	matchSimilar(t, []similarCase{
		{
			"two currencies of one IBAN",
			accounts(acc("a", iban("AE07"), in("AED"))),
			accounts(acc("x", iban("AE07"))),
			[]string{"+x", "-a"},
		},
		{
			"two currencies of one IBAN on both sides",
			accounts(acc("a", iban("AE07"), in("AED")), acc("b", iban("AE07"))),
			accounts(acc("x", iban("AE07")), acc("y", iban("AE07"), in("AED"))),
			[]string{"a=y certain", "b=x certain"},
		},
		{
			"a current account and a loan under one IBAN",
			accounts(acc("a", iban("AE07"))),
			accounts(acc("x", iban("AE07"), kind(bankmux.AccountLoan))),
			[]string{"+x", "-a"},
		},
		{
			"a current and a savings account under one number",
			accounts(acc("a", number("12345678"))),
			accounts(acc("x", number("12345678"), kind(bankmux.AccountSavings))),
			[]string{"+x", "-a"},
		},
		{
			"one more currency under a number",
			accounts(acc("a", number("12345678"))),
			accounts(acc("x", number("12345678")), acc("y", number("12345678"), in("EUR"))),
			[]string{"+y", "a=x certain"},
		},
		{
			"one IBAN under one id, in another currency",
			accounts(acc("a", iban("AE07"))),
			accounts(acc("a", iban("AE07"), in("AED"))),
			[]string{"+a", "-a"},
		},
		{
			"an IBAN whose kind is not known",
			accounts(acc("a", iban("AE07"), kind(bankmux.AccountUnknown), in(""))),
			accounts(acc("x", iban("AE07"))),
			[]string{"a=x certain"},
		},
		{
			"two currencies of an IBAN whose currency is no longer known",
			accounts(acc("a", iban("AE07")), acc("b", iban("AE07"), in("AED"))),
			accounts(acc("x", iban("AE07"), in(""))),
			[]string{"?[a b][x]"},
		},
		{
			"two other currencies under one IBAN",
			accounts(acc("a", iban("AE07"))),
			accounts(acc("x", iban("AE07"), in("AED")), acc("y", iban("AE07"), in("EUR"))),
			[]string{"+x", "+y", "-a"},
		},
	})
}

func masksOfSimilarAccounts(t *testing.T) {
	t.Parallel()
	matchSimilar(t, []similarCase{
		{
			"digits at both ends are not four at one end",
			accounts(acc("a", mask("12****34"))),
			accounts(acc("x", mask("****1234"))),
			[]string{"a=x possible"},
		},
		{
			"digits at both ends and one name are not four at one",
			accounts(acc("a", mask("12****34"), name("Main"))),
			accounts(acc("x", mask("****1234"), name("Main"))),
			[]string{"a=x possible"},
		},
		{
			"digits at both ends pair with the same digits",
			accounts(acc("a", mask("12****34")), acc("b", mask("1234"))),
			accounts(acc("x", mask("****1234")), acc("y", mask("12****34"))),
			[]string{"a=y likely", "b=x likely"},
		},
		{
			"digits at both ends that contradict",
			accounts(acc("a", mask("12****34"))),
			accounts(acc("x", mask("****9999"))),
			[]string{"+x", "-a"},
		},
		{
			"the first digits contradict",
			accounts(acc("a", mask("180***4406"))),
			accounts(acc("x", mask("190***4406"))),
			[]string{"+x", "-a"},
		},
		{
			"the first digits contradict a whole number",
			accounts(acc("a", number("1801234406"))),
			accounts(acc("x", mask("190***4406"))),
			[]string{"+x", "-a"},
		},
		{
			"the first digits are those of a whole number",
			accounts(acc("a", mask("180***4406"))),
			accounts(acc("x", number("0 180-123 4406"))),
			[]string{"a=x likely"},
		},
		{
			"the first digits are not those of a number within an IBAN",
			accounts(acc("a", mask("180***4406"))),
			accounts(acc("x", iban("AE070331801234406"))),
			[]string{"a=x likely"},
		},
		{
			"three digits",
			accounts(acc("a", mask("180******406"))),
			accounts(acc("x", mask("******406"))),
			[]string{"a=x possible"},
		},
		{
			"three digits and a name",
			accounts(acc("a", mask("180******406"), name("Main")), acc("b", mask("777"), name("Main"))),
			accounts(acc("x", mask("XXX 777"), name("main")), acc("y", mask("••••406"), name("main"))),
			[]string{"a=y likely", "b=x likely"},
		},
		{
			"three digits of four",
			accounts(acc("a", mask("****4406")), acc("b", mask("****4777"))),
			accounts(acc("x", mask("406")), acc("y", mask("777"))),
			[]string{"a=x possible", "b=y possible"},
		},
		{
			"digits of another script",
			accounts(acc("a", mask("****٤٤١٠")), acc("b", mask("1111"))),
			accounts(acc("x", mask("4410")), acc("y", mask("2222"))),
			[]string{"+y", "-b", "a=x likely"},
		},
		{
			"a number that is a mask is only likely",
			accounts(acc("a", number("XXXXXX4421"))),
			accounts(acc("x", number("XXXXXX4421"))),
			[]string{"a=x likely"},
		},
	})
}

func reissuedCards(t *testing.T) {
	t.Parallel()
	card := kind(bankmux.AccountCreditCard)
	matchSimilar(t, []similarCase{
		{
			"a card reissued under its id",
			accounts(acc("a", card, mask("4421"))),
			accounts(acc("a", card, mask("9087"))),
			[]string{"a=a certain"},
		},
		{
			"a card reissued under its id, by number",
			accounts(acc("a", card, number("4000000000004421"))),
			accounts(acc("a", card, number("4000000000009087"))),
			[]string{"a=a certain"},
		},
		{
			"a prepaid card reissued under its id",
			accounts(acc("a", kind(bankmux.AccountPrepaid), mask("4421"))),
			accounts(acc("a", kind(bankmux.AccountPrepaid), mask("9087"))),
			[]string{"a=a certain"},
		},
		{
			"the only prepaid card of its name",
			accounts(acc("a", kind(bankmux.AccountPrepaid), mask("4421"), name("Travel"))),
			accounts(acc("x", kind(bankmux.AccountPrepaid), mask("9087"), name("Travel"))),
			[]string{"a=x possible"},
		},
		{
			"a card under the id of another kind of card",
			accounts(acc("a", card, mask("4421"))),
			accounts(acc("a", kind(bankmux.AccountPrepaid), mask("9087"))),
			[]string{"+a", "-a"},
		},
		{
			"cards whose ids are reused",
			accounts(acc("1", card, mask("4421"), name("A")), acc("2", card, mask("5555"), name("B"))),
			accounts(acc("2", card, mask("4421"), name("A")), acc("3", card, mask("5555"), name("B"))),
			[]string{"1=2 likely", "2=3 likely"},
		},
		{
			"cards whose ids are swapped",
			accounts(acc("1", card, mask("4421")), acc("2", card, mask("5555"))),
			accounts(acc("1", card, mask("5555")), acc("2", card, mask("4421"))),
			[]string{"1=2 likely", "2=1 likely"},
		},
		{
			"cards with three digits whose ids are reused",
			accounts(acc("1", card, mask("421"), name("A")), acc("2", card, mask("555"), name("B"))),
			accounts(acc("2", card, mask("421"), name("A")), acc("3", card, mask("555"), name("B"))),
			[]string{"1=2 likely", "2=3 likely"},
		},
		{
			"a card reissued beside another",
			accounts(acc("1", card, mask("4421")), acc("2", card, mask("5555"))),
			accounts(acc("1", card, mask("9087")), acc("2", card, mask("5555"))),
			[]string{"1=1 certain", "2=2 certain"},
		},
		{
			"another account under that id",
			accounts(acc("a", mask("4421"))),
			accounts(acc("a", mask("9087"))),
			[]string{"+a", "-a"},
		},
		{
			"the only card of its name",
			accounts(acc("a", card, mask("4421"), name("Visa"))),
			accounts(acc("x", card, mask("9087"), name("VISA"))),
			[]string{"a=x possible"},
		},
		{
			"a card of another name",
			accounts(acc("a", card, mask("4421"), name("Visa"))),
			accounts(acc("x", card, mask("9087"), name("Master"))),
			[]string{"+x", "-a"},
		},
		{
			"two cards of one name",
			accounts(acc("a", card, mask("4421"), name("Visa")), acc("b", card, mask("5555"), name("Visa"))),
			accounts(acc("x", card, mask("9087"), name("Visa")), acc("y", card, mask("7777"), name("Visa"))),
			[]string{"?[a b][x y]"},
		},
		{
			"one of two cards reissued",
			accounts(acc("a", card, mask("4421"), name("Visa")), acc("b", card, mask("5555"), name("Visa"))),
			accounts(acc("x", card, mask("9087"), name("Visa")), acc("y", card, mask("5555"), name("Visa"))),
			[]string{"a=x possible", "b=y likely"},
		},
	})
}

func oneOfSeveralAccounts(t *testing.T) {
	t.Parallel()
	matchSimilar(t, []similarCase{
		{
			"none of several can be it",
			accounts(acc("a", mask("4444")), acc("b", mask("5678"))),
			accounts(acc("x", mask("9999"))),
			[]string{"+x", "-a", "-b"},
		},
		{
			"one of several can be it",
			accounts(acc("a", mask("4444")), acc("b")),
			accounts(acc("x", mask("9999"))),
			[]string{"-a", "b=x possible"},
		},
	})
}
