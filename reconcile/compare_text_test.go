package reconcile_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// drifts are pairs of texts that two readings had for one row.
var drifts = map[string]struct {
	one, other string
	same       bool // one text: nothing changed
}{
	"a right-to-left mark":            {"كارفور دبي", "\u200fكارفور دبي\u200f", true},
	"a left-to-right mark":            {"CAFE 12", "CAFE\u200e 12", true},
	"an Arabic letter mark":           {"مقهى", "\u061cمقهى", true},
	"isolates and embeddings":         {"CAFE 12", "\u2068CAFE\u2069 \u202a12\u202c", true},
	"a zero-width space":              {"CAFE 12", "CA\u200bFE 12", true},
	"joiners":                         {"نمی\u200cخواهم", "نمیخواهم", true},
	"a byte order mark":               {"CAFE 12", "\ufeffCAFE 12", true},
	"a soft hyphen":                   {"SUPERMARKET", "SUPER\u00adMARKET", true},
	"a tatweel":                       {"محمد", "محـــمد", true},
	"a no-break space":                {"CAFE 12", "CAFE\u00a012", true},
	"a narrow and an ideographic one": {"CAFE 12", "CAFE\u202f\u300012", true},
	"a variation selector":            {"CAFE ☕", "CAFE ☕\ufe0f", true},
	"a control character":             {"CAFE 12", "CAFE\x00 12\x7f", true},
	"composed and decomposed":         {"CAFÉ MÜLLER", "CAFE\u0301 MU\u0308LLER", true},
	"Hangul":                          {"한글", "\u1112\u1161\u11ab\u1100\u1173\u11af", true},
	"Arabic presentation forms":       {"لا", "\ufefb", true},
	"letters of full width":           {"CAFE 12", "ＣＡＦＥ　１２", true},
	"letter case":                     {"CAFE 12", "Cafe 12", true},
	"another sign in the time":        {"POS 08:49:31 CARREFOUR", "POS 08.49.31 CARREFOUR", false},
	"a lost space":                    {"HARBOR COFFEE DUBAI", "HARBORCOFFEE DUBAI", false},
	"a space too many":                {"HARBOR COFFEE", "HAR BOR COFFEE", false},
	"Arabic digits":                   {"POS 084931", "POS ٠٨٤٩٣١", false},
	"Persian letters":                 {"كريم", "کریم", false},
	"a lost accent":                   {"CAFÉ DE PARIS", "CAFE DE PARIS", false},
	"another apostrophe and dash":     {"JOE'S - DELI", "JOE’S – DELI", false},
	"a text that was cut":             {"CARREFOUR HYPERMARKET DUBAI MALL AE", "CARREFOUR HYPERMARKET DUB", false},
	"a second of the time":            {"POS 08:49:31 CARREFOUR", "POS 08:49:32 CARREFOUR", false},
	"a number that was added later":   {"CARD PURCHASE CARREFOUR", "CARD PURCHASE CARREFOUR REF 88123", false},
	"an ampersand as an HTML entity":  {"TOM & CO", "TOM &amp; CO", false},
	"an apostrophe as an HTML entity": {"JOE'S", "JOE&#39;S", false},
	"a sharp s":                       {"STRASSE 7", "Straße 7", false},
	"a letter":                        {"CARREFOUR DUBAI", "CARREFUR DUBAI", false},
}

// keyBefore returns a key as it was made before texts had a normal form.
func keyBefore(account string, row bankmux.Transaction) string {
	text := strings.Join(strings.Fields(strings.ToUpper(row.RawDescription)), " ")
	date := row.Date
	sum := sha256.Sum256([]byte(account + "\x00" + "2026" + string([]byte{byte(date.Month), byte(date.Day)}) +
		row.Amount.Decimal().
			Trim(0).
			String() +
		"\x00" + string(row.Amount.Currency()) + "\x00" + text + "\x00" + row.Reference))
	return "t1:" + base64.RawURLEncoding.EncodeToString(sum[:15]) + "#1"
}

func TestCompareText(t *testing.T) {
	t.Parallel()
	t.Run("a text that changes slightly is the same row or suggested", similarTextIsTheSameRow)
	t.Run("a reference that changes slightly is the same one", similarReferenceIsTheSame)
	t.Run("different texts are different rows", differentTextsAreDifferentRows)
	t.Run("keys that an earlier version stored are found", earlierKeysAreFound)
	t.Run("normalizing a text twice changes nothing", normalFormIsStable)
}

func similarTextIsTheSameRow(t *testing.T) {
	t.Parallel()
	for name, c := range drifts {
		for _, turned := range []bool{false, true} {
			if turned {
				c.one, c.other = c.other, c.one
			}
			t.Run(name+" "+map[bool]string{true: "lost", false: "new"}[turned], func(t *testing.T) {
				t.Parallel()
				known := stored(tx("", 3, -320, c.one, ""), tx("", 1, -1, "FIRST", ""))
				res := reconcile.Compare(known, reading("dp", tx("", 3, -320, c.other, ""), tx("", 1, -1, "FIRST", "")))
				if c.same {
					assert.Empty(t, story(res))
					assert.Len(t, res.Unchanged, 2)
					return
				}
				assert.Len(t, append(texts(res.Modified), suggested(res)...), 1, "%v", story(res))
				if len(res.Modified) > 0 {
					assert.Empty(t, res.Added)
					assert.Equal(t, reconcile.ReasonContent, res.Modified[0].Reason)
				}
				referred := func(text string) bankmux.Transaction {
					row := tx("", 3, -320, text, "")
					row.Reference = "FT1"
					return row
				}
				withReference := reconcile.Compare(stored(referred(c.one)), reading("dp", referred(c.other)))
				assert.Len(
					t,
					append(texts(withReference.Modified), suggested(withReference)...),
					1,
					"%v",
					story(withReference),
				)
				if len(res.Modified) > 0 {
					assert.Len(t, withReference.Modified, 1, "the same reference supports the pair")
				}
				withIDs := stored(tx("a", 3, -320, c.one, booked))
				res = reconcile.Compare(withIDs, reading("mk", tx("b", 3, -320, c.other, booked)))
				assert.Len(t, append(texts(res.Replaced), suggested(res)...), 1, "%v", story(res))
				res = reconcile.Compare(withIDs, reading("mk", tx("a", 3, -320, c.other, booked)))
				assert.Equal(t, []string{"modified " + c.other + ": " + reconcile.ReasonContent}, story(res))
			})
		}
	}
}

func similarReferenceIsTheSame(t *testing.T) {
	t.Parallel()
	row := func(day int, text, reference string) bankmux.Transaction {
		one := tx("", day, -320, text, "")
		one.Reference = reference
		return one
	}
	first := tx("", 0, -1, "FIRST", "")
	for name, c := range map[string]struct {
		one, other string
		want       string // "", or what is said of the row
	}{
		"a lost space":          {"FT 261122 77", "FT26112277", "modified"},
		"lost dashes":           {"FT-2611-22", "FT261122", "modified"},
		"another sign":          {"REF 08:49:31", "REF 08.49.31", "modified"},
		"letter case":           {"ft26112277", "FT26112277", "modified"},
		"a zero-width space":    {"FT\u200b1", "FT1", ""},
		"zeros in front":        {"000123", "123", "suggested"},
		"another reference":     {"FT261122", "FT261123", "added"},
		"nothing but dashes":    {"---", "-", "added"},
		"one letter more":       {"FT1", "FT1A", "added"},
		"digits from elsewhere": {"FT١٢٣", "FT123", "modified"},
	} {
		for _, turned := range []bool{false, true} {
			if turned {
				c.one, c.other = c.other, c.one
			}
			t.Run(fmt.Sprintf("%s, turned %t", name, turned), func(t *testing.T) {
				t.Parallel()
				said := story(
					reconcile.Compare(
						stored(row(1, "COFFEE SHOP", c.one), first),
						reading("dp", row(1, "COFFEE SHOP", c.other), first),
					),
				)
				moved := story(
					reconcile.Compare(
						stored(row(1, "COFFEE SHOP", c.one), first),
						reading("dp", row(3, "COFFEE SHOP", c.other), first),
					),
				)
				other := stored(row(1, "COFFEE SHOP", c.one))
				elsewhere := reconcile.Compare(other, reading("other", withID("7", row(1, "KAFFEE", c.other))))
				switch c.want {
				case "":
					assert.Empty(t, said)
				case "modified":
					assert.Equal(t, []string{"modified COFFEE SHOP: " + reconcile.ReasonContent}, said)
					assert.Equal(t, []string{"replaced COFFEE SHOP: " + reconcile.ReasonMoved}, moved)
					assert.Len(t, elsewhere.Suggested, 1, "another provider shows it")
				case "suggested":
					assert.Contains(t, said, "suggested COFFEE SHOP, 1: "+reconcile.ReasonNear)
				case "added":
					assert.Equal(
						t,
						[]string{"added COFFEE SHOP -3.20", "missing COFFEE SHOP: " + reconcile.ReasonAbsent},
						said,
					)
					assert.Empty(t, elsewhere.Suggested)
				}
			})
		}
	}
	t.Run("an equal reference goes before a similar one", func(t *testing.T) {
		t.Parallel()
		known := stored(row(1, "COFFEE.", "FT-1"), row(1, "COFFEE.", "FT1"))
		res := reconcile.Compare(known, reading("dp", row(1, "COFFEE", "FT1"), row(1, "COFFEE", "FT-1")))
		for _, ch := range res.Modified {
			assert.Equal(t, ch.Was.Reference, ch.Known.Reference)
		}
		assert.Len(t, res.Modified, 2)
	})
}

func differentTextsAreDifferentRows(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"SHOP 123", "SHOP 987"},
		{"BAKERY", "PHARMACY"},
		{"A1", "A2"},
		{"مقهى", "صيدلية"},
		{"", "SHOP"},
	} {
		known := stored(tx("", 3, -320, c[0], ""), tx("", 1, -1, "FIRST", ""))
		res := reconcile.Compare(known, reading("dp", tx("", 3, -320, c[1], ""), tx("", 1, -1, "FIRST", "")))
		assert.Empty(t, append(texts(res.Modified), texts(res.Replaced)...), c)
		require.Len(t, res.Added, 1)
		require.Len(t, res.Missing, 1)
	}
}

func earlierKeysAreFound(t *testing.T) {
	t.Parallel()
	for name, c := range drifts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := tx("", 3, -320, c.other, "")
			row.Reference = "FT1\u200f"
			before := reconcile.Known{
				Key: keyBefore(
					"main",
					row,
				),
				Account:   "main",
				Date:      row.Date,
				Amount:    row.Amount,
				Reference: row.Reference,
				Text:      strings.Join(strings.Fields(strings.ToUpper(c.other)), " "),
			}
			if plain := tx("", 3, -320, "CAFE 12", ""); name == "letter case" {
				assert.Equal(
					t,
					keyBefore("main", plain),
					stored(plain)[0].Key,
					"the key of a plain text is unchanged",
				)
			}
			for _, again := range []bankmux.Transaction{row, tx("", 3, -320, c.other, "")} {
				res := reconcile.Compare([]reconcile.Known{before}, reading("dp", again))
				assert.Empty(t, story(res))
				require.Len(t, res.Unchanged, 1)
				assert.Equal(t, before.Key, res.Unchanged[0].Key)
			}
			row.ID = "z"
			moved := reconcile.Compare([]reconcile.Known{before}, reading("mk", row))
			require.Len(t, moved.Replaced, 1)
			assert.Equal(t, before.Key, moved.Replaced[0].Known.Key, "the key stays with the row")
			second := reconcile.Compare(
				[]reconcile.Known{before},
				reading("dp", tx("", 3, -320, c.other, ""), tx("", 3, -320, c.other, "")),
			)
			require.Len(t, second.Added, 1)
			assert.NotEqual(t, before.Key, second.Added[0].Known.Key)
		})
	}
}

func normalFormIsStable(t *testing.T) {
	t.Parallel()
	odd := rapid.SampledFrom([]rune("aé\u0301\u200f\u0640ﻻﷺ²½ßﬁŉǰΐ" +
		"\u00a0\u2003\u3000\ufeff\U000e0041٠۱कＡﾊﾞ\u0345İı"))
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.OneOf(odd, rapid.Rune())).Draw(t, "text"))
		once := reconcile.Text(&bankmux.Transaction{Description: s})
		if twice := reconcile.Text(&bankmux.Transaction{Description: once}); once != twice {
			t.Fatalf("%q becomes %q, then %q", s, once, twice)
		}
	})
}
