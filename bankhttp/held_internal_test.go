package bankhttp

// This file tests what holds results of calls.

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestHeldPut specifies that a result neither goes silently nor takes the place of another one.
func TestHeldPut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var h held[int, string]
		for key := range maxHeld {
			assert.True(t, h.put(key, "first"))
		}
		assert.False(t, h.put(maxHeld, "there is no room"))
		assert.True(t, h.put(0, "again"))
		time.Sleep(heldFor)
		_, ok := h.get(0)
		assert.False(t, ok)
		assert.False(t, h.put(maxHeld, "those whose time is over are still there"))
		assert.Len(t, h.every(), maxHeld)
		h.prune()
		assert.Empty(t, h.every())
		assert.True(t, h.put(maxHeld, "now there is room"))
	})
}
