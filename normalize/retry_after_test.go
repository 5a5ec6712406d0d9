package normalize_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/normalize"
)

// TestRetryAfter specifies how long a provider may ask to wait.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	t.Run("the header is seconds or a date within a day", theHeaderIsSecondsOrADateWithinADay)
	t.Run("a date is counted from the clock that gave it", aDateIsCountedFromTheClockThatGaveIt)
}

func theHeaderIsSecondsOrADateWithinADay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for header, w := range map[string]time.Duration{
		"7": 7 * time.Second, "0": 0, "-3": 0, "": 0, "soon": 0, "1.5": 0, "99999999999": 24 * time.Hour,
		now.Add(7 * time.Second).Format(http.TimeFormat): 7 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):      0,
		now.Add(240 * time.Hour).Format(http.TimeFormat): 24 * time.Hour,
	} {
		assert.Equal(t, w, normalize.RetryAfter(header, now), header)
	}
}

func aDateIsCountedFromTheClockThatGaveIt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for name, c := range map[string]struct {
		date, after string
		want        time.Duration
	}{
		"an hour ahead":   {at(time.Hour), at(time.Hour + 7*time.Second), 7 * time.Second},
		"an hour behind":  {at(-time.Hour), at(-time.Hour + 7*time.Second), 7 * time.Second},
		"no Date":         {"", at(7 * time.Second), 7 * time.Second},
		"unreadable Date": {"yesterday", at(7 * time.Second), 7 * time.Second},
		"seconds":         {at(time.Hour), "7", 7 * time.Second},
		"nothing":         {at(time.Hour), "", 0},
	} {
		h := http.Header{}
		h.Set("Date", c.date)
		h.Set("Retry-After", c.after)
		assert.Equal(t, c.want, normalize.RetryAfterOf(h, now), name)
	}
}
