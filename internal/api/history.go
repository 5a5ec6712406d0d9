package main

// This file finds the changes of exported names that CHANGELOG.md does not describe.

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// commit is what a commit changes in the list and adds to the log.
type commit struct {
	id           string
	before, now  []string // lines of the list
	described    []string // lines of the log
	startsTheLog bool     // the list is new
}

// history returns the commits since the last tag, or since the list exists, the newest first. What
// is not committed comes before them.
func history(ctx context.Context) ([]commit, error) {
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "git", args...).Output() //nolint:gosec // of this file
		return string(out), err
	}
	const start = "commit %H"
	open, err := git("diff", "-U0", "--no-ext-diff", "--no-color", "--no-renames", "HEAD", "--", listFile, logFile)
	if err != nil {
		return nil, errors.New("there is no history of git")
	}
	since := "HEAD"
	if tag, err := git("describe", "--tags", "--abbrev=0"); err == nil {
		since = strings.TrimSpace(tag) + "..HEAD"
	}
	made, err := git("log", "-p", "-U0", "--no-ext-diff", "--no-color", "--no-renames", "--format="+start, since, "--",
		listFile, logFile)
	if err != nil {
		return nil, fmt.Errorf("git log: %w", err)
	}
	return parse("commit that is not made yet\n" + open + made), nil
}

// parse reads what git log -p writes, up to the commit that adds the list.
func parse(log string) (commits []commit) {
	file := ""
	for line := range strings.Lines(log) {
		line = strings.TrimSuffix(line, "\n")
		if id, ok := strings.CutPrefix(line, "commit "); ok {
			if len(commits) > 0 && commits[len(commits)-1].startsTheLog {
				return commits[:len(commits)-1]
			}
			commits, file = append(commits, commit{id: id}), ""
			continue
		}
		c := &commits[len(commits)-1]
		switch {
		case strings.HasPrefix(line, "diff --git a/"):
			_, file, _ = strings.Cut(line, " b/")
		case strings.HasPrefix(line, "new file mode") && file == listFile:
			c.startsTheLog = true
		case strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
		case file == listFile && strings.HasPrefix(line, "-"):
			c.before = append(c.before, line[1:])
		case file == listFile && strings.HasPrefix(line, "+"):
			c.now = append(c.now, line[1:])
		case file == logFile && strings.HasPrefix(line, "+"):
			c.described = append(c.described, line[1:])
		}
	}
	if n := len(commits); n > 0 && commits[n-1].startsTheLog {
		return commits[:n-1]
	}
	return commits
}

// unacknowledged returns the names that differ from the start of the history, and that the log does
// not describe. A line of the log counts if it is as new as the last change of the name, or newer.
// The commits are the newest first.
func unacknowledged(commits []commit, now []string) []change {
	lists := [][]string{now}
	for _, c := range commits {
		lists = append(lists, c.before)
	}
	known := writtenAs(slices.Concat(lists...))
	is := byName(now)
	first, described := map[string]string{}, map[string]bool{} // first: the declaration before all changes
	var last []change
	for _, c := range commits {
		for _, line := range c.described {
			for _, q := range quoted.FindAllString(line, -1) {
				described[known.name(strings.Trim(q, "`"))] = true
			}
		}
		for _, of := range compare(c.before, c.now) {
			if _, seen := first[of.name]; !seen && !described[of.name] {
				last = append(last, of)
			}
			first[of.name] = of.before
		}
	}
	return slices.DeleteFunc(last, func(c change) bool { return first[c.name] == is[c.name] })
}

var quoted = regexp.MustCompile("`[^`]+`")

// written has the full names by each form in which a text may write them.
type written map[string][]string

// writtenAs lists the forms of names: "store/sqlite.Open", "sqlite.Open" and "Open".
func writtenAs(lines []string) written {
	of := written{}
	for name := range byName(lines) {
		for form := name; ; {
			of[form] = append(of[form], name)
			_, rest, ok := strings.Cut(form, "/")
			if !ok {
				_, bare, _ := strings.Cut(form, ".")
				of[bare] = append(of[bare], name)
				break
			}
			form = rest
		}
	}
	return of
}

// name returns the full name that a text means, "" if it could be another. A name without its
// package is that of the root, if that has it.
func (w written) name(text string) string {
	if all := w["bankmux."+text]; len(all) == 1 {
		return all[0]
	}
	if all := w[text]; len(all) == 1 {
		return all[0]
	}
	return ""
}
