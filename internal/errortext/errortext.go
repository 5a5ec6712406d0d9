// Package errortext checks that the text of an error reads "kind: subject verb".
package errortext

import (
	"errors"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
)

var (
	// line is "client: Op: kind: a sentence (facts); remedy", the first two where they are known.
	line = regexp.MustCompile(
		`^(?:[\w-]+: ){0,2}([a-z_]+): ("?[\w.\[\]]+"? [^;]*?[\w"'}]|[A-Z]\w+ .*?)(?: \((?:HTTP|[\w."]|,).*\))?; [a-z]`,
	)
	fraction = regexp.MustCompile(`\d\.\d+(?:ms|s|m|h)\b|\b0m0?s?\b|[1-9]h0m0s|\dm0s`)
	plural   = regexp.MustCompile(
		`\b1 (?:days|bytes|clients|accounts|rows|characters)\b|` +
			`\b(?:transactions|accounts|account numbers|investments) was\b|` +
			`\bidentity were\b|no route serves no\b`,
	)
)

// Check asserts the form of the text of an error.
func Check(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	found := line.FindStringSubmatch(text)
	if !assert.NotNil(t, found, "not kind, subject, verb: %s", text) {
		return
	}
	assert.Contains(t, bankmux.Kinds(), bankmux.Kind(found[1]), text)
	assert.NotRegexp(t, `[a-z_]: (?:is|are|has|have|was|were|lacks?|names|does|cannot|of) `, text, "no subject")
	assert.NotRegexp(t, fraction, text)
	assert.NotRegexp(t, plural, text)
	assert.NotContains(t, text, "\n")
	assert.NotContains(t, text, ": :")
	if e, ok := errors.AsType[*bankmux.Error](err); ok && e.Client != "" {
		assert.NotEmpty(t, e.Detail, text)
	}
}
