// Command prose checks the project's rules of language: it reads the comments, texts and test names
// of Go files, the paragraphs of Markdown files, and the comments of other languages.
//
//	go run ./internal/prose            # everything below the current directory
//	go run ./internal/prose ./guard    # one directory or file
//
// It prints one finding per line and exits with 1 if there is any. rules.go has the rules, and
// CONTRIBUTING.md the style guide that they hold.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	roots := os.Args[1:]
	if len(roots) == 0 {
		roots = []string{"."}
	}
	found := 0
	for _, root := range roots {
		root = strings.TrimSuffix(root, "/...")
		walk := func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				if skipped(path) {
					return filepath.SkipDir
				}
				return nil
			}
			for _, f := range checkFile(path) {
				found++
				fmt.Println(f)
			}
			return nil
		}
		if err := filepath.WalkDir(root, walk); err != nil { //nolint:gosec // the caller names it
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	if found > 0 {
		fmt.Fprintln(os.Stderr, found, "findings")
		os.Exit(1)
	}
}

// skipped reports whether a directory is left out: hidden ones other than .ci and .github, test
// data, installed packages, and this command, whose rules quote what they forbid.
func skipped(dir string) bool {
	name := filepath.Base(dir)
	switch name {
	case ".ci", ".github", ".", "..":
		return false
	case "testdata", "node_modules", "prose":
		return true
	}
	return strings.HasPrefix(name, ".")
}

// checkFile returns the findings of one file; files of other kinds have none.
func checkFile(path string) []finding {
	var read func(path string, src []byte) ([]passage, []finding)
	switch {
	case filepath.Ext(path) == ".go":
		read = readGo
	case filepath.Ext(path) == ".md", filepath.Base(path) == "llms.txt":
		read = readMarkdown
	default:
		if _, ok := syntaxOf(path); !ok {
			return nil
		}
		read = readComments
	}
	src, err := os.ReadFile(path) //nolint:gosec // the caller names it
	if err != nil {
		return []finding{{path: path, rule: "unreadable", text: err.Error()}}
	}
	passages, found := read(path, src)
	for _, p := range passages {
		found = append(found, check(path, p)...)
	}
	return found
}
