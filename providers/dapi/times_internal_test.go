package dapi

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/guard"
)

// TestTimes specifies the times that the client has by itself.
func TestTimes(t *testing.T) {
	t.Parallel()
	t.Run("an attempt may take five seconds longer than Dapi allows a bank", func(t *testing.T) {
		t.Parallel()
		var o guard.Options
		guardDefaults(&o)
		assert.Equal(t, guard.DeadlineOptions{Link: 125 * time.Second, Data: 125 * time.Second, Pay: 245 * time.Second},
			o.Deadline)
		assert.Equal(t, 240*time.Second, o.ProviderLimit)
	})
	t.Run("how many days a bank serves is known for an hour", func(t *testing.T) {
		t.Parallel()
		var r ranges
		start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		r.set("bank", 90, start)
		days, ok := r.get("bank", start.Add(time.Hour-1))
		assert.True(t, ok)
		assert.Equal(t, 90, days)
		_, ok = r.get("bank", start.Add(time.Hour))
		assert.False(t, ok)
	})
}
