// Command api compares what this module and the nested ones export with api.txt. That has the
// exports as of the last tag. Before the first tag they are those of the day on which this check
// was introduced.
//
//	go run ./internal/api           # fails if a change is not in CHANGELOG.md
//	go run ./internal/api -write    # after a tag: api.txt becomes the list of today
//
// Every name that was added, changed or removed must stand in backquotes in the section
// "Unreleased" of CHANGELOG.md. A list in the tree also works in a clone without history, where
// apidiff, which compares two checkouts, has nothing to compare with.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	listFile = "internal/api/api.txt"
	logFile  = "CHANGELOG.md"
)

func main() {
	write := flag.Bool("write", false, "write "+listFile+" instead of comparing with it")
	flag.Parse()
	if err := run(*write); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

func run(write bool) error {
	dirs, err := modules(".")
	if err != nil {
		return err
	}
	var now []string
	for _, dir := range dirs {
		exported, err := module(dir)
		if err != nil {
			return err
		}
		now = append(now, exported...)
	}
	if write {
		return os.WriteFile(listFile, []byte(strings.Join(now, "\n")+"\n"), 0o644) //nolint:gosec // it is committed
	}
	before, err := os.ReadFile(listFile)
	if err != nil {
		return err
	}
	log, err := os.ReadFile(logFile)
	if err != nil {
		return err
	}
	changes := compare(strings.Split(strings.TrimSpace(string(before)), "\n"), now)
	missing := unacknowledged(changes, unreleased(string(log)))
	for _, c := range missing {
		fmt.Printf("%s does not name `%s`: %s\n", logFile, c.name, c)
	}
	if len(missing) > 0 {
		return errors.New("describe these changes below \"Unreleased\" in " + logFile)
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

// module lists what the packages of the module in a directory export.
func module(dir string) ([]string, error) {
	const format = "{{.Name}} {{.ImportPath}} {{.Dir}}"
	cmd := exec.CommandContext(context.Background(), "go", "list", "-f", format, "./...")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		part := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if part[0] == "main" || strings.Contains(part[1]+"/", "/internal/") || strings.Contains(part[1], "/examples/") {
			continue
		}
		exported, err := list(part[1], part[2])
		if err != nil {
			return nil, err
		}
		all = append(all, exported...)
	}
	return all, nil
}
