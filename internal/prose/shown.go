package main

// This file reads what users see of pages and scripts: the text of HTML, and literals of JavaScript.

import (
	"path/filepath"
	"regexp"
	"strings"
)

var (
	// hiddenHTML are the parts of a page that are not shown, and hiddenScript the comments of a script.
	hiddenHTML   = regexp.MustCompile(`(?s)<!--.*?-->|<script\b.*?</script>|<style\b.*?</style>`)
	hiddenScript = regexp.MustCompile(`(?ms)/\*.*?\*/|(^|\s)//[^\n]*$`)

	shownHTML   = regexp.MustCompile(`>([^<>]+)<|\b(?:alt|title|placeholder|aria-label)="([^"]+)"`)
	shownScript = regexp.MustCompile("\"((?:\\\\.|[^\"\\\\\n])*)\"|'((?:\\\\.|[^'\\\\\n])*)'|`((?:\\\\.|[^`\\\\])*)`")

	inserted = regexp.MustCompile(`\{\{.*?\}\}|\$\{[^}]*\}`) // what a template inserts into a text
)

// readShown returns the texts of a page or script. Other files have none.
func readShown(path string, src []byte) []passage {
	var hidden, shown *regexp.Regexp
	switch filepath.Ext(path) {
	case ".html", ".svg":
		hidden, shown = hiddenHTML, shownHTML
	case ".js", ".mjs", ".ts":
		hidden, shown = hiddenScript, shownScript
	default:
		return nil
	}
	lines := func(part string) string { return strings.Repeat("\n", strings.Count(part, "\n")) }
	text := hidden.ReplaceAllStringFunc(string(src), lines)
	var out []passage
	for _, m := range shown.FindAllStringSubmatchIndex(text, -1) {
		p := passage{line: 1 + strings.Count(text[:m[0]], "\n"), kind: message}
		for group := 2; group < len(m); group += 2 {
			if m[group] >= 0 {
				p.text = text[m[group]:m[group+1]]
			}
		}
		if strings.Contains(path, ".test.") || strings.Contains(strings.TrimSpace(p.text), "\n") { // data or code
			p.kind = name
		}
		p.text = strings.Join(strings.Fields(inserted.ReplaceAllString(p.text, "CODE")), " ")
		out = append(out, p)
	}
	return out
}
