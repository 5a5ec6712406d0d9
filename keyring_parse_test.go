package bankmux_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestParseKey(t *testing.T) {
	t.Parallel()
	// Every byte of 0xfb gives a + and a / in base64, which the URL alphabet writes as - and _.
	material := bytes.Repeat([]byte{0xfb, 0xef, 0xbe, 0xff}, 8)
	want, err := bankmux.NewKeyring(bankmux.Key{ID: "2026-11", Material: bankmux.NewSecret(material)})
	require.NoError(t, err)
	box, err := want.Encrypt([]byte("text"), nil)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"standard alphabet":              base64.StdEncoding.EncodeToString(material),
		"standard alphabet, not padded":  base64.RawStdEncoding.EncodeToString(material),
		"URL alphabet":                   base64.URLEncoding.EncodeToString(material),
		"URL alphabet, not padded":       base64.RawURLEncoding.EncodeToString(material),
		"a line end of a file behind it": base64.StdEncoding.EncodeToString(material) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, err := bankmux.ParseKey("2026-11:" + text)
			require.NoError(t, err)
			assert.Equal(t, "2026-11", key.ID)
			ring, err := bankmux.NewKeyring(key)
			require.NoError(t, err)
			plain, err := ring.Decrypt(box, nil)
			require.NoError(t, err)
			assert.Equal(t, "text", string(plain))
		})
	}
	for name, b := range map[string][]byte{
		"- and no _": bytes.Repeat([]byte{0xfb, 0xef, 0xbe}, 11)[:32], // only + in the standard alphabet
		"_ and no -": bytes.Repeat([]byte{0xff}, 32),                  // only /
	} {
		t.Run("URL alphabet with "+name, func(t *testing.T) {
			t.Parallel()
			for _, encoding := range []*base64.Encoding{base64.URLEncoding, base64.RawURLEncoding, base64.StdEncoding} {
				key, err := bankmux.ParseKey("k:" + encoding.EncodeToString(b))
				require.NoError(t, err)
				assert.Equal(t, string(b), key.Material.Reveal())
			}
		})
	}
	good := base64.StdEncoding.EncodeToString(material)
	for name, text := range map[string]string{
		"nothing":                  "",
		"no id":                    good,
		"an empty id":              ":" + good,
		"an id that is too long":   strings.Repeat("k", 33) + ":" + good,
		"id and key swapped":       good + ":2026-11",
		"no key":                   "2026-11:",
		"a key of 31 bytes":        "2026-11:" + base64.StdEncoding.EncodeToString(material[:31]),
		"a key of 33 bytes":        "2026-11:" + base64.StdEncoding.EncodeToString(append(material[:32:32], 1)),
		"hexadecimal digits":       "2026-11:" + strings.Repeat("fb", 32),
		"something before the key": "2026-11: x" + good,
		"a line end inside":        "2026-11:" + good[:20] + "\n" + good[20:],
		"too much padding":         "2026-11:" + good + "=",
		"both alphabets":           "2026-11:" + strings.Replace(good, "+", "-", 1),
		"bits behind the end":      "2026-11:" + good[:42] + "9=",
		"all zero":                 "2026-11:" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
	} {
		t.Run("refused: "+name, func(t *testing.T) {
			t.Parallel()
			_, err := bankmux.ParseKey(text)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			for i := 0; i+6 <= len(good); i++ {
				require.NotContains(t, err.Error(), good[i:i+6], "an error never quotes the key")
			}
		})
	}
}
