package reconcile

// This file brings what identifies an account into one form, so that the rules of Match compare it.

import (
	"strings"
	"unicode"

	"github.com/bankmux/bankmux"
)

// facts is what identifies an account, in one form.
type facts struct {
	account  *bankmux.Account
	iban     string
	number   string
	name     string
	kind     bankmux.AccountKind // "" where the provider's word is too vague
	currency bankmux.Currency
	shown    digits
	textIDs  textIDs // set by newSide
	placed   bool
}

// textID stands for a text, 0 for no text. Texts are compared often, so each gets a number once.
type textID uint32

type textIDs struct{ iban, number, persistent, original, id, name, kind, currency, four, three, ends, left textID }

// textNumbering gives numbers to texts.
type textNumbering map[string]textID

func (m textNumbering) number(text string) textID {
	if text == "" {
		return 0
	}
	n, ok := m[text]
	if !ok {
		n = textID(len(m) + 1) //nolint:gosec // no memory holds as many
		m[text] = n
	}
	return n
}

func factsOf(a *bankmux.Account) facts {
	f := facts{
		account: a, iban: compact(a.IBAN), number: compact(a.Number), name: normal(a.Name),
		kind: a.Kind, currency: a.Currency, shown: digitsOf(a.Mask),
	}
	for _, number := range []*string{&f.number, &f.iban} {
		if masked(*number) {
			if f.shown.tail == "" {
				f.shown = digitsOf(*number)
			}
			*number = ""
		}
	}
	if f.kind == bankmux.AccountUnknown || f.kind == bankmux.AccountOther {
		f.kind = ""
	}
	if len(f.shown.tail) < weakTail {
		for _, whole := range []string{f.number, f.iban} {
			if d := digitsOf(whole); len(d.tail) >= weakTail {
				f.shown = digits{tail: d.tail}
				break
			}
		}
	}
	return f
}

// compact drops the separators in a number.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, strings.ToUpper(dropInvisible(s)))
}

// differ reports whether both are set and differ.
func differ[T ~string](a, b T) bool { return a != "" && b != "" && a != b }
