package main

// This file has the rules of language.

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

const (
	maxWords   = 25  // of a sentence
	maxComment = 100 // columns of a line of a comment or of Markdown
	maxCode    = 120 // columns of a line of code in them
	tabWidth   = 4

	maxParameters = 5 // of a function literal or type too, which linters do not look at
)

// finding is one place that breaks a rule.
type finding struct {
	path string
	line int
	rule string
	text string
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s: %s", f.path, f.line, f.rule, f.text) }

// dropped are the words and turns that the project does not use, with what stands in their place.
var dropped = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{word(`nobody`), "name who: no caller, no client"},
	{word(`told|tells?|telling`), "say, report, return, show"},
	{word(`go round|goes round|went round|gone round|going round`), "repeat, cycle"},
	{word(`amiss`), "wrong"},
	{word(`mend(s|ed|ing)?`), "fix, repair"},
	{word(`for ever`), "forever, without end"},
	{word(`of late`), "recently"},
	{word(`anew`), "again"},
	{word(`begin|begins|began|begun|beginning`), "start"},
	{word(`ours|theirs`), "name the thing"},
	{word(`what comes of|what becomes of|whatever becomes of`), "the result of"},
	{word(`puts? down to`), "assigns to"},
	{word(`stands? among`), "is in"},
	{word(`sees? to it`), "ensures"},
	{word(`all the same`), "also, still"},
	{word(`comes? again`), "retry, return"},
	{word(`makes? (its|his|her|their) own`), "adopts"},
	{word(`thereby|thereupon|whence|wherein|thereof|lest|hitherto|whither`), "current words"},
	{word(`no (readable )?answer (came|comes)|answer (was|is|got) lost|lost answer|HTTP answer`), "response"},
	{word(`answers? with (one|an?)|answered with|answered by the (bank|provider|server)`), "respond, response"},
	{word(`successful answer|into the answer|answer to a request|answers overlapping`), "response"},
	{word(`answers? (the (user|browser|caller|page)|on errors?)`), "respond to"},
	{word(`hears? of`), "be notified of, learn of"},
	{word(`either provider`), "each provider: there are three"},
	{word(`(provider|server|Dapi|MoneyKit|Plaid)'s answers?`), "response"},
}

// isNo finds "is no X" for "is not X"; "there is no X" and "is no longer" are current English.
var isNo = regexp.MustCompile(`(?i)(\w+ )?\b(is|are|was|were) no (\w+)`)

func word(alternatives string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(` + alternatives + `)\b`)
}

// check applies the rules to one passage.
func check(path string, p passage) []finding {
	var found []finding
	report := func(rule, text string) { found = append(found, finding{path, p.line, rule, text}) }
	text := withoutCode(p.text)
	for _, d := range dropped {
		if m := d.pattern.FindString(text); m != "" {
			report("word", fmt.Sprintf("%q (%s) in %q", m, d.instead, clip(text)))
		}
	}
	for _, m := range isNo.FindAllStringSubmatch(text, -1) {
		before, next := strings.ToLower(strings.TrimSpace(m[1])), strings.ToLower(m[3])
		if before != "there" && next != "longer" && next != "more" {
			report("word", fmt.Sprintf("%q (is not) in %q", m[0], clip(text)))
		}
	}
	if p.kind == name {
		return found
	}
	for _, s := range sentences(text) {
		if p.kind == prose && question.MatchString(s) {
			report("question", fmt.Sprintf("a statement says it sooner: %q", clip(s)))
		}
		if n := len(words(s)); n > maxWords {
			report("sentence", fmt.Sprintf("%d words: %q", n, clip(s)))
		}
	}
	if m := torn.FindString(text); p.kind == prose && m != "" {
		report("sentence", fmt.Sprintf("the start of a sentence is lost: %q", clip(m)))
	}
	return found
}

var (
	question = regexp.MustCompile(`\w{2,}["')]*\?\s*$`)

	// torn finds the rest of a sentence that a merge has torn. Some sentences start with a small
	// letter since their first word is a name in code, but none starts with these words.
	torn = regexp.MustCompile(`\w{4,}\.\s+(and|are|as|at|but|by|for|from|have|is|of|so|that|the|to|which|with)\s.*`)
)

var codeSpan = regexp.MustCompile("`[^`]*`|\\[[A-Za-z0-9_.*]+\\]")

// withoutCode puts one word in place of each span of code and each doc link.
func withoutCode(text string) string { return codeSpan.ReplaceAllString(text, "CODE") }

var sentenceEnd = regexp.MustCompile(`[.!?]["')*_]*\s+["'(*_\[]*[A-Z0-9]|:\s*$`)

// sentences splits a paragraph.
func sentences(text string) []string {
	var out []string
	for {
		at := sentenceEnd.FindStringIndex(text)
		if at == nil {
			return append(out, text)
		}
		end := at[0] + 1
		out = append(out, text[:end])
		text = text[end:]
	}
}

// words are what a reader counts; punctuation that stands alone is none.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '—' || r == '/' || r == '|' })
}

func clip(s string) string {
	if r := []rune(s); len(r) > 90 {
		return string(r[:90]) + "…"
	}
	return s
}

// columns is the width of a line as an editor shows it.
func columns(line string) int {
	n := 0
	for _, r := range line {
		if r == '\t' {
			n += tabWidth
		} else {
			n++
		}
	}
	return n
}
