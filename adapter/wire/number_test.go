package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/wire"
)

// TestNumber specifies which texts are numbers.
func TestNumber(t *testing.T) {
	t.Parallel()
	t.Run("a number is read exactly in any notation", aNumberIsReadExactlyInAnyNotation)
	t.Run("absent and unreadable numbers differ and cost nothing", absentAndUnreadableNumbersDifferAndCostNothing)
}

func aNumberIsReadExactlyInAnyNotation(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`1902.55`: "1902.55", `"42.90"`: "42.90", `-784.6`: "-784.6", `1e3`: "1000", `"1.5E-2"`: "0.015", `0`: "0",
		`"0.00"`:                "0.00",
		`12.500000000000000000`: "12.50000000000000000", `"2273.80604070701140000"`: "2273.806040707011400",
		`9999999999999999999`: "9999999999999999999", `10450.750000000002`: "10450.750000000002",
	} {
		var in struct {
			N wire.Number `json:"n"`
		}
		require.NoError(t, wire.Unmarshal([]byte(`{"n":`+raw+`}`), &in), raw)
		assert.False(t, in.N.Absent() || in.N.Bad(), raw)
		assert.Equal(t, want, in.N.Value.String(), raw)
	}
}

func absentAndUnreadableNumbersDifferAndCostNothing(t *testing.T) {
	t.Parallel()
	for raw, bad := range map[string]bool{
		`{}`: false, `{"n":null}`: false, `{"n":""}`: false,
		`{"n":"abc"}`: true, `{"n":{}}`: true, `{"n":[1]}`: true, `{"n":true}`: true,
		`{"n":12345678901234567890.5}`: true, `{"n":"1,000"}`: true, `{"n":"\u0031"}`: true,
	} {
		var in struct {
			N wire.Number `json:"n"`
		}
		require.NoError(t, wire.Unmarshal([]byte(raw), &in), raw)
		assert.Equal(t, bad, in.N.Bad(), raw)
		assert.Equal(t, !bad, in.N.Absent(), raw)
	}
}
