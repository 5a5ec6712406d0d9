package normalize

import (
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
)

// The years of a day that can be meant. A day outside of them is of another calendar (1448 is
// Hijri, 2569 Buddhist) or stands for "no date" (0001-01-01, 9999-12-31).
const (
	firstYear = 1900
	lastYear  = 2100
)

// The years of a day on which something was booked. 1900-01-01, 1970-01-01 and 2099-12-31 stand for
// "no date" in the systems of banks.
const (
	firstRowYear = 1971
	lastRowYear  = 2098
)

// Day is the calendar day that a date, or a timestamp that stands for one, begins with. It reports
// false for a year before 1900 or after 2100. The time and zone behind the day do not count: banks
// write midnight in all manner of zones.
func Day(s string) (bankmux.Date, bool) {
	const length = len("2006-01-02")
	if len(s) > length && s[length] != 'T' && s[length] != ' ' {
		return bankmux.Date{}, false
	}
	if len(s) > length {
		s = s[:length]
	}
	d, err := bankmux.ParseDate(s)
	if err != nil || d.Year < firstYear || d.Year > lastYear {
		return bankmux.Date{}, false
	}
	return d, true
}

// RowDay is the [Day] on which a row was booked or will be. A day that is absent, unreadable,
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

// OptionalDay is a [Day] that may be absent, which is the zero Date. Anything else that is not a
// day is [bankmux.ErrMalformed]; the error calls it by what and quotes it.
func OptionalDay(s, what string) (bankmux.Date, *bankmux.Error) {
	d, ok := Day(s)
	if s == "" || ok {
		return d, nil
	}
	return d, Unreadable(what + quoted(s) + " that cannot be one")
}

// quoted is a blank and a provider's date in quotes, or nothing where the text does not look like a
// date: a broken answer may have anything in its place.
func quoted(s string) string {
	const most = len("2006-01-02T15:04:05.000000000+00:00")
	if len(s) > most || strings.Trim(s, "0123456789-/:. +TZ") != "" {
		return ""
	}
	return " " + strconv.Quote(s)
}
