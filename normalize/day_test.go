package normalize_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// TestDay specifies which days can be meant.
func TestDay(t *testing.T) {
	t.Parallel()
	t.Run("a day is in the years that can be meant", aDayIsInTheYearsThatCanBeMeant)
	t.Run("the day is that of the bank's country", theDayIsThatOfTheBanksCountry)
	t.Run("each country of the table has a zone", eachCountryOfTheTableHasAZone)
}

func aDayIsInTheYearsThatCanBeMeant(t *testing.T) {
	t.Parallel()
	for s, c := range map[string]struct{ day, row bool }{
		"2026-10-28": {true, true}, "2026-10-28T00:00:00.000Z": {true, true}, "1971-01-01": {true, true}, "2098-12-31": {true, true},
		"1970-12-31": {true, false}, "2099-01-01": {true, false}, "1900-01-01": {true, false}, "2100-12-31": {true, false},
		"1899-12-31": {}, "2101-01-01": {}, "1448-05-13": {}, "0001-01-01": {}, "9999-12-31": {}, "2026-02-30": {}, "yesterday": {}, "": {}, "20261028": {},
	} {
		_, ok := normalize.Day(s)
		assert.Equal(t, c.day, ok, s)
		day, fault := normalize.RowDay(s)
		assert.Equal(t, c.row, fault == nil, s)
		optional, optionalFault := normalize.OptionalDay(s, "a due day")
		assert.Equal(t, c.day || s == "", optionalFault == nil, s)
		assert.Equal(t, c.day, !optional.IsZero(), s)
		if fault == nil {
			continue
		}
		assert.True(t, day.IsZero())
		assert.Equal(t, bankmux.ErrMalformed, fault.Kind)
		assert.Equal(t, bankmux.ScopeCall, fault.Affects(), "it says nothing about the provider")
		if quoted := strconv.Quote(s); s != "" && s != "yesterday" {
			assert.Contains(t, fault.Detail, quoted)
		}
	}
	for _, s := range []string{"planted secret", "2026\n10", strings.Repeat("1", 99)} {
		_, fault := normalize.RowDay(s)
		require.NotNil(t, fault)
		assert.NotContains(t, fault.Detail, s[:4], "a text that does not look like a date is not shown")
	}
	_, ok := normalize.Timestamp("9999-12-31T00:00:00Z")
	assert.False(t, ok)
}

func theDayIsThatOfTheBanksCountry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ country, at, day string }{
		"Dubai is a day ahead in the evening":         {"AE", "2026-03-31T20:30:00Z", "2026-04-01"},
		"Kuwait is not, at the same moment":           {"KW", "2026-03-31T20:30:00Z", "2026-03-31"},
		"nor is Riyadh":                               {"SA", "2026-03-31T20:59:59Z", "2026-03-31"},
		"Manama is half an hour later":                {"BH", "2026-03-31T21:00:00Z", "2026-04-01"},
		"Doha has the time of Riyadh":                 {"QA", "2026-03-31T20:30:00Z", "2026-03-31"},
		"Muscat has the time of Dubai":                {"OM", "2026-03-31T20:30:00Z", "2026-04-01"},
		"Cairo is two hours ahead in winter":          {"EG", "2026-01-15T21:30:00Z", "2026-01-15"},
		"and three in summer":                         {"EG", "2026-07-15T21:30:00Z", "2026-07-16"},
		"New York is a day behind at night in winter": {"US", "2026-01-15T04:59:00Z", "2026-01-14"},
		"an hour less in summer":                      {"US", "2026-07-15T04:00:00Z", "2026-07-15"},
		"London has UTC in winter":                    {"GB", "2026-01-15T23:30:00Z", "2026-01-15"},
		"and is ahead of it in summer":                {"GB", "2026-07-15T23:30:00Z", "2026-07-16"},
		"Kathmandu has a quarter of an hour":          {"NP", "2026-03-31T18:15:00Z", "2026-04-01"},
		"a country in small letters":                  {"ae", "2026-03-31T20:30:00Z", "2026-04-01"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		require.NoError(t, err)
		day, ok := normalize.BankDay(c.country, at)
		require.True(t, ok, name)
		assert.Equal(t, c.day, day.String(), name)
	}
	for _, country := range []string{"", "XX", "UNITED ARAB EMIRATES", "U"} {
		_, ok := normalize.BankDay(country, time.Now())
		assert.False(t, ok, country)
	}
}

func eachCountryOfTheTableHasAZone(t *testing.T) {
	t.Parallel()
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			country := string([]rune{a, b})
			if !normalize.InZoneTable(country) {
				continue
			}
			zone, ok := normalize.BankZone(country)
			if assert.True(t, ok, country) {
				assert.NotEqual(t, time.UTC, zone, country)
			}
		}
	}
}
