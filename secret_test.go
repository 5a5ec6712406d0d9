package bankmux_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

const planted = "planted-secret-9f3a"

// TestSecret specifies that a secret is seen nowhere.
func TestSecret(t *testing.T) {
	t.Parallel()
	t.Run("no way of printing shows it", noWayOfPrintingShowsIt)
	t.Run("it keeps its text", itKeepsItsText)
	t.Run("a difference that testify prints does not show it", aDifferenceThatTestifyPrintsDoesNotShowIt)
	t.Run("it is hidden where its methods cannot be called", itIsHiddenWhereItsMethodsCannotBeCalled)
}

func noWayOfPrintingShowsIt(t *testing.T) {
	t.Parallel()
	s := bankmux.NewSecret(planted)
	holders := map[string]any{
		"the secret":       s,
		"a pointer":        &s,
		"exported field":   struct{ S bankmux.Secret }{s},
		"unexported field": struct{ s bankmux.Secret }{s},
		"nested pointer":   struct{ p *struct{ s bankmux.Secret } }{&struct{ s bankmux.Secret }{s}},
		"map":              map[string]bankmux.Secret{"k": s},
		"slice":            []bankmux.Secret{s},
	}
	for name, holder := range holders {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			assert.NotContains(t, fmt.Sprintf(verb, holder), planted, "%s with %s", name, verb)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", holder)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", holder)
		assert.NotContains(t, log.String(), planted, "%s in slog", name)
		if out, err := json.Marshal(holder); err == nil {
			assert.NotContains(t, string(out), planted, "%s in JSON", name)
		}
	}
}

func itKeepsItsText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a", planted, strings.Repeat("long ", 1000), "\x00\xff binary"} {
		s := bankmux.NewSecret(text)
		assert.Equal(t, s, bankmux.NewSecret([]byte(text)))
		assert.Equal(t, text, s.Reveal())
		assert.Equal(t, text == "", s.IsZero())
		assert.True(t, s.Equal(bankmux.NewSecret(text)))
		assert.Equal(t, s, bankmux.NewSecret(text))
		assert.False(t, s.Equal(bankmux.NewSecret(text+"x")))
	}
}

func aDifferenceThatTestifyPrintsDoesNotShowIt(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	assert.Equal(
		rec,
		struct{ s bankmux.Secret }{bankmux.NewSecret(planted)},
		struct{ s bankmux.Secret }{bankmux.NewSecret("other")},
	)
	require.NotEmpty(t, rec.text)
	assert.NotContains(t, rec.text, planted)
}

type recorder struct{ text string }

func (r *recorder) Errorf(format string, args ...any) { r.text += fmt.Sprintf(format, args...) }

func itIsHiddenWhereItsMethodsCannotBeCalled(t *testing.T) {
	t.Parallel()
	type holder struct{ s bankmux.Secret }
	shown := func(verb, text string) string { return fmt.Sprintf(verb, holder{bankmux.NewSecret(text)}) }
	t.Run("prints as plain ASCII", func(t *testing.T) {
		t.Parallel()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			for _, c := range shown(verb, planted+"\x00\xff\x80") {
				assert.True(t, ' ' <= c && c <= '~', "%s: %q", verb, c)
			}
		}
	})
	t.Run("does not reveal another that starts with the same text", func(t *testing.T) {
		t.Parallel()
		one, other := shown("%s", planted+"1"), shown("%s", planted+"2")
		assert.Equal(t, one, shown("%s", planted+"1"), "equal secrets compare with ==")
		same := 0
		for i := range one {
			if one[i] == other[i] {
				same++
			}
		}
		assert.Less(t, same, len(one)/2, "a mask that two texts share shows one to whoever knows the other")
	})
}
