package normalize

// This file reads days.

import (
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
)

// The years of a day that can be meant. A year outside of them belongs to another calendar (1448 is
// Hijri, 2569 Buddhist) or stands for "no date" (0001-01-01, 9999-12-31).
const (
	firstYear = 1900
	lastYear  = 2100
)

// The years of a day on which something was booked. In the systems of banks, 1900-01-01, 1970-01-01
// and 2099-12-31 stand for "no date".
const (
	firstRowYear = 1971
	lastRowYear  = 2098
)

// Day returns the calendar day of a date, or of a timestamp that a provider writes for a date. It
// reports false for a year before 1900 or after 2100. It ignores the time and zone after the day,
// because banks write midnight in many zones.
func Day(s string) (bankmux.Date, bool) {
	const length = len("2006-01-02")
	switch {
	case s == "": // frequent, and the error would be memory
		return bankmux.Date{}, false
	case len(s) > length && s[length] != 'T' && s[length] != ' ':
		return bankmux.Date{}, false
	case len(s) > length:
		s = s[:length]
	}
	d, err := bankmux.ParseDate(s)
	if err != nil || d.Year < firstYear || d.Year > lastYear {
		return bankmux.Date{}, false
	}
	return d, true
}

// RowDay returns the [Day] on which a row was or will be booked. A day that is absent, unreadable,
// before 1971 or after 2098 is [bankmux.ErrMalformed], and the error quotes it.
func RowDay(s string) (bankmux.Date, *bankmux.Error) {
	d, ok := Day(s)
	if !ok || d.Year < firstRowYear || d.Year > lastRowYear {
		if s == "" {
			return bankmux.Date{}, Unreadable("a transaction without a date")
		}
		return bankmux.Date{}, Unreadable("a transaction whose date" + quoted(s) + " cannot be its day")
	}
	return d, nil
}

// OptionalDay returns a [Day] that may be absent, which is the zero Date. Any other text that is
// not a day is [bankmux.ErrMalformed]. The error names the member as what does, and quotes the
// text.
func OptionalDay(s, what string) (bankmux.Date, *bankmux.Error) {
	d, ok := Day(s)
	if s == "" || ok {
		return d, nil
	}
	return d, Unreadable(what + quoted(s) + " that cannot be one")
}

// quoted returns a space and a provider's date in quotes. It returns "" if the text does not look
// like a date, because a broken response may have anything in its place.
func quoted(s string) string {
	const maxLength = len("2006-01-02T15:04:05.000000000+00:00")
	if len(s) > maxLength || strings.Trim(s, "0123456789-/:. +TZ") != "" {
		return ""
	}
	return " " + strconv.Quote(s)
}
