package normalize_test

import (
	"testing"

	"github.com/govalues/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

func TestACurrencyIsACodeAndNeverAName(t *testing.T) {
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
