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

func similarAccountsStaySeparate(t *testing.T) {
	t.Parallel()
	card := kind(bankmux.AccountCreditCard)
	list := func(all ...bankmux.Account) []bankmux.Account { return all }
	for _, c := range []struct {
		what     string
		old, new []bankmux.Account
		want     []string
	}{
		{
			"two currencies of one IBAN",
			list(acc("a", iban("AE07"), in("AED"))),
			list(acc("x", iban("AE07"))),
			[]string{"+x", "-a"},
		},
		{
			"two currencies of one IBAN on both sides",
			list(acc("a", iban("AE07"), in("AED")), acc("b", iban("AE07"))),
			list(acc("x", iban("AE07")), acc("y", iban("AE07"), in("AED"))),
			[]string{"a=y certain", "b=x certain"},
		},
		{
			"a current account and a loan under one IBAN",
			list(acc("a", iban("AE07"))),
			list(acc("x", iban("AE07"), kind(bankmux.AccountLoan))),
			[]string{"+x", "-a"},
		},
		{
			"a current and a savings account under one number",
			list(acc("a", number("12345678"))),
			list(acc("x", number("12345678"), kind(bankmux.AccountSavings))),
			[]string{"+x", "-a"},
		},
		{
			"one more currency under a number",
			list(acc("a", number("12345678"))),
			list(acc("x", number("12345678")), acc("y", number("12345678"), in("EUR"))),
			[]string{"+y", "a=x certain"},
		},
		{
			"one IBAN under one id, in another currency",
			list(acc("a", iban("AE07"))),
			list(acc("a", iban("AE07"), in("AED"))),
			[]string{"+a", "-a"},
		},
		{
			"an IBAN whose kind is not known",
			list(acc("a", iban("AE07"), kind(bankmux.AccountUnknown), in(""))),
			list(acc("x", iban("AE07"))),
			[]string{"a=x certain"},
		},
		{
			"two currencies of an IBAN whose currency is no longer known",
			list(acc("a", iban("AE07")), acc("b", iban("AE07"), in("AED"))),
			list(acc("x", iban("AE07"), in(""))),
			[]string{"?[a b][x]"},
		},
		{
			"two other currencies under one IBAN",
			list(acc("a", iban("AE07"))),
			list(acc("x", iban("AE07"), in("AED")), acc("y", iban("AE07"), in("EUR"))),
			[]string{"+x", "+y", "-a"},
		},
		{
			"digits at both ends are not four at one end",
			list(acc("a", mask("12****34"))),
			list(acc("x", mask("****1234"))),
			[]string{"a=x possible"},
		},
		{
			"digits at both ends and one name are not four at one",
			list(acc("a", mask("12****34"), name("Main"))),
			list(acc("x", mask("****1234"), name("Main"))),
			[]string{"a=x possible"},
		},
		{
			"digits at both ends pair with the same digits",
			list(acc("a", mask("12****34")), acc("b", mask("1234"))),
			list(acc("x", mask("****1234")), acc("y", mask("12****34"))),
			[]string{"a=y likely", "b=x likely"},
		},
		{
			"digits at both ends that contradict",
			list(acc("a", mask("12****34"))),
			list(acc("x", mask("****9999"))),
			[]string{"+x", "-a"},
		},
		{
			"the first digits contradict",
			list(acc("a", mask("180***4406"))),
			list(acc("x", mask("190***4406"))),
			[]string{"+x", "-a"},
		},
		{
			"the first digits contradict a whole number",
			list(acc("a", number("1801234406"))),
			list(acc("x", mask("190***4406"))),
			[]string{"+x", "-a"},
		},
		{
			"the first digits are those of a whole number",
			list(acc("a", mask("180***4406"))),
			list(acc("x", number("0 180-123 4406"))),
			[]string{"a=x likely"},
		},
		{
			"the first digits are not those of a number within an IBAN",
			list(acc("a", mask("180***4406"))),
			list(acc("x", iban("AE070331801234406"))),
			[]string{"a=x likely"},
		},
		{
			"three digits",
			list(acc("a", mask("180******406"))),
			list(acc("x", mask("******406"))),
			[]string{"a=x possible"},
		},
		{
			"three digits and a name",
			list(acc("a", mask("180******406"), name("Main")), acc("b", mask("777"), name("Main"))),
			list(acc("x", mask("XXX 777"), name("main")), acc("y", mask("••••406"), name("main"))),
			[]string{"a=y likely", "b=x likely"},
		},
		{
			"three digits of four",
			list(acc("a", mask("****4406")), acc("b", mask("****4777"))),
			list(acc("x", mask("406")), acc("y", mask("777"))),
			[]string{"a=x possible", "b=y possible"},
		},
		{
			"digits of another script",
			list(acc("a", mask("****٤٤١٠")), acc("b", mask("1111"))),
			list(acc("x", mask("4410")), acc("y", mask("2222"))),
			[]string{"+y", "-b", "a=x likely"},
		},
		{
			"a number that is a mask is only likely",
			list(acc("a", number("XXXXXX4421"))),
			list(acc("x", number("XXXXXX4421"))),
			[]string{"a=x likely"},
		},
		{
			"a card reissued under its id",
			list(acc("a", card, mask("4421"))),
			list(acc("a", card, mask("9087"))),
			[]string{"a=a certain"},
		},
		{
			"a card reissued under its id, by number",
			list(acc("a", card, number("4000000000004421"))),
			list(acc("a", card, number("4000000000009087"))),
			[]string{"a=a certain"},
		},
		{
			"a prepaid card reissued under its id",
			list(acc("a", kind(bankmux.AccountPrepaid), mask("4421"))),
			list(acc("a", kind(bankmux.AccountPrepaid), mask("9087"))),
			[]string{"a=a certain"},
		},
		{
			"the only prepaid card of its name",
			list(acc("a", kind(bankmux.AccountPrepaid), mask("4421"), name("Travel"))),
			list(acc("x", kind(bankmux.AccountPrepaid), mask("9087"), name("Travel"))),
			[]string{"a=x possible"},
		},
		{
			"a card under the id of another kind of card",
			list(acc("a", card, mask("4421"))),
			list(acc("a", kind(bankmux.AccountPrepaid), mask("9087"))),
			[]string{"+a", "-a"},
		},
		{
			"cards whose ids are reused",
			list(acc("1", card, mask("4421"), name("A")), acc("2", card, mask("5555"), name("B"))),
			list(acc("2", card, mask("4421"), name("A")), acc("3", card, mask("5555"), name("B"))),
			[]string{"1=2 likely", "2=3 likely"},
		},
		{
			"cards whose ids are swapped",
			list(acc("1", card, mask("4421")), acc("2", card, mask("5555"))),
			list(acc("1", card, mask("5555")), acc("2", card, mask("4421"))),
			[]string{"1=2 likely", "2=1 likely"},
		},
		{
			"cards with three digits whose ids are reused",
			list(acc("1", card, mask("421"), name("A")), acc("2", card, mask("555"), name("B"))),
			list(acc("2", card, mask("421"), name("A")), acc("3", card, mask("555"), name("B"))),
			[]string{"1=2 likely", "2=3 likely"},
		},
		{
			"a card reissued beside another",
			list(acc("1", card, mask("4421")), acc("2", card, mask("5555"))),
			list(acc("1", card, mask("9087")), acc("2", card, mask("5555"))),
			[]string{"1=1 certain", "2=2 certain"},
		},
		{
			"another account under that id",
			list(acc("a", mask("4421"))),
			list(acc("a", mask("9087"))),
			[]string{"+a", "-a"},
		},
		{
			"the only card of its name",
			list(acc("a", card, mask("4421"), name("Visa"))),
			list(acc("x", card, mask("9087"), name("VISA"))),
			[]string{"a=x possible"},
		},
		{
			"a card of another name",
			list(acc("a", card, mask("4421"), name("Visa"))),
			list(acc("x", card, mask("9087"), name("Master"))),
			[]string{"+x", "-a"},
		},
		{
			"two cards of one name",
			list(acc("a", card, mask("4421"), name("Visa")), acc("b", card, mask("5555"), name("Visa"))),
			list(acc("x", card, mask("9087"), name("Visa")), acc("y", card, mask("7777"), name("Visa"))),
			[]string{"?[a b][x y]"},
		},
		{
			"one of two cards reissued",
			list(acc("a", card, mask("4421"), name("Visa")), acc("b", card, mask("5555"), name("Visa"))),
			list(acc("x", card, mask("9087"), name("Visa")), acc("y", card, mask("5555"), name("Visa"))),
			[]string{"a=x possible", "b=y likely"},
		},
		{
			"none of several can be it",
			list(acc("a", mask("4444")), acc("b", mask("5678"))),
			list(acc("x", mask("9999"))),
			[]string{"+x", "-a", "-b"},
		},
		{
			"one of several can be it",
			list(acc("a", mask("4444")), acc("b")),
			list(acc("x", mask("9999"))),
			[]string{"-a", "b=x possible"},
		},
	} {
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
