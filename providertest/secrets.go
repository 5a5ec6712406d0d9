package providertest

// This file looks for secrets in all that an application gets.

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/shown"
)

// seen holds the printed forms of all values that an application got. The suite looks for secrets
// in them.
type seen struct {
	fewForms bool              // leaves whole empty, which takes most of a run with the race detector
	texts    map[string]bool   // of every value, as an application prints it
	whole    map[string]string // all printed forms of one value of each kind
	kinds    map[string]bool   // the kinds in whole
	shared   *printedKinds     // the kinds that another subtest has in whole, or nil
}

// printedKinds are the kinds of results that one of several subtests has printed in all forms. The
// subtests make the same connections, so that each of them would print the same again.
type printedKinds struct{ kinds sync.Map }

// has reports whether a subtest printed the kind before, and notes it. Errors differ from subtest
// to subtest, so none of them counts as printed.
func (p *printedKinds) has(kind string, v any) bool {
	if _, isError := v.(error); isError || p == nil {
		return false
	}
	_, printed := p.kinds.LoadOrStore(kind, true)
	return printed
}

// wholeFor is the number of secrets that are searched for in all printed forms. A test that links a
// thousand users would take minutes otherwise.
const wholeFor = 16

// add prints a value: the first of its kind in all forms, the others in the forms that show most.
func (s *seen) add(v any) {
	if s.kinds == nil {
		s.texts, s.whole, s.kinds = map[string]bool{}, map[string]string{}, map[string]bool{}
	}
	s.texts[fmt.Sprintf("%+v", v)] = true
	if out, err := json.Marshal(v); err == nil {
		s.texts[string(out)] = true
	}
	kind := kindOf(v)
	if s.kinds[kind] {
		return
	}
	s.kinds[kind] = true
	if s.fewForms || s.shared.has(kind, v) {
		return
	}
	for name, text := range shown.All(v) {
		s.whole[kind+", "+name] = text
	}
}

// kindOf returns the type of a value, and what else decides how the value prints.
func kindOf(v any) string {
	kind := fmt.Sprintf("%T", v)
	switch v := v.(type) {
	case error:
		kind += " " + string(bankmux.KindOf(v))
	case bankmux.Event:
		kind += " " + string(v.Kind)
	}
	return kind
}

// maxLeaks bounds the reported findings: one secret in one type appears in a hundred printed forms.
const maxLeaks = 5

// leaks reports where a secret appears in the printed values or the log, in plain or encoded form.
// It does not repeat the secret.
func (s *seen) leaks(log string, secrets []string) []string {
	plain, inForm := newNeedles(), newNeedles()
	var each []string // each secret once
	for _, secret := range secrets {
		if plain.has(secret) {
			continue
		}
		each = append(each, secret)
		plain.add(secret, secret)
		if len(each) > wholeFor {
			continue
		}
		for _, form := range shown.Forms(secret) {
			inForm.add(form, secret)
		}
	}
	anywhere := plain.in(log)
	for text := range s.texts {
		maps.Copy(anywhere, plain.in(text))
	}
	places := map[string][]string{} // by secret
	for secret := range anywhere {
		places[secret] = []string{"in a log, %+v or JSON"}
	}
	for place, text := range s.whole {
		for secret := range inForm.in(text) {
			places[secret] = append(places[secret], place)
		}
	}
	var found []string
	for _, secret := range each {
		for _, place := range places[secret] {
			found = append(found, fmt.Sprintf("%s: %d bytes that start with %.4q", place, len(secret), secret))
		}
	}
	if more := len(found) - maxLeaks; more > 0 {
		found = append(found[:maxLeaks], fmt.Sprintf("and %d more", more))
	}
	return found
}

// show records a value in all forms in which an application could print it. A nil value is ignored.
func (b *bench) show(v any) {
	if v == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen.fewForms = raceDetector
	b.seen.add(v)
}

// conceal adds texts that must not appear anywhere.
func (b *bench) conceal(secrets ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range secrets {
		if len(s) >= 8 { // a shorter text may appear by chance
			b.secrets = append(b.secrets, s)
		}
	}
}

// concealPayload conceals the members of a payload whose names are those of tokens, secrets or
// codes.
func (b *bench) concealPayload(payload json.RawMessage) {
	var fields map[string]any
	if json.Unmarshal(payload, &fields) != nil {
		return
	}
	for key, v := range fields {
		low := strings.ToLower(key)
		token := strings.Contains(low, "token") && !strings.HasSuffix(low, "id")
		secret := token || strings.Contains(low, "secret") || strings.Contains(low, "code")
		if s, ok := v.(string); ok && secret {
			b.conceal(s)
		}
	}
}

// concealCredential conceals the credential, its parts and the provider's id of the connection.
func (b *bench) concealCredential(conn bankmux.Connection) {
	credential := conn.Credential().Reveal()
	b.conceal(credential, conn.Reference())
	var parts map[string]any
	if json.Unmarshal([]byte(credential), &parts) == nil {
		for name, part := range parts {
			if text, ok := part.(string); ok && !strings.HasSuffix(name, "_id") {
				b.conceal(text)
			}
		}
	}
}

// checkSecrets fails the test for each secret that was shown, and for each foreign host that was
// contacted.
func (b *bench) checkSecrets() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, leak := range b.seen.leaks(b.log.String(), b.secrets) {
		assert.Fail(b.t, "a secret was shown", leak)
	}
	for _, address := range b.dialled {
		assert.Equal(b.t, strings.TrimPrefix(baseURL, "http://"), address, "another host was contacted")
	}
}

type logWriter bench

func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}
