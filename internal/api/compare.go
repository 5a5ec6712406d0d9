package main

// This file compares two lists of exported names.

import (
	"slices"
	"strings"
)

// change is one exported name that differs.
type change struct {
	name        string // "bankmux.Client.Accounts", "store/sqlite.Open"
	before, now string // "" where there was or is none
}

func (c change) String() string {
	switch {
	case c.before == "":
		return c.name + ": added " + c.now
	case c.now == "":
		return c.name + ": removed " + c.before
	default:
		return c.name + ": changed from " + c.before + " to " + c.now
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
		of := name[:strings.LastIndexByte(name, '.')]
		if (was[of] == "") != (is[of] == "") {
			continue
		}
		changes = append(changes, change{name: name, before: was[name], now: is[name]})
	}
	slices.SortFunc(changes, func(a, b change) int { return strings.Compare(a.name, b.name) })
	return changes
}

// byName returns the declarations. Lines without a name are left out.
func byName(lines []string) map[string]string {
	of := map[string]string{}
	for _, line := range lines {
		if name, declaration, ok := strings.Cut(line, ": "); ok {
			of[name] = declaration
		}
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
