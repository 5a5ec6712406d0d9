package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCheckMessage(t *testing.T) {
	t.Parallel()
	const subject = "A webhook that is repeated may fail once more"
	for name, c := range map[string]struct{ message, want string }{
		"a subject":                             {subject + "\n", ""},
		"a subject and a body":                  {subject + "\n\nThe database recovers meanwhile.\n\n- so it waits\n", ""},
		"a trailer":                             {subject + "\n\nCo-authored-by: A. Person <a@example.com>\n", ""},
		"a package before the subject":          {"store: an account is identified in one way", ""},
		"a number that is not of an issue":      {"Budgets allow 60 calls, and 3 of them at once", ""},
		"a path of the repository":              {"The gate reads .ci/run and internal/prose/main.go", ""},
		"a path of a URL":                       {"Handlers below /tmpl and /homes keep their names", ""},
		"an empty message":                      {"", "message"},
		"one letter":                            {"x", "message"},
		"two words":                             {"Fix tests", "message"},
		"work in progress":                      {"WIP on the new sync", "message"},
		"a commit that a rebase should take":    {"fixup! A webhook may fail once more", "message"},
		"a subject that is too long":            {strings.Repeat("word ", maxSubject/5) + "words", "message"},
		"a body without a blank line before it": {subject + "\nThe database recovers.\n", "message"},
		"a wide line of the body":               {subject + "\n\n" + strings.Repeat("Wide. ", 20), "width"},
		"a dropped word in the subject":         {"Nobody waits for the bank", "word"},
		"a dropped word in the body":            {subject + "\n\nIt mends the gate.\n", "word"},
		"a long sentence in the body":           {subject + "\n\n" + strings.Repeat("word word\n", 13) + "end.", "sentence"},
		"a folder of a machine":                 {"The copy in /work/main is read", "message"},
		"a file of a machine":                   {subject + "\n\nSee `/tmp/out.txt`.\n", "message"},
		"a drive of a machine":                  {subject + "\n\nIt is in C:\\code.\n", "message"},
		"a number of an issue":                  {"Close the gate sooner, as in #16", "message"},
		"an issue by its number":                {subject + "\n\nThis finishes issue 16.\n", "message"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := checkMessage("commit 1", c.message)
			assert.Equal(t, c.want, rulesOf(found), "%v", found)
		})
	}
}

func TestCheckCommits(t *testing.T) {
	t.Parallel()
	answers := func(log string, ancestor error) func(args ...string) (string, error) {
		return func(args ...string) (string, error) {
			if args[0] == "log" {
				return log, nil
			}
			return "", ancestor
		}
	}
	t.Run("each message after the given one is checked", func(t *testing.T) {
		t.Parallel()
		found, ok := checkCommits(answers("a1\nA webhook may fail\n\x00b2\nx\n\x00c3\nwip\n\x00", nil), "base")
		assert.True(t, ok)
		assert.Equal(t, "message message", rulesOf(found))
		assert.Equal(t, "commit b2", found[0].path)
	})
	t.Run("a commit without a message has a finding", func(t *testing.T) {
		t.Parallel()
		found, ok := checkCommits(answers("a1\n\x00", nil), "base")
		assert.True(t, ok)
		assert.Equal(t, "message", rulesOf(found))
	})
	t.Run("the head may be the given commit", func(t *testing.T) {
		t.Parallel()
		found, ok := checkCommits(answers("", nil), "base")
		assert.True(t, ok)
		assert.Empty(t, found)
	})
	lacking := func(shallow string) func(args ...string) (string, error) {
		return func(args ...string) (string, error) {
			switch {
			case args[0] == "merge-base":
				return "", errors.New("exit status 128")
			case args[0] == "rev-parse":
				return shallow, nil
			case args[len(args)-1] != "HEAD":
				return "", errors.New("there is no such commit")
			}
			return "a1\nx\n\x00", nil
		}
	}
	t.Run("all of a shallow clone that does not reach it are checked", func(t *testing.T) {
		t.Parallel()
		found, ok := checkCommits(lacking("true\n"), "base")
		assert.True(t, ok)
		assert.Equal(t, "message", rulesOf(found))
	})
	t.Run("another history is not checked", func(t *testing.T) {
		t.Parallel()
		_, ok := checkCommits(lacking("false\n"), "base")
		assert.False(t, ok)
	})
	t.Run("no history is checked without git", func(t *testing.T) {
		t.Parallel()
		_, ok := checkCommits(answers("a1\nx\n\x00", errors.New("exit status 128")), "base")
		assert.False(t, ok)
	})
}
