package normalize_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/normalize"
)

// TestTimestamp specifies which forms of a time are read.
func TestTimestamp(t *testing.T) {
	t.Parallel()
	t.Run("timestamps of both providers are read", timestampsOfBothProvidersAreRead)
}

func timestampsOfBothProvidersAreRead(t *testing.T) {
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
