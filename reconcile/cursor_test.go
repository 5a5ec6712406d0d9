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

// sealed returns a cursor of any content with the right checksum.
func sealed(content string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(content)) + "." + digest("cursor", content)[:8]
}

// refusedCursor checks that a cursor is rejected and why.
func refusedCursor(t *testing.T, text, why string) {
	t.Helper()
	_, err := ParseCursor(text, bankmux.Connection{ID: "mine"})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	e := err.(*bankmux.Error) //nolint:errorlint // its own type is the promise
	assert.True(t, e.NotSent)
	assert.Equal(t, "SyncRequest.Cursor", e.Field)
	assert.Contains(t, e.Detail, why)
}

func TestCursor(t *testing.T) {
	t.Parallel()
	t.Run("it is read as it was written, or rejected", cursorIsReadOrRejected)
	t.Run("any altered byte is rejected", alteredCursorIsRejected)
	t.Run("a newer version is rejected", newerCursorIsRejected)
	t.Run("repeated pages are noticed, others are not", repeatedPagesAreNoticed)
	t.Run("a cycle of any length is noticed", cycleOfAnyLengthIsNoticed)
}

func cursorIsReadOrRejected(t *testing.T) {
	t.Parallel()
	conn := bankmux.Connection{ID: "conn-1"}
	c, err := ParseCursor("", conn)
	require.NoError(t, err)
	c.Todo, c.Until, c.Provider, c.Pages = []string{"acc-1"}, bankmux.NewDate(2026, 11, 23), "next", 3
	c.Set(Mark{Account: markOf("acc-1"), Day: bankmux.NewDate(2026, 11, 1)})
	mark := c.Mark("acc-1")
	mark.Whole = bankmux.NewDate(2026, 10, 1)
	c.Set(mark)
	back, err := ParseCursor(c.String(), conn)
	require.NoError(t, err)
	assert.Equal(t, c, back)
	assert.Len(t, back.Marks, 1, "a mark replaces the one before")
	assert.True(t, back.Mark("acc-2").Day.IsZero())

	for content, says := range map[string]string{
		`{"v":2,"c":"conn-1"}`:         "newer version",
		`{"v":1,"c":"conn-2"}`:         "another connection",
		`{"v":1,"c":"conn-1","n":"x"}`: "is not the Next",
		`null`:                         "another connection",
		`[`:                            "is not the Next",
	} {
		_, err := ParseCursor(sealed(content), conn)
		require.ErrorIs(t, err, bankmux.ErrInvalid, content)
		assert.ErrorContains(t, err, says, content)
	}
	for _, text := range []string{
		"x", ".", c.String() + "x", c.String()[1:], strings.Repeat("A", 100_000), "not base64!.12345678",
	} {
		_, err := ParseCursor(text, conn)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		assert.Less(t, len(err.Error()), 200, "the cursor is not repeated in the text")
	}
}

func alteredCursorIsRejected(t *testing.T) {
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
			if i > 0 { // "" is a new cursor
				refusedCursor(t, text[:i], "")
			}
		}
	}
}

func newerCursorIsRejected(t *testing.T) {
	t.Parallel()
	sign := func(v any) string {
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(raw) + "." + digest("cursor", string(raw))[:8]
	}
	refusedCursor(t, sign(Cursor{Version: cursorVersion + 1, Connection: "mine"}), "newer version")
	refusedCursor(t, sign(map[string]any{"v": 99, "c": "mine", "shape": "unknown"}), "newer version")
	refusedCursor(t, sign(Cursor{Version: cursorVersion, Connection: "another"}), "another connection")
	refusedCursor(t, sign([]int{1}), "not the Next")
	refusedCursor(t, sign(map[string]any{"v": "one"}), "not the Next")
	refusedCursor(t, strings.Repeat("A", 100_000), "not the Next")
}

func repeatedPagesAreNoticed(t *testing.T) {
	t.Parallel()
	for _, circle := range []int{1, 2, 3, 7, 100} {
		var c Cursor
		turns := 0
		for c.Advance(string(rune('a' + turns%circle))) {
			turns++
			require.Less(t, turns, 500)
		}
		assert.GreaterOrEqual(t, turns, circle)
		assert.Less(t, turns, 4*circle+2)
	}
	var c Cursor
	for i := range 10_000 {
		require.True(t, c.Advance(strings.Repeat("x", i%7)+string(rune(0x4e00+i))))
	}
}

func cycleOfAnyLengthIsNoticed(t *testing.T) {
	t.Parallel()
	for lead := range 5 {
		for length := 1; length < 40; length++ {
			c := Cursor{Provider: "start"}
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
			assert.GreaterOrEqual(t, pages, lead+length-1, "different pages are not a cycle")
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	conn := bankmux.Connection{ID: "conn-1"}
	fresh, _ := ParseCursor("", conn)
	f.Add(fresh.String())
	f.Add(sealed(`{"v":1,"c":"conn-1","m":[{"a":"x","d":"2026-11-23"}],"t":["a"]}`))
	f.Add(sealed(`{"v":9}`))
	f.Add(`{"v":1,"c":"conn-1","m":null,"d":"2026-02-30"}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, text := range []string{text, sealed(text)} { // past the checksum as well
			c, err := ParseCursor(text, conn)
			if err != nil {
				require.ErrorIs(t, err, bankmux.ErrInvalid)
				continue
			}
			again, err := ParseCursor(c.String(), conn)
			require.NoError(t, err)
			assert.Equal(t, c.String(), again.String())
		}
	})
}
