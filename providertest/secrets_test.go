package providertest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/internal/shown"
)

// leaky is a value that shows its token only where its methods cannot be called.
type leaky struct{ token string }

func (leaky) String() string { return "leaky" }

type leakyBytes struct{ token []byte }

func (leakyBytes) String() string { return "leaky" }

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

// mute shows its token only where its method cannot be called, whatever the verb is.
type mute struct{ token []byte }

func (mute) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "mute") }

// verbose shows its text by its methods and for some verbs alone.
type verbose struct {
	text  func() string
	verbs string
}

func (v verbose) Format(f fmt.State, verb rune) {
	if strings.ContainsRune(v.verbs, verb) {
		_, _ = io.WriteString(f, v.text())
	}
}

// A value is not printed with each verb in each container. This compares what is left out.
func TestPrintedForms(t *testing.T) {
	t.Parallel()
	const secret, verbs = "planted-secret-9f3a", "vsqxXdobcUetpT"
	text := func() string { return secret }
	for name, v := range map[string]any{
		"a text":                 secret,
		"a text behind methods":  leaky{secret},
		"bytes":                  []byte(secret),
		"bytes in a struct":      struct{ body []byte }{[]byte(secret)},
		"an array":               [19]byte([]byte(secret)),
		"an error":               errors.New(secret),
		"a wrapped error":        fmt.Errorf("x: %w", errors.New(secret)),
		"a pointer":              &leaky{secret},
		"a map":                  map[string]any{secret: 1},
		"bytes behind methods":   leakyBytes{[]byte(secret)},
		"bytes behind a format":  mute{[]byte(secret)},
		"verbs that fit nothing": verbose{text, "obcUet"},
		"one verb":               verbose{text, "X"},
		"no verb":                verbose{text, ""},
		"runes":                  []rune(secret),
		"no secret":              leaky{"another"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := shown.Find(v, secret)
			for _, holder := range []any{
				v,
				&v,
				struct{ V any }{v},
				struct{ v any }{v},
				[]any{v},
				[1]any{v},
				struct{ v []any }{[]any{v}},
				map[string]any{"k": v},
				struct{ v map[string]any }{map[string]any{"k": v}},
				struct{ v *any }{&v},
			} {
				for _, verb := range verbs {
					for _, flags := range []string{"", "+", "#", "+#", " ", "# "} {
						text := fmt.Sprintf("%"+flags+string(verb), holder)
						for _, form := range shown.Forms(secret) {
							if strings.Contains(text, form) {
								assert.NotEmpty(t, found, "%%%s%c of %T", flags, verb, holder)
							}
						}
					}
				}
			}
		})
	}
}
