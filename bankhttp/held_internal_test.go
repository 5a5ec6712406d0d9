package bankhttp

// This file tests what holds results of calls.

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
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

// TestHeldLeft specifies that the log names a result whose request ended without a word, such as in
// a panic.
func TestHeldLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := &Service{log: slog.New(slog.NewTextHandler(&log, nil))}
		key := exchangeKey{ref: bankmux.SessionRef{User: "rosa", ID: "S1"}}
		s.held.put(key, made{res: bankmux.ExchangeResult{Connection: bankmux.Connection{ID: "C1"}}})
		time.Sleep(heldFor - time.Nanosecond)
		assert.Empty(t, s.loose(t.Context(), ""), "a request may still work on it")
		assert.Empty(t, log.String())
		time.Sleep(time.Nanosecond)
		for range 2 {
			assert.Empty(t, s.loose(t.Context(), ""))
		}
		assert.Equal(t, 1, strings.Count(log.String(), "an access that nothing stores stays open"))
		assert.Contains(t, log.String(), "session=S1")
		assert.NotContains(t, log.String(), "C1", "no store has that id")
	})
}
