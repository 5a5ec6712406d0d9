package bankmux

import (
	"cmp"
	"time"
)

// Date is a day of the calendar, in the time zone of the bank's books. It is not an instant. Do not
// convert it to a time.Time and back, because that may change the day. The zero Date is absent.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// NewDate returns a day. It does not validate it: see [Date.IsValid].
func NewDate(year int, month time.Month, day int) Date { return Date{year, month, day} }

// DateOf returns the day of t in the time zone of t.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date{year, month, day}
}

// ParseDate reads "2026-11-23" and nothing else. The error is [ErrInvalid].
func ParseDate(s string) (Date, error) {
	if len(s) == len("2006-01-02") && s[4] == '-' && s[7] == '-' {
		year, ok1 := digits(s[:4])
		month, ok2 := digits(s[5:7])
		day, ok3 := digits(s[8:])
		d := Date{year, time.Month(month), day}
		if ok1 && ok2 && ok3 && d.IsValid() {
			return d, nil
		}
	}
	return Date{}, invalid("Date", "is not a day written as 2006-01-02")
}

func digits(s string) (n int, ok bool) {
	for _, b := range []byte(s) {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + int(b-'0')
	}
	return n, true
}

// String returns the day as "2026-11-23", and "" for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.utc().Format(time.DateOnly)
}

// IsZero reports whether the date is absent.
func (d Date) IsZero() bool { return d == Date{} }

// IsValid reports whether the calendar has the day, in the years 1 to 9999.
func (d Date) IsValid() bool {
	return d.Year >= 1 && d.Year <= 9999 && d.Month >= 1 && d.Month <= 12 && d.Day >= 1 &&
		d.Day <= daysIn(d.Year, d.Month)
}

// daysIn is how many days a month has.
func daysIn(year int, month time.Month) int {
	switch month {
	case time.April, time.June, time.September, time.November:
		return 30
	case time.February:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// In returns the first moment of the day in loc. That is midnight, unless the clocks of loc skip
// it: a day that starts with the change to summer time may start at 01:00. If the clocks are put
// back over midnight, it is the first of the two midnights. A place may skip a whole day: Apia had
// no 30 December 2011. In then returns the first moment after it.
func (d Date) In(loc *time.Location) time.Time {
	midnight := d.utc()
	var later time.Time // the first moment of a later day, for a day that loc skips
	// The clocks of a place are less than a day off UTC, so the day starts within these three days.
	for t := midnight.Add(-24 * time.Hour).In(loc); ; {
		_, end := t.ZoneBounds()
		if !end.IsZero() && !end.After(t) {
			end = t.Add(time.Minute) // ZoneBounds ends a leap year of the far future a day early
		}
		_, seconds := t.Zone()
		offset := time.Duration(seconds) * time.Second
		start := midnight.Add(-offset).In(loc) // midnight, by the clocks that hold until end
		if start.Before(t) {
			start = t // the clocks were set during the day
		}
		if end.IsZero() || start.Before(end) {
			if start.Before(midnight.Add(24*time.Hour - offset)) {
				return start
			}
			if later.IsZero() {
				later = start
			}
		}
		if end.IsZero() || end.After(midnight.Add(48*time.Hour)) {
			return later
		}
		t = end
	}
}

// utc returns the midnight with which the day starts in UTC.
func (d Date) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// Compare returns -1 if d is before e, 0 if they are equal, and 1 if d is after e.
func (d Date) Compare(e Date) int {
	if d.Year != e.Year {
		return cmp.Compare(d.Year, e.Year)
	}
	if d.Month != e.Month {
		return cmp.Compare(d.Month, e.Month)
	}
	return cmp.Compare(d.Day, e.Day)
}

// Before reports whether d is an earlier day than e.
func (d Date) Before(e Date) bool { return d.Compare(e) < 0 }

// After reports whether d is a later day than e.
func (d Date) After(e Date) bool { return d.Compare(e) > 0 }

// AddDays returns the day n days later, or earlier for a negative n.
func (d Date) AddDays(n int) Date { return DateOf(d.utc().AddDate(0, 0, n)) }

// DaysSince returns the number of days from e to d.
func (d Date) DaysSince(e Date) int {
	const day = 24 * 60 * 60
	return int((d.utc().Unix() - e.utc().Unix()) / day)
}

// MarshalText writes [Date.String].
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes. The error is [ErrInvalid].
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	read, err := ParseDate(string(text))
	if err == nil {
		*d = read
	}
	return err
}
