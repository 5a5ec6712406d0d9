package reconcile

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// refusedCursor checks that a cursor is refused and why.
func refusedCursor(t *testing.T, text, why string) {
	t.Helper()
	_, err := ParseCursor(text, bankmux.Connection{ID: "mine"})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	e := err.(*bankmux.Error) //nolint:errorlint // its own type is the promise
	assert.True(t, e.NotSent)
	assert.Equal(t, "SyncRequest.Cursor", e.Field)
	assert.Contains(t, e.Detail, why)
}

func TestACursorIsWhatItWasOrRefused(t *testing.T) {
	t.Parallel()
	day := bankmux.NewDate(2026, 11, 23)
	for n := range 4 { // of every length in threes, for base64
		c := Cursor{
			Version:    1,
			Connection: "mine",
			Provider:   strings.Repeat("p", n),
			Fetched:    1,
			Carried:    true,
			Missed:     true,
			Todo:       []string{"a"},
			Until:      day,
			Marks:      []Mark{{Account: "x", Day: day, Whole: day, Served: 30, Drifted: true}},
		}
		text := c.String()
		back, err := ParseCursor(text, bankmux.Connection{ID: "mine"})
		require.NoError(t, err)
		assert.Equal(t, c, back)
		_, err = ParseCursor(text, bankmux.Connection{ID: "another"})
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		for i := range text {
			for _, other := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.\n\r=" {
				if rune(text[i]) != other {
					refusedCursor(t, text[:i]+string(other)+text[i+1:], "")
				}
				refusedCursor(t, text[:i]+string(other)+text[i:], "")
			}
			if i > 0 { // "" begins
				refusedCursor(t, text[:i], "")
			}
		}
	}
}

func TestACursorOfALaterVersionIsNotGuessedAt(t *testing.T) {
	t.Parallel()
	sign := func(v any) string {
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(raw) + "." + digest("cursor", string(raw))[:8]
	}
	refusedCursor(t, sign(Cursor{Version: cursorVersion + 1, Connection: "mine"}), "newer version")
	refusedCursor(t, sign(map[string]any{"v": 99, "c": "mine", "shape": "nobody knows"}), "newer version")
	refusedCursor(t, sign(Cursor{Version: cursorVersion, Connection: "another"}), "another connection")
	refusedCursor(t, sign([]int{1}), "not the Next")
	refusedCursor(t, sign(map[string]any{"v": "one"}), "not the Next")
	refusedCursor(t, strings.Repeat("A", 100_000), "not the Next")
}

func TestPagesThatGoRoundAreNoticedWhateverTheLengthOfTheCircle(t *testing.T) {
	t.Parallel()
	for lead := range 5 {
		for length := 1; length < 40; length++ {
			c := Cursor{Provider: "begin"}
			pages := 0
			for n := 0; ; n++ {
				if n >= lead {
					n = lead + (n-lead)%length
				}
				if !c.Advance(fmt.Sprint("page ", n)) {
					break
				}
				pages++
				require.Less(t, pages, 4*(lead+length)+4, "%d pages after %d", length, lead)
			}
			assert.GreaterOrEqual(t, pages, lead+length-1, "pages that differ are no circle")
		}
	}
}
