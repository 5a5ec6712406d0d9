package providertest

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// leaky is a value that shows its token only where its methods cannot be called.
type leaky struct{ token string }

func (leaky) String() string { return "leaky" }

func TestSecrets(t *testing.T) {
	t.Parallel()
	const secret = "planted-secret-9f3a"
	for name, c := range map[string]struct {
		value any
		log   string
		found bool
	}{
		"in an error":                         {value: errors.New("x " + secret), found: true},
		"in an exported field":                {value: struct{ Token string }{secret}, found: true},
		"in a field behind methods":           {value: leaky{secret}, found: true},
		"as bytes":                            {value: struct{ body []byte }{[]byte(secret)}, found: true},
		"in the log":                          {value: 1, log: `{"detail":"` + secret + `"}`, found: true},
		"not in a value without it":           {value: leaky{"another"}},
		"not where only a part of it appears": {value: strings.ToUpper(secret[:12])},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s seen
			s.add(c.value)
			leaks := s.leaks(c.log, []string{secret})
			assert.Equal(t, c.found, len(leaks) > 0, "%v", leaks)
			for _, text := range leaks {
				assert.NotContains(t, text, secret, "a finding does not repeat the secret")
			}
		})
	}
}
