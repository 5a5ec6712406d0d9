package main

// This file compares two lists of exported names.

import (
	"regexp"
	"slices"
	"strings"
)

// change is one exported name that differs.
type change struct {
	name        string // "Client", "Client.Accounts"
	before, now string // "" where there was or is none
}

func (c change) String() string {
	switch {
	case c.before == "":
		return "added " + c.now
	case c.now == "":
		return "removed " + c.before
	default:
		return "changed from " + c.before + " to " + c.now
	}
}

// compare returns what differs between two lists. The members of a type that was added or removed
// as a whole are left out.
func compare(before, now []string) []change {
	was, is := byName(before), byName(now)
	var changes []change
	for name := range merged(was, is) {
		if was[name] == is[name] {
			continue
		}
		if i := strings.LastIndexByte(name, '.'); i > strings.LastIndex(name, ": ") {
			if of := name[:i]; (was[of] == "") != (is[of] == "") {
				continue
			}
		}
		_, short, _ := strings.Cut(name, ": ")
		changes = append(changes, change{name: short, before: was[name], now: is[name]})
	}
	slices.SortFunc(changes, func(a, b change) int { return strings.Compare(a.name, b.name) })
	return changes
}

// byName joins the lines of each name; a type that embeds others has several.
func byName(lines []string) map[string]string {
	of := map[string]string{}
	for _, line := range lines {
		path, rest, _ := strings.Cut(line, ": ")
		name, declaration, _ := strings.Cut(rest, ": ")
		key := path + ": " + name
		if of[key] != "" {
			of[key] += "; "
		}
		of[key] += declaration
	}
	return of
}

func merged(a, b map[string]string) map[string]bool {
	all := map[string]bool{}
	for name := range a {
		all[name] = true
	}
	for name := range b {
		all[name] = true
	}
	return all
}

var quoted = regexp.MustCompile("`[^`]+`")

// unreleased returns the names in backquotes of the section of that name: a name that is written
// with its package counts with and without it.
func unreleased(log string) map[string]bool {
	_, section, _ := strings.Cut(log, "## [Unreleased]")
	section, _, _ = strings.Cut(section, "\n## ")
	names := map[string]bool{}
	for _, q := range quoted.FindAllString(section, -1) {
		name := strings.Trim(q, "`")
		names[name] = true
		if _, rest, ok := strings.Cut(name, "."); ok {
			names[rest] = true
		}
	}
	return names
}

func unacknowledged(changes []change, names map[string]bool) []change {
	return slices.DeleteFunc(slices.Clone(changes), func(c change) bool { return names[c.name] })
}
