package normalize_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/normalize"
)

// TestToken specifies which credentials can be sent.
func TestToken(t *testing.T) {
	t.Parallel()
	t.Run("a text that cannot be a header value is not a token", aTextThatCannotBeAHeaderValueIsNotAToken)
}

func aTextThatCannotBeAHeaderValueIsNotAToken(t *testing.T) {
	t.Parallel()
	for token, ok := range map[string]bool{
		"a": true, "eyJ0.eyJh-_~+/=": true, "{a}|\\\"!": true, strings.Repeat("x", 16<<10): true,
		"": false, "a\nb": false, "a\r\nb": false, "a\x00b": false, "a\tb": false, "a b": false, " a": false, "a\n": false, "a\x7f": false,
		"caf\u00e9": false, "a\u2028b": false, "a\ufffdb": false, "a\xffb": false, strings.Repeat("x", 16<<10+1): false,
	} {
		assert.Equal(t, ok, normalize.Token(token), "%.20q", token)
	}
}
