package main

// This file checks the messages of commits: subject and body follow the rules of language, and a
// message has nothing that only its author's machine or tracker explains.

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	// uncheckedCommit is the last commit whose message is not checked. The rules came after it.
	uncheckedCommit = "ba0c8bd859f8b3bc4cfde1b7c4fe1114988116e7"

	maxSubject = 100 // characters of the first line
	minSubject = 3   // words of the first line
)

var (
	placeholder = regexp.MustCompile(`(?i)^(wip\b|(fixup|squash|amend)!|todo\b|tmp\b|temp\b|checkpoint\b)`)
	machinePath = regexp.MustCompile(`(^|[^\w./])(/(work|tmp|home|root|Users|mnt|private|workspace)\b|[A-Z]:\\)`)
	issueNumber = regexp.MustCompile(`(?i)(^|[\s(])#\d+\b|\bissues? \d+\b`)
)

// git runs git in the current directory and returns what it prints.
func git(args ...string) (string, error) {
	out, err := exec.CommandContext(context.Background(), "git", args...).Output() //nolint:gosec // not from outside
	return string(out), err
}

// checkCommits returns the findings of the commits after a given one. A shallow clone that lacks the
// given commit has later ones only, so all of it are checked. ok is false without git, and in another
// history that lacks the commit.
func checkCommits(git func(args ...string) (string, error), after string) (found []finding, ok bool) {
	commits := after + "..HEAD"
	if _, err := git("merge-base", "--is-ancestor", after, "HEAD"); err != nil {
		if shallow, err := git("rev-parse", "--is-shallow-repository"); err != nil || shallow != "true\n" {
			return nil, false
		}
		commits = "HEAD"
	}
	log, err := git("log", "--no-merges", "-z", "--format=%h%n%B", commits)
	if err != nil {
		return nil, false
	}
	for commit := range strings.SplitSeq(log, "\x00") {
		if id, message, ok := strings.Cut(commit, "\n"); ok {
			found = append(found, checkMessage("commit "+id, message)...)
		}
	}
	return found, true
}

// checkMessage returns the findings of one commit message.
func checkMessage(name, message string) []finding {
	var found []finding
	report := func(line int, text string) { found = append(found, finding{name, line, "message", text}) }
	message = strings.TrimSpace(message)
	subject, body, _ := strings.Cut(message, "\n")
	if n := utf8.RuneCountInString(subject); n > maxSubject {
		report(1, fmt.Sprintf("the subject has %d characters, and %d at most: %q", n, maxSubject, clip(subject)))
	}
	if len(words(subject)) < minSubject || placeholder.MatchString(subject) {
		report(1, fmt.Sprintf("the subject does not say what changes: %q", clip(subject)))
	}
	if body != "" && !strings.HasPrefix(body, "\n") {
		report(2, "a blank line separates subject and body")
	}
	for i, line := range strings.Split(message, "\n") {
		if path := machinePath.FindString(line); path != "" {
			report(i+1, fmt.Sprintf("%q is a path of one machine", strings.TrimSpace(path)))
		}
		if number := issueNumber.FindString(line); number != "" {
			report(i+1, fmt.Sprintf("%q needs a tracker: say it in words", strings.TrimSpace(number)))
		}
	}
	passages, wide := readMarkdown(name, []byte("\n"+body))
	for _, p := range append(passages, passage{line: 1, text: subject, kind: prose}) {
		found = append(found, check(name, p)...)
	}
	return append(found, wide...)
}
