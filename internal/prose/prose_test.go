package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func rulesOf(found []finding) string {
	var rules []string
	for _, f := range found {
		rules = append(rules, f.rule)
	}
	return strings.Join(rules, " ")
}

func TestProse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", maxWords) + "word."
	for name, c := range map[string]struct {
		file, src, want string
	}{
		"a clean comment":                         {"a.go", "// Package a says what it is.\npackage a\n", ""},
		"a dropped word in a comment":             {"a.go", "// Package a was begun.\npackage a\n", "word"},
		"a dropped word in a trailing comment":    {"a.go", "// Package a is clean.\npackage a\n\nvar x = 1 // mended\n", "word"},
		"a dropped word in a text":                {"a.go", "// Package a is clean.\npackage a\n\nvar x = \"look amiss\"\n", "word"},
		"a dropped word in a test's name":         {"a_test.go", "package a\n\nfunc TestNobodySees() {}\n", "word"},
		"a dropped word in a benchmark's name":    {"a_test.go", "package a\n\nfunc BenchmarkNobody() {}\n", "word"},
		"a dropped word in a fuzz target's name":  {"a_test.go", "package a\n\nfunc FuzzTells() {}\n", "word"},
		"a dropped word in a function's name":     {"a.go", "// Package a is clean.\npackage a\n\nfunc tellAll() {}\n", "word"},
		"a method has the name of an interface":   {"a.go", "// Package a is clean.\npackage a\n\nfunc (c conn) BeginTx() {}\n", ""},
		"a dropped word is the whole text":        {"a.go", "// Package a is clean.\npackage a\n\nvar x = \"nobody\"\n", "word"},
		"a statement of SQL is not a text":        {"a.go", "// Package a is clean.\npackage a\n\nvar x = \"begin\"\n", ""},
		"a tag is not a text":                     {"a.go", "// Package a is clean.\npackage a\n\ntype x struct {\n\tY int `json:\"begin at\"`\n}\n", ""},
		"a text with a long sentence":             {"a.go", "// Package a is clean.\npackage a\n\nvar x = \"" + long + "\"\n", "sentence"},
		"a long text of lines is data":            {"a.go", "// Package a is clean.\npackage a\n\nvar x = \"" + long + "\\n\"\n", ""},
		"a long text of a test":                   {"a_test.go", "package a\n\nvar x = \"" + long + "\"\n", ""},
		"a question":                              {"a.go", "// Package a is clean. But why?\npackage a\n", "question"},
		"a question in Markdown":                  {"a.md", "What is it? It is a page.\n", "question"},
		"a question of the bank is a text":        {"a.go", "// Package a is clean.\npackage a\n\nvar x = \"Which city?\"\n", ""},
		"a statement with a placeholder":          {"a.go", "// Package a runs SELECT 1 WHERE a = ?\npackage a\n", ""},
		"a torn sentence":                         {"a.md", "It returns a name. from the root on.\n", "sentence"},
		"a sentence that starts with a name":      {"a.md", "It may be absent. nil means none.\n", ""},
		"a dropped word in code is a name":        {"a.go", "// Package a calls `begin` and [Begin].\npackage a\n", ""},
		"an answer that is a response":            {"a.go", "// Package a is answered with 200.\npackage a\n", "word"},
		"an answer of the user":                   {"a.go", "// Package a sends the answer to a question.\npackage a\n", ""},
		"is no":                                   {"a.go", "// This is no error.\npackage a\n", "word"},
		"there is no":                             {"a.go", "// There is no error, and it is no longer.\npackage a\n", ""},
		"a long sentence":                         {"a.go", "// A " + strings.ReplaceAll(long, " word w", " word\n// w") + "\npackage a\n", "sentence"},
		"two short sentences":                     {"a.go", "// " + strings.Repeat("Word word word.\n// Word word.\n// ", 9) + "End.\npackage a\n", ""},
		"a wide comment":                          {"a.go", "// " + strings.Repeat("Wide. ", 20) + "\npackage a\n", "width"},
		"a wide comment in a block":               {"a.go", "/*\n" + strings.Repeat("Wide. ", 20) + "\n*/\npackage a\n", "width"},
		"a wide comment in a block of one line":   {"a.go", "/* " + strings.Repeat("Wide. ", 20) + "*/\npackage a\n", "width"},
		"a wide comment of code":                  {"a.go", "//\t" + strings.Repeat("w", 110) + "\npackage a\n", ""},
		"a directive":                             {"a.go", "// Package a is clean.\npackage a\n\n//nolint:all // begun\nvar x = 1\n", ""},
		"the output of an example":                {"a_test.go", "package a\n\nfunc x() {\n\t// Output:\n\t// begun\n}\n", ""},
		"a dropped word in Markdown":              {"a.md", "# A\n\nIt begins.\n", "word"},
		"a dropped word in a block of Markdown":   {"a.md", "# A\n\n```go\nbegin()\n```\n\nCall `begin`.\n", ""},
		"a long sentence in Markdown":             {"a.md", strings.ReplaceAll(long, "word word", "word\nword"), "sentence"},
		"a long sentence in a list":               {"a.md", "- one\n- " + strings.ReplaceAll(long, "word word", "word\n  word"), "sentence"},
		"items of a list are counted one by one":  {"a.md", strings.Repeat("- word word\n", 30), ""},
		"cells of a table are counted one by one": {"a.md", "|" + strings.Repeat(" word word |", 30), ""},
		"a wide line of Markdown":                 {"a.md", strings.Repeat("Wide. ", 20), "width"},
		"a file without a first sentence":         {"a.go", "package a\n\nimport \"io\"\n\nvar x io.Reader\n\n// y is one.\nvar y = 1\n", "file"},
		"a directive is not a first sentence":     {"a.go", "//go:build linux\n\npackage a\n\nvar x = 1\n", "file"},
		"a generated file":                        {"a.go", "// Code generated by x; DO NOT EDIT.\npackage a\n\n// y was begun.\nvar y = 1\n", ""},
		"a file that mentions generated code": {
			"a.go", "// Package a has Code generated by x; DO NOT EDIT.\npackage a\n\n// y was begun.\nvar y = 1\n",
			"word",
		},
		"a first sentence after the package":    {"a.go", "package a\n\n// This file has x.\n\nimport \"io\"\n\nvar x io.Reader\n", ""},
		"a first sentence at the declaration":   {"a.go", "package a\n\nimport \"io\"\n\n// x reads.\nvar x io.Reader\n", ""},
		"a test needs no first sentence":        {"a_test.go", "package a\n\nvar x = 1\n", ""},
		"a dropped word in a script":            {"a.yml", "on: push\n  # It has begun.\n", "word"},
		"a wide comment of a script":            {"a.yml", "# " + strings.Repeat("Wide. ", 20) + "\n", "width"},
		"a command of a script":                 {"a.yml", "run: begin " + strings.Repeat("wide ", 30) + "\n", ""},
		"a dropped word in a shell script":      {"a.sh", "set -e\n# It has begun.\n", "word"},
		"a dropped word in C":                   {"a.c", "int x; // mended\n", "word"},
		"a long sentence in a block of C":       {"a.c", "/* " + strings.ReplaceAll(long, "word w", "word\n * w") + " */", "sentence"},
		"a dropped word in SQL":                 {"a.sql", "SELECT 1;\n-- It has\n-- begun.\n", "word"},
		"a dropped word behind a column of SQL": {"a.sql", "  fact BYTEA, -- mended\n", "word"},
		"a statement of SQL":                    {"a.sql", "BEGIN;\nSELECT 'a', " + strings.Repeat("wide, ", 30) + ";\n", ""},
		"a long sentence in Lua":                {"a.lua", "-- " + strings.ReplaceAll(long, "word w", "word\n-- w"), "sentence"},
		"a wide comment of Lua":                 {"a.lua", "-- " + strings.Repeat("Wide. ", 20) + "\n", "width"},
		"a dropped word in JavaScript":          {"a.js", "let x = 1; // mended\n", "word"},
		"an address in JavaScript":              {"a.js", "const a = \"http://a\", nobody = 1;\n", ""},
		"a dropped word in a block of types":    {"a.d.ts", "/**\n * It has\n * begun.\n */\nexport {}\n", "word"},
		"a long sentence over lines of a block": {"a.d.ts", "/** " + strings.ReplaceAll(long, "word w", "word\n * w") + " */", "sentence"},
		"a tag of a block starts a paragraph":   {"a.ts", "/**\n" + strings.Repeat(" * @param a word\n", 20) + " */\n", ""},
		"a dropped word in CSS":                 {"a.css", "a { color: red; } /* mended */\n", "word"},
		"a dropped word in HTML":                {"a.html", "<!-- It has\n begun. -->\n<p>start</p>\n", "word"},
		"a table in a comment of JavaScript":    {"a.js", "// Options:\n" + strings.Repeat("//   word  word word\n", 20), ""},
		"what follows a comment":                {"a.html", "<!-- Clean. -->\n<p id=\"begin\">start</p>\n", ""},
		"a dropped word on a page":              {"a.html", "<p>It is\nshown <b>anew</b>.</p>\n", "word"},
		"a dropped word of a label":             {"a.html", "<img src=\"a.png\" alt=\"a mended page\">\n", "word"},
		"a long sentence on a page":             {"a.html", "<p>" + long + "</p>\n", "sentence"},
		"a script and a style of a page":        {"a.html", "<style>p { begin: 1 }</style><script>begin()</script>\n", ""},
		"what a template inserts":               {"a.html", "<p>{{.Begin}}</p>\n", ""},
		"a dropped word of a picture":           {"a.svg", "<text x=\"1\">nobody</text>\n", "word"},
		"a dropped word in a text of a script":  {"a.js", "say('It\\'s \"a\"', `Nobody has ${x}.`); // Clean.\n", "word"},
		"a long sentence in a text of a script": {"a.js", "say(\"" + long + "\");\n", "sentence"},
		"a name of a script is not a text":      {"a.js", "// it's\nbegin(`${begin}`);\n/* it's */ begin('a');\n", ""},
		"a long text of a script's test":        {"a.test.js", "say(\"" + long + "\");\n", ""},
		"a dropped word in a module file":       {"go.mod", "module a // mended\n", "word"},
		"a literal with six parameters":         {"a.go", "// Package a is clean.\npackage a\n\nvar x = func(a, b int, c, d, e, f string) {}\n", "parameters"},
		"a literal with five parameters":        {"a.go", "// Package a is clean.\npackage a\n\nvar x = func(a, b int, c, d, e string) {}\n", ""},
		"a type of functions, six parameters":   {"a.go", "// Package a is clean.\npackage a\n\ntype x func(int, int, int, int, int, int)\n", "parameters"},
		"a fuzz target has many parameters":     {"a_test.go", "package a\n\nvar x = func(t *testing.T, a, b, c, d, e int) {}\n", ""},
		"a dropped word in a type's name":       {"a.go", "// Package a is clean.\npackage a\n\ntype bankTells struct{}\n", "word"},
		"a wide row of a table":                 {"a.md", "| " + strings.Repeat("wide. ", 20) + "|", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := readGo
			switch {
			case strings.HasSuffix(c.file, ".md"):
				read = readMarkdown
			case !strings.HasSuffix(c.file, ".go"):
				read = readComments
			}
			passages, found := read(c.file, []byte(c.src))
			for _, p := range passages {
				found = append(found, check(c.file, p)...)
			}
			assert.Equal(t, c.want, rulesOf(found), "%v", found)
		})
	}
}
