package providertest

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNeedles(t *testing.T) {
	t.Parallel()
	t.Run("a needle is found exactly where the text contains it", func(t *testing.T) {
		t.Parallel()
		dice := rand.New(rand.NewPCG(1, 2))
		letters := func(n int) string {
			text := make([]byte, n)
			for i := range text {
				text[i] = "ab"[dice.IntN(2)]
			}
			return string(text)
		}
		for range 2000 {
			text, n := letters(dice.IntN(60)), newNeedles()
			want := map[string]bool{}
			for range 1 + dice.IntN(4) {
				needle := letters(1 + dice.IntN(12))
				n.add(needle, needle)
				if strings.Contains(text, needle) {
					want[needle] = true
				}
			}
			assert.Equal(t, want, n.in(text), text)
		}
	})
	t.Run("a needle names the secret that it is a form of", func(t *testing.T) {
		t.Parallel()
		n := newNeedles()
		n.add("c2VjcmV0LTlmM2E", "secret-9f3a")
		n.add("", "nothing")
		assert.Equal(t, map[string]bool{"secret-9f3a": true}, n.in("a token: c2VjcmV0LTlmM2E"))
		assert.Empty(t, n.in(""))
	})
}
