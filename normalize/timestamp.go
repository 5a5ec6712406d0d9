package normalize

// This file reads times.

import "time"

// timestampLayouts are the forms in which providers write a time. A missing zone means UTC. The
// first three read a fraction as well.
var timestampLayouts = [...]string{
	time.RFC3339,
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05",
}

// Timestamp reads a time in any of the forms seen from providers:
//
//   - RFC 3339, with or without a fraction
//   - an offset without a colon, or no zone, which means UTC
//   - a space for the T
//   - a date alone
//
// It reports false for anything else, and for a year before 1900 or after 2100: see [Day].
func Timestamp(s string) (time.Time, bool) {
	switch n := len(s); {
	case n < len(time.DateOnly): // usually "", and an error of time.Parse is costly
		return time.Time{}, false
	case n == len(time.DateOnly):
		d, ok := Day(s)
		if !ok {
			return time.Time{}, false
		}
		return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC), true
	}
	for _, layout := range timestampLayouts {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= firstYear && t.Year() <= lastYear {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
