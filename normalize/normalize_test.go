package normalize_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

func TestTimestampsOfBothProvidersAreRead(t *testing.T) {
	t.Parallel()
	for s, w := range map[string]string{
		"2026-10-28T00:00:00.000Z":         "2026-10-28T00:00:00Z",
		"2026-11-20T14:03:27.418502+00:00": "2026-11-20T14:03:27.418502Z",
		"2026-11-20T09:15:00-0800":         "2026-11-20T17:15:00Z",
		"2023-02-16T09:14:11":              "2023-02-16T09:14:11Z",
		"2023-02-16T09:14:11.5":            "2023-02-16T09:14:11.5Z",
		"2026-10-28 10:00:00":              "2026-10-28T10:00:00Z",
		"2026-10-28":                       "2026-10-28T00:00:00Z",
	} {
		got, ok := normalize.Timestamp(s)
		assert.True(t, ok, s)
		assert.Equal(t, w, got.Format(time.RFC3339Nano), s)
	}
	for _, s := range []string{"", "yesterday", "2026-13-01", "1700000000", "\xff"} {
		_, ok := normalize.Timestamp(s)
		assert.False(t, ok, s)
	}
}

func TestRetryAfterIsSecondsOrADateWithinADay(t *testing.T) {
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

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "2026-10-28T00:00:00.000Z", "7", "A:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		normalize.Timestamp(s)
		wait := normalize.RetryAfter(s, time.Unix(0, 0))
		assert.GreaterOrEqual(t, wait, time.Duration(0))
		assert.LessOrEqual(t, wait, 24*time.Hour)
		assert.LessOrEqual(t, len(normalize.CleanCode(s)), 100)
		assert.NotNil(t, normalize.NewCatalogue().Error(normalize.Failure{Code: s, Status: 500}))
	})
}

func TestADateToRetryAfterIsCountedFromTheClockThatGaveIt(t *testing.T) {
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

func TestADayLiesInTheYearsThatCanBeMeant(t *testing.T) {
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
		assert.NotContains(t, fault.Detail, s[:4], "what does not look like a date is not shown")
	}
	_, ok := normalize.Timestamp("9999-12-31T00:00:00Z")
	assert.False(t, ok)
}

func TestAnUnknownWordIsNoDirection(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]normalize.Direction{
		"credit": normalize.In, "CREDIT": normalize.In, "debit": normalize.Out, "Debit": normalize.Out,
		"": normalize.Unknown, "sideways": normalize.Unknown, "credited": normalize.Unknown, "in": normalize.Unknown, "credit ": normalize.Unknown, "кредит": normalize.Unknown,
	} {
		assert.Equal(t, want, normalize.DirectionOf(word), word)
	}
	five, _ := bankmux.ParseDecimal("-5")
	for direction, want := range map[normalize.Direction]string{normalize.In: "5.00 AED", normalize.Out: "-5.00 AED", normalize.Unknown: "", 7: ""} {
		m, fault := normalize.Signed(five, direction, "AED")
		assert.Equal(t, want, m.String())
		assert.Equal(t, want == "", fault != nil, "an amount whose sign is not known is not one")
	}
}
