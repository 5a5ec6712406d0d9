package plain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/internal/plain"
)

// TestDuration specifies that a duration is rounded up and has no zero unit at the end.
func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		29881078280:                "30s",
		30 * time.Second:           "30s",
		time.Minute:                "1m",
		90 * time.Second:           "1m30s",
		2 * time.Hour:              "2h",
		90 * time.Minute:           "1h30m",
		time.Hour + time.Second:    "1h0m1s",
		24 * time.Hour:             "24h",
		59*time.Second + 1:         "1m",
		1500 * time.Microsecond:    "2ms",
		999*time.Millisecond + 1:   "1s",
		1:                          "1ms",
		0:                          "0s",
		10 * time.Minute:           "10m",
		20*time.Hour + time.Minute: "20h1m",
	} {
		assert.Equal(t, want, plain.Duration(d), "%d", d)
	}
}
