//go:build !race

package bankmux_test

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // so that every machine has the zones

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// zones names every zone of the IANA time zone database, as Go distributes it.
//
//go:embed testdata/zones.txt
var zones string

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func TestDateIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ what, zone, day, begins string }{
		{"a summer time that starts at midnight", "America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00"},
		{"the day after it", "America/Santiago", "2026-09-07", "2026-09-07T00:00:00-03:00"},
		{"a winter time that starts at midnight", "America/Santiago", "2026-04-05", "2026-04-05T00:00:00-04:00"},
		{"the same in the Gulf's neighbourhood", "Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00+03:00"},
		{"and in Lebanon", "Asia/Beirut", "2026-03-29", "2026-03-29T01:00:00+03:00"},
		{"a place east of Greenwich that skipped midnight long ago", "Asia/Amman", "1986-04-04", "1986-04-04T01:00:00+03:00"},
		{"clocks put back over midnight a minute after it", "America/St_Johns", "2010-11-07", "2010-11-07T00:00:00-02:30"},
		{"clocks put back to midnight", "Atlantic/Azores", "2026-10-25", "2026-10-25T00:00:00Z"},
		{"a day that was skipped whole", "Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00"},
		{"another one", "Pacific/Kwajalein", "1993-08-21", "1993-08-22T00:00:00+12:00"},
		{"no zone but an offset", "UTC", "2026-11-23", "2026-11-23T00:00:00Z"},
		{"a change of half an hour", "Australia/Lord_Howe", "2026-10-04", "2026-10-04T00:00:00+10:30"},
		{"the last day of a far leap year", "Europe/London", "2040-12-31", "2040-12-31T00:00:00Z"},
		{"a far year", "America/Santiago", "2399-09-05", "2399-09-05T01:00:00-03:00"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			day, err := bankmux.ParseDate(c.day)
			require.NoError(t, err)
			assert.Equal(t, c.begins, day.In(zone(t, c.zone)).Format(time.RFC3339))
		})
	}
	t.Run("nothing of a day comes before it, around every change of every zone's clocks", func(t *testing.T) {
		t.Parallel()
		seen := map[string]bool{} // many zones share a change
		for name := range strings.Lines(zones) {
			loc := zone(t, strings.TrimSpace(name))
			for _, change := range changesOf(loc) {
				if clock := clockAround(change); !seen[clock] {
					seen[clock] = true
					for days := -1; days <= 1; days++ {
						startsWithItself(t, bankmux.DateOf(change).AddDays(days), loc)
					}
				}
			}
		}
		assert.Greater(t, len(seen), 9000, "changes")
	})
	t.Run("nothing of a day comes before it on the first of every month of every 25th year", func(t *testing.T) {
		t.Parallel()
		for name := range strings.Lines(zones) {
			loc := zone(t, strings.TrimSpace(name))
			for month := range 12 * 11 {
				startsWithItself(t, bankmux.NewDate(1850+month/12*25, time.Month(month%12+1), 1), loc)
			}
		}
	})
}

// changesOf returns when the clocks of a zone change before 2050.
func changesOf(loc *time.Location) (changes []time.Time) {
	last := time.Date(2050, 1, 1, 0, 0, 0, 0, loc)
	for change := time.Date(1840, 1, 1, 0, 0, 0, 0, loc); change.Before(last); {
		_, next := change.ZoneBounds()
		switch {
		case next.IsZero():
			next = last
		case !next.After(change):
			next = change.Add(time.Hour) // as ZoneBounds returns on 31 December of a leap year after 2037
		}
		change = next
		changes = append(changes, change)
	}
	return changes
}

// clockAround describes the clock of a zone for a week around a change. The first moments of the
// days in it depend on nothing else.
func clockAround(change time.Time) string {
	const week = 7 * 24 * time.Hour
	var clock strings.Builder
	for at, end := change.Add(-week), change.Add(week); at.Before(end); {
		_, offset := at.Zone()
		fmt.Fprintf(&clock, "%d %d, ", at.Unix(), offset)
		_, next := at.ZoneBounds()
		if at = at.Add(time.Hour); next.After(at) { // ZoneBounds is wrong on some days, see changesOf
			at = next
		}
	}
	return clock.String()
}

// startsWithItself checks the first moment of a day without asking when a zone changes its clocks.
func startsWithItself(t *testing.T, day bankmux.Date, loc *time.Location) {
	t.Helper()
	begin := day.In(loc)
	got := bankmux.DateOf(begin)
	exists := !got.After(day)
	if got.Before(day) {
		t.Fatalf("%s in %s starts at %s", day, loc, begin)
	}
	if before := bankmux.DateOf(begin.Add(-time.Nanosecond)); before == got {
		t.Fatalf("%s in %s: there is an earlier moment than %s", day, loc, begin)
	}
	for hours := 1; hours <= 26; hours++ {
		if moment := bankmux.DateOf(
			begin.Add(-time.Duration(hours) * time.Hour),
		); moment == day ||
			(!exists && moment.After(day)) {
			t.Fatalf("%s in %s started %d hours before %s", day, loc, hours, begin)
		}
	}
	if exists {
		return
	}
	for hours := range 48 {
		if bankmux.DateOf(begin.Add(time.Duration(hours)*time.Hour)) == day {
			t.Fatalf("%s in %s exists after %s", day, loc, begin)
		}
	}
}
