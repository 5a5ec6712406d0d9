package reconcile

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// sealed is a cursor of any content with the checksum that belongs to it.
func sealed(content string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(content)) + "." + digest("cursor", content)[:8]
}

func TestACursorComesBackAsItWasOrIsRefused(t *testing.T) {
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
	assert.Len(t, back.Marks, 1, "a mark takes the place of the one before")
	assert.True(t, back.Mark("acc-2").Day.IsZero())

	for content, says := range map[string]string{
		`{"v":2,"c":"conn-1"}`: "newer version", `{"v":1,"c":"conn-2"}`: "another connection", `{"v":1,"c":"conn-1","n":"x"}`: "is not the Next", `null`: "another connection", `[`: "is not the Next",
	} {
		_, err := ParseCursor(sealed(content), conn)
		require.ErrorIs(t, err, bankmux.ErrInvalid, content)
		assert.ErrorContains(t, err, says, content)
	}
	for _, text := range []string{"x", ".", c.String() + "x", c.String()[1:], strings.Repeat("A", 100_000), "not base64!.12345678"} {
		_, err := ParseCursor(text, conn)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		assert.Less(t, len(err.Error()), 200, "what came is not repeated")
	}
}

func TestPagesThatGoRoundAreNoticedAndOthersAreNot(t *testing.T) {
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
