package bankmux_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestMoneyString(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		amount   string
		currency bankmux.Currency
		want     string
	}{
		"one digit of two":                  {"-2.1", "AED", "-2.10 AED"},
		"no digits of two":                  {"-18000", "USD", "-18000.00 USD"},
		"all digits":                        {"42.90", "AED", "42.90 AED"},
		"more digits than the minor unit":   {"0.015", "AED", "0.015 AED"},
		"three minor digits":                {"1.5", "KWD", "1.500 KWD"},
		"no minor digits":                   {"1500", "JPY", "1500 JPY"},
		"digits beyond none":                {"1500.5", "JPY", "1500.5 JPY"},
		"no minor unit":                     {"1.5", "XAU", "1.5 XAU"},
		"a currency that is not listed":     {"0.5", "USDT", "0.5 USDT"},
		"zero":                              {"0", "EUR", "0.00 EUR"},
		"nineteen digits, none to spare":    {"9999999999999999999", "AED", "9999999999999999999.00 AED"},
		"nineteen digits after the point":   {"0.0000000000000000001", "AED", "0.0000000000000000001 AED"},
		"a negative amount of small change": {"-0.5", "GBP", "-0.50 GBP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := money(t, c.amount, c.currency)
			assert.Equal(t, c.want, m.String())
			assert.Equal(t, c.want, m.LogValue().String())
			assert.Equal(t, c.amount, m.Amount(), "the digits that were sent")
			raw, err := json.Marshal(m)
			require.NoError(t, err)
			assert.JSONEq(t, `{"amount":"`+c.amount+`","currency":"`+string(c.currency)+`"}`, string(raw))
		})
	}
	t.Run("no amount", func(t *testing.T) {
		t.Parallel()
		assert.Empty(t, bankmux.Money{}.String())
	})
}
