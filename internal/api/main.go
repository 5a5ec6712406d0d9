// Command api keeps exports.txt, which lists what this module and the nested ones export, with
// types and values.
//
//	go run ./internal/api           # fails if the list is out of date, or a change is not in CHANGELOG.md
//	go run ./internal/api -write    # writes the list of today
//
// The list is committed, so each commit shows what it changes, as in the folder api of Go itself.
// Since the last tag, each change must also be in CHANGELOG.md. A line that names it in backquotes
// must come in the same commit or later. A clone without history only compares the list.
//
// Package apidiff of golang.org/x/exp finds which changes break a caller. It needs two compiled
// versions of all modules, and a review would not see the change.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	listFile = "internal/api/exports.txt"
	logFile  = "CHANGELOG.md"
)

func main() {
	write := flag.Bool("write", false, "write "+listFile)
	flag.Parse()
	if err := run(context.Background(), *write); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, write bool) error {
	dirs, err := modules(".")
	if err != nil {
		return err
	}
	var now []string
	for _, dir := range dirs {
		exported, err := module(ctx, dir)
		if err != nil {
			return err
		}
		now = append(now, exported...)
	}
	slices.Sort(now)
	if write {
		return os.WriteFile(listFile, []byte(strings.Join(now, "\n")+"\n"), 0o644) //nolint:gosec // it is committed
	}
	listed, err := os.ReadFile(listFile)
	if err != nil {
		return err
	}
	if changes := compare(strings.Split(strings.TrimSpace(string(listed)), "\n"), now); len(changes) > 0 {
		for _, c := range changes {
			fmt.Println(c)
		}
		return errors.New(listFile + " is out of date: run go run ./internal/api -write")
	}
	commits, err := history(ctx)
	if err != nil {
		fmt.Println("api:", err, "so "+logFile+" is not compared")
		return nil
	}
	missing := unacknowledged(commits, now)
	for _, c := range missing {
		fmt.Println(c)
	}
	if len(missing) > 0 {
		return errors.New("describe these changes in " + logFile + ", in a line as new as the change")
	}
	return nil
}

// modules returns the folders below root that have a go.mod. What is not for applications is left
// out: benchmarks, internal folders, examples, test data, and hidden or installed ones.
func modules(root string) ([]string, error) {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			if d.Name() == "go.mod" {
				dirs = append(dirs, filepath.Dir(path))
			}
			return nil
		case path != root && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		}
		switch d.Name() {
		case "bench", "examples", "internal", "node_modules", "testdata":
			return filepath.SkipDir
		}
		return nil
	})
	slices.Sort(dirs)
	return dirs, err
}
