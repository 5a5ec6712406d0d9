package normalize

// This file reads times.

import "time"

// timestampLayouts are the forms in which providers write a time. A missing zone means UTC.
var timestampLayouts = [...]string{
	time.RFC3339, // reads a fraction as well
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05",
	time.DateOnly,
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
	for _, layout := range timestampLayouts {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= firstYear && t.Year() <= lastYear {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
