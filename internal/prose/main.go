// Command prose checks the project's rules of language. It reads the comments and texts of Go files,
// the names of their functions and types, and the paragraphs of Markdown files. It also reads the
// comments of other languages, the texts of HTML and JavaScript, and the messages of new commits. It
// also counts the parameters of functions, of literals and types too.
//
//	go run ./internal/prose            # everything below the current directory, and the commits
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
	var found []finding
	roots := os.Args[1:]
	if len(roots) == 0 {
		roots = []string{"."}
		commits, ok := checkCommits(git, uncheckedCommit)
		if !ok {
			fmt.Println("messages of commits are not checked: the history does not reach", uncheckedCommit[:7])
		}
		found = commits
	}
	for _, root := range roots {
		below, err := checkBelow(strings.TrimSuffix(root, "/..."))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		found = append(found, below...)
	}
	for _, f := range found {
		fmt.Println(f)
	}
	if len(found) > 0 {
		fmt.Fprintln(os.Stderr, len(found), "findings")
		os.Exit(1)
	}
}

// checkBelow returns the findings of a file, or of all files below a folder.
func checkBelow(root string) ([]finding, error) {
	var found []finding
	walk := func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			found = append(found, checkFile(path)...)
		case skipped(path):
			return filepath.SkipDir
		}
		return nil
	}
	err := filepath.WalkDir(root, walk) //nolint:gosec // the caller names it
	return found, err
}

// skipped reports whether a directory is left out: hidden ones other than .ci and .github, installed
// packages, and this command, whose rules quote what they forbid.
func skipped(dir string) bool {
	name := filepath.Base(dir)
	switch name {
	case ".ci", ".github", ".", "..":
		return false
	case "node_modules", "prose":
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
