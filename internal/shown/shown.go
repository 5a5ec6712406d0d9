// Package shown renders a value in every way in which an application could print it by accident.
// Tests search the renderings for secrets.
package shown

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
)

// verbs are those of package fmt, whether they fit the value or not.
var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%#q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%p"}

// verbsWithin are those whose texts differ in what [Forms] lists, for a value within another one.
// There, either the methods of the value are called, as for the value itself, or none is. Package
// fmt then prints strings with the other verbs as with %v. It prints bytes as in %v or %s, or in a
// form that Forms does not have.
var verbsWithin = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X"}

// All returns the renderings of v by name: of v itself, and of values that contain it, where the
// methods of v cannot be called.
func All(v any) map[string]string {
	all := map[string]string{}
	printed(all, "itself", v, verbs)
	logs(all, "itself", v)
	logs(all, "a pointer", &v)
	for name, holder := range map[string]any{
		"a pointer":          &v,
		"an exported field":  struct{ V any }{v},
		"an unexported one":  struct{ v any }{v},
		"a slice":            []any{v},
		"an unexported list": struct{ v []any }{[]any{v}},
		"a map":              map[string]any{"k": v},
		"a nested pointer":   struct{ p *struct{ v any } }{&struct{ v any }{v}},
	} {
		printed(all, name, holder, verbsWithin)
	}
	if err, ok := v.(error); ok {
		all["the text of the error"] = err.Error()
	}
	if s, ok := v.(fmt.Stringer); ok { // what a panic shows
		all["the text of the panic"] = s.String()
	}
	return all
}

// printed adds what fmt and the encoders write.
func printed(all map[string]string, name string, v any, verbs []string) {
	for _, verb := range verbs {
		all[name+" with "+verb] = fmt.Sprintf(verb, v)
	}
	if text, err := json.Marshal(v); err == nil {
		all[name+" as JSON"] = string(text)
	}
	if text, err := xml.Marshal(v); err == nil {
		all[name+" as XML"] = string(text)
	}
	all[name+" as gob"] = inGob(v)
}

// logs adds what log handlers write. Within a struct, a slice or a map, they print a value as %+v
// and JSON do.
func logs(all map[string]string, name string, v any) {
	all[name+" in a text log"] = logged(v, func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) })
	all[name+" in a JSON log"] = logged(v, func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) })
}

// logged returns what a log handler writes.
func logged(v any, handler func(*bytes.Buffer) slog.Handler) string {
	var b bytes.Buffer
	slog.New(handler(&b)).Info("shown", "value", v)
	return b.String()
}

// inGob returns what gob writes, even if it fails in the middle.
func inGob(v any) string {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.String() + fmt.Sprint(err)
}

// Forms returns the forms in which a rendering may show a secret: as text, as the digits of its
// bytes, or encoded.
func Forms(secret string) []string {
	raw := []byte(secret)
	decimal := strings.Trim(fmt.Sprintf("%d", raw), "[]")
	quoted, _ := json.Marshal(secret)
	return []string{
		secret,
		strings.Trim(string(quoted), `"`),
		hex.EncodeToString(raw),
		strings.ToUpper(hex.EncodeToString(raw)),
		decimal,
		strings.ReplaceAll(decimal, " ", ", "),
		strings.ReplaceAll(decimal, " ", ","),
		strings.Trim(
			strings.ReplaceAll(fmt.Sprintf("%#v", raw)[len("[]byte"):], " ", ""),
			"{}",
		),
		strings.Trim(fmt.Sprintf("%#v", raw), "[]byte{}"),
		base64.RawStdEncoding.EncodeToString(
			raw[:len(raw)/3*3],
		),
		base64.RawURLEncoding.EncodeToString(raw[:len(raw)/3*3]),
	}
}

// Find returns the names of the renderings of v that show the secret in one of its forms.
func Find(v any, secret string) []string {
	var found []string
	for name, text := range All(v) {
		for _, form := range Forms(secret) {
			if strings.Contains(text, form) {
				found = append(found, name)
				break
			}
		}
	}
	return found
}
