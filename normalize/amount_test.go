package normalize_test

import (
	"testing"

	"github.com/govalues/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// TestAmount specifies currencies and directions.
func TestAmount(t *testing.T) {
	t.Parallel()
	t.Run("a currency is a code and never a name", aCurrencyIsACodeAndNeverAName)
	t.Run("an unknown word is not a direction", anUnknownWordIsNotADirection)
}

func aCurrencyIsACodeAndNeverAName(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]bankmux.Currency{
		"AED": "AED", "aed": "AED", " Aed ": "AED", "USDT": "USDT", " USDT": "USDT", "1INCH": "1INCH", "GBX": "GBX",
		"": "", "dirham": "", "Dirham": "", "dollars": "", "euro": "", "Lira": "", "u\u017fd": "", "AED/USD": "", "\u062f\u0631\u0647\u0645": "",
	} {
		t.Run("sent as "+sent, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, want, normalize.CurrencyCode(sent))
			money, fault := normalize.Amount(decimal.MustParse("5.00"), sent)
			if want == "" {
				require.NotNil(t, fault)
				require.ErrorIs(t, fault, bankmux.ErrMalformed)
				return
			}
			require.Nil(t, fault)
			assert.Equal(t, "5.00 "+string(want), money.String())
		})
	}
}

func anUnknownWordIsNotADirection(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]normalize.Direction{
		"credit": normalize.In, "CREDIT": normalize.In, "debit": normalize.Out, "Debit": normalize.Out,
		"": normalize.Unknown, "sideways": normalize.Unknown, "credited": normalize.Unknown, "in": normalize.Unknown,
		"credit ": normalize.Unknown, "кредит": normalize.Unknown,
	} {
		assert.Equal(t, want, normalize.DirectionOf(word), word)
	}
	five, _ := bankmux.ParseDecimal("-5")
	for direction, want := range map[normalize.Direction]string{
		normalize.In: "5.00 AED", normalize.Out: "-5.00 AED", normalize.Unknown: "", 7: "",
	} {
		m, fault := normalize.Signed(five, direction, "AED")
		assert.Equal(t, want, m.String())
		assert.Equal(t, want == "", fault != nil, "an amount without a sign is not an amount")
	}
}
