package normalize_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/normalize"
)

func TestTheDayIsThatOfTheBanksOwnCountry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ country, at, day string }{
		"Dubai is a day ahead in the evening":         {"AE", "2026-03-31T20:30:00Z", "2026-04-01"},
		"Kuwait is not, at the same moment":           {"KW", "2026-03-31T20:30:00Z", "2026-03-31"},
		"nor is Riyadh":                               {"SA", "2026-03-31T20:59:59Z", "2026-03-31"},
		"Manama is half an hour later":                {"BH", "2026-03-31T21:00:00Z", "2026-04-01"},
		"Doha goes with Riyadh":                       {"QA", "2026-03-31T20:30:00Z", "2026-03-31"},
		"Muscat goes with Dubai":                      {"OM", "2026-03-31T20:30:00Z", "2026-04-01"},
		"Cairo is two hours ahead in winter":          {"EG", "2026-01-15T21:30:00Z", "2026-01-15"},
		"and three in summer":                         {"EG", "2026-07-15T21:30:00Z", "2026-07-16"},
		"New York is a day behind at night in winter": {"US", "2026-01-15T04:59:00Z", "2026-01-14"},
		"an hour less in summer":                      {"US", "2026-07-15T04:00:00Z", "2026-07-15"},
		"London goes with UTC in winter":              {"GB", "2026-01-15T23:30:00Z", "2026-01-15"},
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

func TestEveryCountryOfTheTableHasAZone(t *testing.T) {
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
