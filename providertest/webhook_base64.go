package providertest

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
)

// A signature has exactly one valid encoding. Decoders of base64 are lax by default: they ignore
// line breaks and unused bits of the last letter. Some accept both alphabets or any padding. A
// delivery can then be changed and still has a valid signature, and a duplicate has another key.

// The letters of base64, in the order of their values.
const (
	letters     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	stdAlphabet = letters + "+/"
	urlAlphabet = letters + "-_"
)

// encoded matches what may be base64 in a header: at least 16 of its letters, and the padding.
var encoded = regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}=*`)

// respelled returns other encodings of the same bytes, by description.
func respelled(text string) map[string]string {
	all := map[string]string{}
	body := strings.TrimRight(text, "=")
	padding := text[len(body):]
	half := len(body) / 2
	all["an embedded line break"] = text[:half] + "\n" + text[half:]
	all["an embedded carriage return and line break"] = text[:half] + "\r\n" + text[half:]
	all["a line break at the end"] = text + "\n"
	if padding != "" {
		all["no padding"] = body
	}
	all["more padding"] = text + "="
	if unused := map[int]int{2: 4, 3: 2}[len(body)%4]; unused > 0 {
		for _, alphabet := range []string{stdAlphabet, urlAlphabet} {
			at := strings.IndexByte(alphabet, body[len(body)-1])
			if at < 0 {
				continue
			}
			for bit := range unused {
				all[fmt.Sprintf(
					"unused bit %d of the last letter", bit,
				)] = body[:len(body)-1] + string(alphabet[at^1<<bit]) + padding
			}
		}
	}
	for alphabet, replacer := range map[string]*strings.Replacer{
		"the alphabet of URLs":    strings.NewReplacer("+", "-", "/", "_"),
		"the alphabet of MIME":    strings.NewReplacer("-", "+", "_", "/"),
		"a mixture of alphabets":  strings.NewReplacer("+", "-", "_", "/"),
		"a mixture of alphabets ": strings.NewReplacer("-", "+", "/", "_"),
	} {
		if other := replacer.Replace(text); other != text {
			all[alphabet] = other
		}
	}
	return all
}

// enoughDeliveries is the number of deliveries after which all letters that differ between the
// alphabets have appeared. One in four signatures of 32 bytes has none of them.
const enoughDeliveries = 64

// laxWebhook sends genuine deliveries with every other encoding of the signature.
func laxWebhook(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	tried := map[string]bool{}
	for range enoughDeliveries {
		good := b.accepts(conn)
		for _, name := range b.Webhooks.Signed {
			value := http.Header(good.Header()).Get(name)
			for _, at := range encoded.FindAllStringIndex(value, -1) {
				for how, text := range respelled(value[at[0]:at[1]]) {
					place := fmt.Sprintf("%s of %s from byte %d", how, name, at[0])
					if tried[place] {
						continue
					}
					tried[place] = true
					h := http.Header(good.Header()).Clone()
					h[http.CanonicalHeaderKey(name)] = []string{value[:at[0]] + text + value[at[1]:]}
					res, err := b.client.ReadWebhook(t.Context(), resent(good, h, good.Body()))
					b.show(err)
					assert.ErrorIs(
						t,
						err,
						bankmux.ErrSignature,
						"a signature has exactly one valid encoding: this one has %s",
						place,
					)
					assert.Empty(t, res)
				}
			}
		}
		time.Sleep(time.Second) // the next delivery differs
	}
}
