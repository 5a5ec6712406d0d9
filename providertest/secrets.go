package providertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/bankmux/bankmux/internal/shown"
)

// seen is what an application could have shown of the values that it got.
type seen struct {
	texts []string          // of every value, as an application logs it
	whole map[string]string // of a few values of each type, in every rendering there is
	count map[string]int    // of those, by type
}

// wholeOfEach is how many values of one type are rendered in every way, and wholeFor how many secrets
// are looked for there: a test that links a thousand users would take minutes otherwise.
const (
	wholeOfEach = 1
	wholeFor    = 16
)

// add renders a value.
func (s *seen) add(v any) {
	s.texts = append(s.texts, fmt.Sprintf("%v %+v %#v %+v", v, v, v, struct{ v any }{v}))
	if out, err := json.Marshal(v); err == nil {
		s.texts = append(s.texts, string(out))
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("shown", "value", v)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("shown", "value", v)
	s.texts = append(s.texts, log.String())
	if s.count == nil {
		s.whole, s.count = map[string]string{}, map[string]int{}
	}
	kind := fmt.Sprintf("%T", v)
	if s.count[kind]++; s.count[kind] > wholeOfEach {
		return
	}
	for name, text := range shown.All(v) {
		s.whole[fmt.Sprint(kind, " ", s.count[kind], ", ", name)] = text
	}
}

// maxLeaks is how many findings are told: one secret in one type stands in a hundred renderings.
const maxLeaks = 5

// leaks says where a secret stands in what was seen or logged, in whatever form, without repeating it.
func (s *seen) leaks(log string, secrets []string) []string {
	var found []string
	everything := log + strings.Join(s.texts, "\n")
	known := map[string]bool{}
	for _, secret := range secrets {
		if known[secret] {
			continue
		}
		known[secret] = true
		what := fmt.Sprintf("%d bytes that begin with %.4q", len(secret), secret)
		if strings.Contains(everything, secret) {
			found = append(found, "in an error, log, %+v or JSON: "+what)
		}
		if len(known) > wholeFor {
			continue
		}
		forms := shown.Forms(secret)
		for name, text := range s.whole {
			if slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(text, form) }) {
				found = append(found, name+": "+what)
			}
		}
	}
	if more := len(found) - maxLeaks; more > 0 {
		found = append(found[:maxLeaks], fmt.Sprintf("and %d more", more))
	}
	return found
}

// show keeps a value in every form in which an application could print it.
func (b *bench) show(v any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen.add(v)
}

// conceal adds to what must be seen nowhere.
func (b *bench) conceal(secrets ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range secrets {
		if len(s) >= 8 { // shorter text may stand anywhere by chance
			b.secrets = append(b.secrets, s)
		}
	}
}
