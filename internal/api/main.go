// Command api compares what this module and the nested ones for applications export with api.txt.
// That has the exports as of the last tag. Before the first tag they are those of the day on which
// this check was introduced.
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
	"os"
	"os/exec"
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
	var now []string
	for _, dir := range []string{".", "store", "fleet/postgres", "telemetry"} {
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
