package bankmux_test

import (
	"encoding/json"
	"log/slog"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func money(t testing.TB, amount string, c bankmux.Currency) bankmux.Money {
	t.Helper()
	m, err := bankmux.NewMoney(amount, c)
	require.NoError(t, err, amount)
	return m
}

// TestMoney specifies exact amounts.
func TestMoney(t *testing.T) {
	t.Parallel()
	t.Run("every digit that was sent is kept", everyDigitThatWasSentIsKept)
	t.Run("an amount that does not fit is refused, not rounded", anAmountThatDoesNotFitIsRefusedNotRounded)
	t.Run("absent money is not zero", absentMoneyIsNotZero)
	t.Run("amounts are compared and added exactly", amountsAreComparedAndAddedExactly)
	t.Run("minor units follow the currency", minorUnitsFollowTheCurrency)
}

func everyDigitThatWasSentIsKept(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"42.90": "42.90", "0": "0", "0.00": "0.00", "-784.6": "-784.6", "+5": "5", "007": "7",
		"1e3": "1000", "1.5E-2": "0.015", "12.50e1": "125.0", "10450.750000000002": "10450.750000000002",
		"9999999999999999999": "9999999999999999999", "-99999999999999999.99": "-99999999999999999.99",
		"0.0000000000000000001": "0.0000000000000000001", "-0": "0",
		// Zeros at the end of a fraction are not rounded away, but do not all fit.
		"12.000000000000000000": "12.00000000000000000", "1.00000000000000000000": "1.000000000000000000",
		"2273.80604070701140000": "2273.806040707011400", "-0.50000000000000000000": "-0.5000000000000000000",
		"10000000000000000000e-5": "100000000000000.0000", "1200.e-20": "0.0000000000000000120",
		"0.00000000000000000000": "0.0000000000000000000", "0e-30": "0.0000000000000000000",
	} {
		m := money(t, text, "AED")
		assert.Equal(t, want, m.Amount(), text)
		assert.Equal(t, bankmux.Currency("AED"), m.Currency())
		assert.False(t, m.IsZero(), text)
		raw, err := json.Marshal(m)
		require.NoError(t, err)
		assert.JSONEq(t, `{"amount":"`+want+`","currency":"AED"}`, string(raw))
		var back bankmux.Money
		require.NoError(t, json.Unmarshal(raw, &back))
		assert.Equal(t, m, back)
	}
}

func anAmountThatDoesNotFitIsRefusedNotRounded(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "-", "+", ".", "1.2.3", "1,000", " 1", "1 ", "0x10", "1_000", "NaN", "Infinity", "1e", "e5", "1e+",
		"--1",
		"10000000000000000000", "0.00000000000000000001", "1e19", "1.00000000000000000001",
		"0.1000000000000000055511151231257827", "1e-20", "1e999999999999", "٣", "123456789012345678.95",
		"1234567890.1234567891",
	} {
		_, err := bankmux.NewMoney(text, "AED")
		assert.ErrorIs(t, err, bankmux.ErrInvalid, text)
	}
	for _, c := range []bankmux.Currency{
		"", "AE", "aed", "A1D", "ÄED", "usdt", "1234", "US-DT", "USDT ", "THIRTEENCHARS",
	} {
		_, err := bankmux.NewMoney("1", c)
		assert.ErrorIs(t, err, bankmux.ErrInvalid, c)
	}
}

func absentMoneyIsNotZero(t *testing.T) {
	t.Parallel()
	var none bankmux.Money
	assert.True(t, none.IsZero())
	assert.Empty(t, none.Amount())
	assert.Empty(t, none.String())
	raw, err := json.Marshal(none)
	require.NoError(t, err)
	assert.Equal(t, "null", string(raw))
	back := money(t, "1", "AED")
	require.NoError(t, json.Unmarshal(raw, &back))
	assert.True(t, back.IsZero())
	_, err = none.Add(money(t, "1", "AED"))
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	_, err = none.Minor()
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	assert.False(t, none.Equal(money(t, "0", "AED")))
	for _, raw := range []string{
		`{"amount":42.9,"currency":"AED"}`, `{"amount":"42.9"}`, `{"currency":"AED"}`, `"42.9 AED"`,
		`{"amount":"x","currency":"AED"}`,
	} {
		assert.Error(t, json.Unmarshal([]byte(raw), &back), raw)
	}
}

func amountsAreComparedAndAddedExactly(t *testing.T) {
	t.Parallel()
	a, b := money(t, "0.1", "USD"), money(t, "0.20", "USD")
	sum, err := a.Add(b)
	require.NoError(t, err)
	assert.Equal(t, "0.30", sum.Amount())
	diff, err := a.Sub(b)
	require.NoError(t, err)
	assert.Equal(t, "-0.10 USD", diff.String())
	assert.Equal(t, -1, diff.Sign())
	assert.Equal(t, diff.Abs(), diff.Neg())
	less, err := a.Cmp(b)
	require.NoError(t, err)
	assert.Equal(t, -1, less)
	assert.True(t, money(t, "42.9", "USD").Equal(money(t, "42.90", "USD")))
	assert.False(t, money(t, "42.9", "USD").Equal(money(t, "42.9", "AED")))
	_, err = a.Add(money(t, "1", "AED"))
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	_, err = a.Cmp(money(t, "1", "AED"))
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	_, err = money(t, "9999999999999999999", "USD").Add(money(t, "1", "USD"))
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	_, err = money(t, "9999999999999999999", "USD").Add(money(t, "0.01", "USD"))
	require.ErrorIs(t, err, bankmux.ErrInvalid, "a sum that would have to be rounded")
	assert.Equal(t, slog.StringValue("0.10 USD"), a.LogValue())
}

func minorUnitsFollowTheCurrency(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount   string
		currency bankmux.Currency
		units    int64
	}{
		{"42.90", "AED", 4290},
		{"42.9", "AED", 4290},
		{"-42.9000", "AED", -4290},
		{"1500", "JPY", 1500},
		{"1500.0", "JPY", 1500},
		{"1.5", "KWD", 1500},
		{"0.001", "BHD", 1},
		{"7", "IQD", 7000},
		{"92233720368547758.07", "USD", math.MaxInt64},
		{"0", "USD", 0},
	} {
		units, err := money(t, c.amount, c.currency).Minor()
		require.NoError(t, err, c.amount)
		assert.Equal(t, c.units, units, c.amount)
		back, err := bankmux.MoneyFromMinor(units, c.currency)
		require.NoError(t, err)
		assert.True(t, back.Equal(money(t, c.amount, c.currency)))
	}
	for amount, currency := range map[string]bankmux.Currency{
		"10450.7500000001": "AED", "1.5": "JPY", "1": "XAU", "2": "ZZZ", "92233720368547758.08": "USD", "9999999999999999999": "KWD",
	} {
		_, err := money(t, amount, currency).Minor()
		assert.ErrorIs(t, err, bankmux.ErrInvalid, amount)
	}
	_, err := bankmux.MoneyFromMinor(1, "XAU")
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	lowest, err := bankmux.MoneyFromMinor(math.MinInt64, "USD")
	require.NoError(t, err)
	assert.Equal(t, "-92233720368547758.08", lowest.Amount())
}

// TestCurrency specifies the table of currencies.
func TestCurrency(t *testing.T) {
	t.Parallel()
	t.Run("the currencies are those of ISO 4217", theCurrenciesAreThoseOfISO4217)
	t.Run("a code that ISO 4217 does not list is kept", aCodeThatISO4217DoesNotListIsKept)
}

func theCurrenciesAreThoseOfISO4217(t *testing.T) {
	t.Parallel()
	for c, digits := range map[bankmux.Currency]int{
		"USD": 2, "JPY": 0, "KWD": 3, "BHD": 3, "IQD": 3, "OMR": 3, "CLF": 4, "AED": 2, "SAR": 2, "GBP": 2, "CAD": 2,
		"KRW": 0, "XAU": -1, "XXX": -1,
	} {
		got, ok := c.Exponent()
		assert.Equal(t, digits >= 0, ok, c)
		if ok {
			assert.Equal(t, digits, got, c)
		}
		assert.True(t, c.Known(), c)
		assert.NotEmpty(t, c.Name(), c)
	}
	assert.False(t, bankmux.Currency("ZZZ").Known())
	_, ok := bankmux.Currency("ZZZ").Exponent()
	assert.False(t, ok)
}

func aCodeThatISO4217DoesNotListIsKept(t *testing.T) {
	t.Parallel()
	for _, code := range []bankmux.Currency{"USDT", "DOGE", "DASH", "GBX", "BTC", "1INCH", "STETH2", "TWELVELETTER"} {
		m, err := bankmux.NewMoney("12.3456789", code)
		require.NoError(t, err, code)
		assert.Equal(t, "12.3456789 "+string(code), m.String())
		assert.False(t, code.Known())
		raw, err := json.Marshal(m)
		require.NoError(t, err)
		var back bankmux.Money
		require.NoError(t, json.Unmarshal(raw, &back))
		assert.Equal(t, m, back)
		_, err = m.Minor()
		require.ErrorIs(t, err, bankmux.ErrInvalid, "minor units are not known")
	}
}

func FuzzMoney(f *testing.F) {
	for _, seed := range []string{
		"42.90", "1e3", "-0.015", "9999999999999999999", "1.5E-2", "0e-99", "00.10", ".5", "5.", "1e19",
		"0.1000000000000000055511151231257827", "12.000000000000000000", "10000000000000000000e-5",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := bankmux.NewMoney(text, "USD")
		if err != nil {
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			return
		}
		want, ok := new(big.Rat).SetString(text)
		require.True(t, ok && !strings.ContainsAny(text, "/_xXpPoObB"), text)
		got, ok := new(big.Rat).SetString(m.Amount())
		require.True(t, ok)
		require.Zero(t, want.Cmp(got), "%s became %s", text, m.Amount())
		raw, err := json.Marshal(m)
		require.NoError(t, err)
		var back bankmux.Money
		require.NoError(t, json.Unmarshal(raw, &back))
		require.Equal(t, m, back)
		if units, err := m.Minor(); err == nil {
			require.Zero(t, new(big.Rat).SetFrac64(units, 100).Cmp(want))
		}
	})
}

func BenchmarkNewMoney(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bankmux.NewMoney("10450.75", "AED"); err != nil {
			b.Fatal(err)
		}
	}
}
