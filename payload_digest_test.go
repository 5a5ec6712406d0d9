package bankmux_test

import (
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
)

// TestPayloadDigest specifies which payloads count as the same.
func TestPayloadDigest(t *testing.T) {
	t.Parallel()
	const posted = `{"accessCode":"a/1","institution":{"id":"x","name":"Heron & Co"},"n":1.10,"more":null}`
	for name, c := range map[string]struct {
		text string
		same bool
	}{
		"the same bytes":             {posted, true},
		"space around it":            {"\n  " + posted + " \r\n\t", true},
		"a byte order mark":          {"\ufeff" + posted, true},
		"space inside":               {`{ "accessCode": "a/1", "institution": {"id":"x", "name":"Heron & Co"}, "n":1.10, "more":null}`, true},
		"another order":              {`{"more":null,"n":1.10,"institution":{"name":"Heron & Co","id":"x"},"accessCode":"a/1"}`, true},
		"escapes":                    {`{"accessC\u006fde":"a\/1","institution":{"id":"x","name":"Heron \u0026 Co"},"n":1.10,"more":null}`, true},
		"another text":               {`{"accessCode":"a/2","institution":{"id":"x","name":"Heron & Co"},"n":1.10,"more":null}`, false},
		"another text with space":    {`{"accessCode":"a/1 ","institution":{"id":"x","name":"Heron & Co"},"n":1.10,"more":null}`, false},
		"a number written otherwise": {`{"accessCode":"a/1","institution":{"id":"x","name":"Heron & Co"},"n":1.1,"more":null}`, false},
		"a member less":              {`{"accessCode":"a/1","institution":{"id":"x","name":"Heron & Co"},"n":1.10}`, false},
		"a text in place of null":    {`{"accessCode":"a/1","institution":{"id":"x","name":"Heron & Co"},"n":1.10,"more":"null"}`, false},
		"a key that is there twice": {
			`{"accessCode":"a/1","accessCode":"a/1","institution":{"id":"x","name":"Heron & Co"},"n":1.10,"more":null}`,
			false,
		},
		"text after the object":            {posted + "{}", false},
		"what is not an object":            {`["accessCode"]`, false},
		"what is not JSON":                 {`{"accessCode":`, false},
		"nothing":                          {"", false},
		"a nested key that is there twice": {`{"accessCode":"a/1","institution":{"id":"y","id":"x","name":"Heron & Co"},"n":1.10,"more":null}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same := bankmux.PayloadDigest([]byte(posted)) == bankmux.PayloadDigest([]byte(c.text))
			assert.Equal(t, c.same, same)
		})
	}
	t.Run("a payload that cannot be read has the digest of its bytes", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"", "x", `{"a":1,"a":1}`} {
			assert.Equal(t, sha256.Sum256([]byte(text)), bankmux.PayloadDigest([]byte(text)))
		}
	})
}
