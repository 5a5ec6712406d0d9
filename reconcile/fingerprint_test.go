package reconcile_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

func TestFingerprint(t *testing.T) {
	t.Parallel()
	t.Run("it survives a new link and hides the number", fingerprintSurvivesALink)
	t.Run("it differs where accounts differ", fingerprintsDiffer)
}

func fingerprintSurvivesALink(t *testing.T) {
	t.Parallel()
	one := acc("mk_1", iban("AE07 0331"), name("Main"))
	assert.Equal(t, reconcile.Fingerprint(one), reconcile.Fingerprint(acc("other", iban("ae070331"), mask("0331"))))
	assert.NotEqual(t, reconcile.Fingerprint(one), reconcile.Fingerprint(acc("mk_1", iban("AE070332"))))
	assert.Regexp(t, `^a2:[\w-]{20}$`, reconcile.Fingerprint(one))
	assert.Equal(
		t,
		reconcile.Fingerprint(acc("a", mask("4410"), name("X"))),
		reconcile.Fingerprint(acc("b", mask("4410"), name("x"))),
	)
	assert.NotEqual(
		t,
		reconcile.Fingerprint(acc("a", mask("4410"))),
		reconcile.Fingerprint(acc("a", mask("4410"), in("AED"))),
	)
}

func fingerprintsDiffer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what     string
		one, two bankmux.Account
		same     bool
	}{
		{"two currencies of one IBAN", acc("a", iban("AE07"), in("AED")), acc("a", iban("AE07")), false},
		{"two kinds under one IBAN", acc("a", iban("AE07")), acc("a", iban("AE07"), kind(bankmux.AccountLoan)), false},
		{
			"two kinds under one number",
			acc("a", number("12345678")),
			acc("a", number("12345678"), kind(bankmux.AccountSavings)),
			false,
		},
		{"two currencies of one number", acc("a", number("12345678")), acc("a", number("12345678"), in("EUR")), false},
		{"digits at both ends and four at one", acc("a", mask("12****34")), acc("a", mask("****1234")), false},
		{"three digits, masked in two ways", acc("a", mask("180******406")), acc("b", mask("******406")), true},
		{"a mask in the place of a number", acc("a", number("XXXX4421")), acc("b", mask("4421")), true},
		{
			"two words that say nothing of the kind",
			acc("a", iban("AE07"), kind(bankmux.AccountUnknown)),
			acc("a", iban("AE07"), kind(bankmux.AccountOther)),
			true,
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.same, reconcile.Fingerprint(c.one) == reconcile.Fingerprint(c.two))
		})
	}
}
