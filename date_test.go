package bankmux_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestDate specifies days without a time or a zone.
func TestDate(t *testing.T) {
	t.Parallel()
	t.Run("a date is a day, not an instant", aDateIsADayNotAnInstant)
	t.Run("a text that is not a date is refused", aTextThatIsNotADateIsRefused)
}

func aDateIsADayNotAnInstant(t *testing.T) {
	t.Parallel()
	d, err := bankmux.ParseDate("2028-02-29")
	require.NoError(t, err)
	assert.Equal(t, bankmux.NewDate(2028, time.February, 29), d)
	assert.Equal(t, "2028-02-29", d.String())
	assert.Equal(t, "2028-03-01", d.AddDays(1).String())
	assert.Equal(t, "2027-12-31", d.AddDays(-60).String())
	assert.Equal(t, 60, d.DaysSince(d.AddDays(-60)))
	assert.True(t, d.Before(d.AddDays(1)) && d.AddDays(1).After(d) && d.Compare(d) == 0)
	dubai := time.FixedZone("Dubai", 4*3600)
	assert.Equal(t, d, bankmux.DateOf(d.In(dubai)))
	assert.Equal(
		t,
		d,
		bankmux.DateOf(time.Date(2028, 2, 29, 23, 59, 0, 0, dubai)),
		"late in the evening it is still the same day there",
	)
	raw, err := json.Marshal(map[string]bankmux.Date{"day": d, "none": {}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"day":"2028-02-29","none":""}`, string(raw))
	var back map[string]bankmux.Date
	require.NoError(t, json.Unmarshal(raw, &back))
	assert.Equal(t, d, back["day"])
	assert.True(t, back["none"].IsZero())
	assert.Equal(t, 3652058, bankmux.NewDate(9999, 12, 31).DaysSince(bankmux.NewDate(1, 1, 1)))
}

func aTextThatIsNotADateIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "2026-02-30", "2026-13-01", "2026-1-1", "2026-01-01T00:00:00Z", "20260101", "0000-01-01", "2026-00-10",
		"-026-01-01", "２０26-01-01",
	} {
		_, err := bankmux.ParseDate(s)
		assert.ErrorIs(t, err, bankmux.ErrInvalid, s)
	}
	assert.False(t, bankmux.NewDate(2026, 2, 30).IsValid())
	assert.False(t, bankmux.Date{}.IsValid())
}

func FuzzDate(f *testing.F) {
	for _, seed := range []string{"2026-11-23", "2028-02-29", "0001-01-01", "9999-12-31", "2026-02-30"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := bankmux.ParseDate(s)
		want, wantErr := time.Parse(time.DateOnly, s)
		if err != nil {
			require.True(t, wantErr != nil || want.Year() < 1, s)
			return
		}
		require.NoError(t, wantErr)
		require.Equal(t, s, d.String())
		require.True(t, want.Equal(d.In(time.UTC)))
	})
}
