package main

// This file reads the comments of files that are neither Go nor Markdown.

import (
	"path/filepath"
	"strings"
)

// syntax says how the comments of a language look. Empty marks do not exist in it.
type syntax struct{ line, open, end string }

// syntaxOf returns how comments look in a file; ok is false for a file that is not read.
func syntaxOf(path string) (s syntax, ok bool) {
	switch filepath.Ext(path) {
	case ".yml", ".yaml", ".sh":
		return syntax{line: "#"}, true
	case ".sql":
		return syntax{"--", "/*", "*/"}, true
	case ".lua":
		return syntax{"--", "--[[", "]]"}, true
	case ".js", ".mjs", ".ts", ".c", ".h", ".mod":
		return syntax{"//", "/*", "*/"}, true
	case ".css":
		return syntax{"", "/*", "*/"}, true
	case ".html", ".svg":
		return syntax{"", "<!--", "-->"}, true
	case "":
		return syntax{line: "#"}, filepath.Base(filepath.Dir(path)) == ".ci"
	}
	return syntax{}, false
}

// comments collects the paragraphs of comments, line by line.
type comments struct {
	syntax
	inside  bool // a comment of several lines is open
	current passage
	out     []passage
}

// readComments returns the paragraphs of the comments of a file and its texts that users see. It also
// returns the comments that are too wide.
func readComments(path string, src []byte) ([]passage, []finding) {
	s, ok := syntaxOf(path)
	if !ok {
		return nil, nil
	}
	c := comments{syntax: s}
	var found []finding
	for i, line := range strings.Split(string(src), "\n") {
		text, limit := c.take(line, i+1)
		if text != "" && columns(line) > limit && !strings.Contains(line, "://") {
			found = append(found, finding{path, i + 1, "width", clip(text)})
		}
	}
	c.flush()
	return append(c.out, readShown(path, src)...), found
}

func (c *comments) flush() {
	if c.current.text != "" {
		c.out = append(c.out, c.current)
	}
	c.current = passage{}
}

// take adds the comment of a line to the paragraphs. It returns its text, and how wide the line may
// be. An indented line is code or a table.
func (c *comments) take(line string, number int) (text string, limit int) {
	body, whole := c.find(strings.TrimSpace(line))
	text = strings.TrimSpace(body)
	switch {
	case text == "" || strings.HasPrefix(text, "!"):
		c.flush()
		return text, maxCode
	case !whole:
		c.flush()
		c.out = append(c.out, passage{line: number, text: text, kind: prose})
		return text, maxCode
	case isCode(strings.TrimPrefix(body, " "), text, c.current.text):
		c.flush()
		return text, maxCode
	case isItem(text) || strings.HasPrefix(text, "@"):
		c.flush()
	}
	if c.current.text == "" {
		c.current = passage{line: number, kind: prose}
	}
	c.current.text = strings.TrimSpace(c.current.text + " " + text)
	return text, maxComment
}

// find returns the comment of a line, and whether the line has nothing else.
func (c *comments) find(trimmed string) (body string, whole bool) {
	if c.inside {
		body, _, ended := strings.Cut(trimmed, c.end)
		c.inside = !ended
		return strings.TrimPrefix(body, "*"), true
	}
	if c.open != "" {
		if before, rest, ok := cutMark(trimmed, c.open); ok {
			body, _, ended := strings.Cut(rest, c.end)
			c.inside = !ended
			return strings.TrimLeft(body, "*"), before == ""
		}
	}
	if c.line == "" {
		return "", false
	}
	before, rest, ok := cutMark(trimmed, c.line)
	return rest, ok && before == ""
}

// cutMark cuts a line at the mark of a comment, which starts the line or follows a space. A mark in
// a text, such as that of an address, has a letter before it or none behind.
func cutMark(line, mark string) (before, rest string, ok bool) {
	if rest, ok := strings.CutPrefix(line, mark); ok {
		return "", rest, true
	}
	before, rest, ok = strings.Cut(line, " "+mark+" ")
	return before, rest, ok
}
