package main

// This file reads the passages of a file that the rules apply to.

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// passage is a piece of text that is checked as a whole.
type passage struct {
	line int
	text string
	kind kind
}

// kind says which rules a passage follows.
type kind int

const (
	name    kind = iota // of a function, type or test: its words are checked
	message             // what a program prints: its sentences are counted too
	prose               // a paragraph of a comment or page: all rules
)

// readGo returns the paragraphs of comments, the texts and the names of tests of a Go file, and
// lines of comments that are too long.
func readGo(path string, src []byte) ([]passage, []finding) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, src, parser.ParseComments)
	if err != nil {
		return nil, []finding{{path: path, rule: "unreadable", text: err.Error()}}
	}
	if ast.IsGenerated(file) { // its author is a program
		return nil, nil
	}
	var passages []passage
	var found []finding
	if !strings.HasSuffix(path, "_test.go") && !hasFirstSentence(file) {
		found = append(found, finding{path, 1, "file", "no first sentence"})
	}
	for _, group := range file.Comments {
		p, f := readComment(path, files, group, src)
		passages, found = append(passages, p...), append(found, f...)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.StructType:
			for _, f := range n.Fields.List {
				f.Tag = nil // its words are not a text
			}
		case *ast.FuncDecl:
			if n.Recv == nil { // a method may have the name that an interface of others demands
				passages = append(passages, passage{line: files.Position(n.Pos()).Line, text: spaced(n.Name.Name)})
			}
		case *ast.FuncType:
			if many := n.Params.NumFields(); many > maxParameters && !isFuzz(n) {
				text := fmt.Sprintf("%d, and %d at most", many, maxParameters)
				found = append(found, finding{path, files.Position(n.Pos()).Line, "parameters", text})
			}
		case *ast.TypeSpec:
			passages = append(passages, passage{line: files.Position(n.Pos()).Line, text: spaced(n.Name.Name)})
		case *ast.BasicLit:
			if text, ok := textOf(n); ok {
				p := passage{line: files.Position(n.Pos()).Line, text: text, kind: message}
				if strings.HasSuffix(path, "_test.go") || strings.Contains(text, "\n") { // data or code
					p.kind = name
				}
				passages = append(passages, p)
			}
		}
		return true
	})
	return passages, found
}

// isFuzz reports whether a function is a fuzz target. It has a parameter for each part of its input.
func isFuzz(f *ast.FuncType) bool {
	star, ok := f.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	of, ok := star.X.(*ast.SelectorExpr)
	return ok && of.Sel.Name == "T"
}

// textOf returns what a literal says. ok is false for a number and a word that is a statement of SQL.
func textOf(n *ast.BasicLit) (text string, ok bool) {
	if n.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(n.Value)
	return text, err == nil && text != "begin" && text != "begins"
}

// hasFirstSentence reports whether a reader learns what a file is for: a comment stands above its
// package clause or before its first declaration.
func hasFirstSentence(file *ast.File) bool {
	if len(file.Decls) == 0 {
		return len(file.Comments) > 0
	}
	for _, decl := range file.Decls {
		if d, ok := decl.(*ast.GenDecl); !ok || d.Tok != token.IMPORT {
			return commentBefore(file, decl.Pos())
		}
	}
	return commentBefore(file, file.End())
}

// commentBefore reports whether a comment other than a directive stands before a position.
func commentBefore(file *ast.File, pos token.Pos) bool {
	for _, group := range file.Comments {
		if group.Pos() < pos && strings.TrimSpace(group.Text()) != "" {
			return true
		}
	}
	return false
}

var directive = regexp.MustCompile(`^//(go:|nolint|line |export )`)

// readComment splits one group of comment lines into paragraphs. Indented lines are code; a
// list item is a paragraph; what follows "Output:" is a test's.
func readComment(
	path string, files *token.FileSet, group *ast.CommentGroup, src []byte,
) ([]passage, []finding) {
	var out []passage
	var found []finding
	var current passage
	flush := func() {
		if current.text != "" {
			out = append(out, current)
		}
		current = passage{}
	}
	lines := strings.Split(string(src), "\n")
	for _, c := range group.List {
		at := files.Position(c.Pos())
		if directive.MatchString(c.Text) {
			continue
		}
		body := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(c.Text, "//"), "/*"), "*/")
		for i, line := range strings.Split(body, "\n") {
			text := strings.TrimSpace(line)
			code := isCode(line, text, current.text)
			whole := lines[at.Line-1+i]
			limit := limitOf(whole, code, strings.HasPrefix(c.Text, "/*"))
			if columns(whole) > limit && !strings.Contains(whole, "://") {
				found = append(found, finding{path, at.Line + i, "width", clip(strings.TrimSpace(whole))})
			}
			switch {
			case text == "Output:" || text == "Unordered output:":
				flush()
				return out, found
			case text == "" || code:
				flush()
			case isItem(text) || strings.HasPrefix(text, "# "):
				flush()
				current = passage{line: at.Line + i, text: text, kind: prose}
			case current.text == "":
				current = passage{line: at.Line + i, text: text, kind: prose}
			default:
				current.text += " " + text
			}
		}
	}
	flush()
	return out, found
}

// isCode reports whether a line of a comment is code: it is indented, and not a part of a list.
func isCode(line, text, paragraph string) bool {
	return strings.HasPrefix(line, "\t") ||
		strings.HasPrefix(line, "  ") && !isItem(text) && !isItem(paragraph)
}

// limitOf is how wide a line may be: a comment that stands behind code is part of a line of code.
func limitOf(line string, code, block bool) int {
	if !code && (block || strings.HasPrefix(strings.TrimSpace(line), "//")) {
		return maxComment
	}
	return maxCode
}

var item = regexp.MustCompile(`^([-*+]|\d+[.)]) `)

func isItem(text string) bool { return item.MatchString(text) }

// readMarkdown returns the paragraphs, list items and table cells of a Markdown file.
func readMarkdown(path string, src []byte) ([]passage, []finding) {
	var out []passage
	var found []finding
	var current passage
	flush := func() {
		if current.text != "" {
			out = append(out, current)
		}
		current = passage{}
	}
	fenced, hidden := false, false
	for i, line := range strings.Split(string(src), "\n") {
		text := strings.TrimSpace(line)
		table := strings.HasPrefix(text, "|")
		switch {
		case strings.HasPrefix(text, "```"):
			fenced = !fenced
			flush()
			continue
		case fenced:
			continue
		case strings.HasPrefix(text, "<!--"):
			hidden = !strings.Contains(text, "-->")
			flush()
			continue
		case hidden:
			hidden = !strings.Contains(text, "-->")
			continue
		}
		if !table && columns(line) > maxComment && !strings.Contains(line, "](") && !strings.Contains(line, "://") {
			found = append(found, finding{path, i + 1, "width", clip(text)})
		}
		switch {
		case table:
			flush()
			for cell := range strings.SplitSeq(strings.ReplaceAll(text, `\|`, "/"), "|") {
				out = append(out, passage{line: i + 1, text: visible(cell), kind: prose})
			}
		case text == "" || strings.HasPrefix(text, "<"):
			flush()
		case isItem(text) || strings.HasPrefix(text, "#") || strings.HasPrefix(text, ">"):
			flush()
			current = passage{line: i + 1, text: visible(text), kind: prose}
		case current.text == "":
			current = passage{line: i + 1, text: visible(text), kind: prose}
		default:
			current.text += " " + visible(text)
		}
	}
	flush()
	return out, found
}

var link = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// visible is what a reader sees of a line: links without their targets.
func visible(text string) string { return link.ReplaceAllString(strings.TrimSpace(text), "$1") }

// spaced splits the name of a test into words.
func spaced(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) || r == '_' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
