package docs_test

// This file holds the names on pages to what the packages export.

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// variables are those that pages name, with the package of their type and the type. An error has
// the members of more than one.
var variables = map[string][]string{
	"client": {"bankmux.Client"}, "conn": {"bankmux.Connection"}, "registry": {"bankmux.Registry"},
	"event": {"bankmux.Event"}, "err": {"bankmux.Error", "bankmux.PartialError"}, "g": {"guard.Guard"},
	"keyring": {"bankmux.Keyring"}, "challenge": {"bankmux.Challenge"}, "session": {"bankmux.Session"},
	"service": {"bankhttp.Service"}, "bank": {"virtualbank.Bank"},
}

// selfEvident are the variables that a page may name without code that declares them.
var selfEvident = []string{"client", "conn", "keyring"}

// foreign are what else pages name: packages of others, and variables of other types.
var foreign = []string{
	"context", "ecdsa", "env", "errors", "f", "http", "iter", "json", "linked", "mux", "net", "r", "req", "runtime",
	"server", "tink", "unsafe",
}

// foreignNames are those of other packages and languages, and of tests.
var foreignNames = []string{
	"DelinkUser", "Host", "LaunchError", "Origin", "ReadTimeout", "ReindexerIndexNames", "ReindexerSchedule",
	"ReindexerTimeout", "RescueStuckJobsAfter", "TestConformance", "Warn",
}

// ofOthers are pages with many names of other packages. Of names without a package, only constants
// are looked up there.
var ofOthers = []string{"DESIGN.md", "bench/README.md"}

// names are what packages export: the members of each type, by package name and type name. Packages
// of one name are taken together.
type names map[string]map[string]map[string]bool

func exported(t *testing.T) names {
	t.Helper()
	all := names{}
	sources := parsed(t)
	for folder, name := range packages(t) {
		if all[name] == nil {
			all[name] = map[string]map[string]bool{}
		}
		for declared, members := range sources[folder].members {
			if all[name][declared] == nil {
				all[name][declared] = map[string]bool{}
			}
			maps.Copy(all[name][declared], members)
		}
	}
	return all
}

// hasMember reports whether a type of any package has a member.
func (n names) hasMember(of, member string) bool {
	for _, types := range n {
		if types[of][member] {
			return true
		}
	}
	return false
}

// has reports whether a package has a name, or a type of one.
func (n names) has(name string) bool {
	for _, types := range n {
		if types[name] != nil {
			return true
		}
		for _, members := range types {
			if members[name] {
				return true
			}
		}
	}
	return false
}

var (
	ofPackage = regexp.MustCompile("`([a-z]+)\\.([A-Z]\\w*)(?:\\.([A-Z]\\w*))?(\\(\\))?")
	ofType    = regexp.MustCompile("`([A-Z]\\w*)\\.([A-Z]\\w*)")
	single    = regexp.MustCompile("`([A-Z]\\w*[a-z]\\w*)`")
	former    = regexp.MustCompile(`\((?:was|were)\s[^)]*\)`) // "(was `Name`)"
	instead   = regexp.MustCompile("use\\s+`[^`]+`")
	constant  = regexp.MustCompile("`((?:Err|State|Event|Code|Input|Op)[A-Z]\\w*)`")
)

// unknown returns a sentence about each name of a page that no package has, and about each variable
// that its code does not declare.
func (n names) unknown(page, markdown string) []string {
	var found []string
	code := strings.Join(fence.FindAllString(markdown, -1), "\n")
	text := fence.ReplaceAllString(markdown, "")
	text, removed, _ := strings.Cut(text, "\n### Removed\n") // of the changelog: names that are no longer there
	text += strings.Join(instead.FindAllString(removed, -1), "\n")
	text = former.ReplaceAllString(text, "")
	report := func(m []string, why string) { found = append(found, strings.Trim(m[0], "`")+": "+why) }
	for _, m := range ofPackage.FindAllStringSubmatch(text, -1) {
		types, isVariable := variables[m[1]]
		switch {
		case isVariable && !slices.Contains(selfEvident, m[1]) && !regexp.MustCompile(`\b`+m[1]+`\b`).MatchString(code):
			report(m, "the code of the page has no "+m[1])
		case isVariable && n[m[1]] == nil:
			member := func(of string) bool {
				name, of, _ := strings.Cut(of, ".")
				return n[name][of][m[2]]
			}
			if !slices.ContainsFunc(types, member) {
				report(m, types[0]+" has no "+m[2])
			}
		case n[m[1]] == nil:
			if !slices.Contains(foreign, m[1]) {
				report(m, "what is "+m[1]+"?")
			}
		case n[m[1]][m[2]] == nil:
			report(m, "package "+m[1]+" has no "+m[2])
		case m[3] != "" && !n[m[1]][m[2]][m[3]]:
			report(m, m[1]+"."+m[2]+" has no "+m[3])
		case m[3] == "" && m[4] != "" && n[m[1]][m[2]][isType]:
			report(m, "it is a type, not a function")
		}
	}
	for _, m := range ofType.FindAllStringSubmatch(text, -1) {
		if !n.hasMember(m[1], m[2]) {
			report(m, "there is no such method or field")
		}
	}
	alone := single
	if slices.Contains(ofOthers, strings.TrimPrefix(page, "../")) {
		alone = constant
	}
	for _, m := range alone.FindAllStringSubmatch(text, -1) {
		if !n.has(m[1]) && !slices.Contains(foreignNames, m[1]) {
			report(m, "there is no such name")
		}
	}
	return found
}

func TestNames(t *testing.T) {
	t.Parallel()
	known := exported(t)
	for _, page := range markdown(t) {
		raw, err := os.ReadFile(page)
		require.NoError(t, err)
		t.Run(strings.TrimPrefix(page, "../")+" names what the packages export", func(t *testing.T) {
			assert.Empty(t, known.unknown(page, string(raw)))
		})
	}
}

func TestUnknownNames(t *testing.T) {
	t.Parallel()
	known := exported(t)
	for name, c := range map[string]struct{ page, text, want string }{
		"a function":                              {"a.md", "`guard.Interactive(ctx)`", ""},
		"a method of a variable":                  {"a.md", "```go\ng := guard.New(o)\n```\n`g.UnlistedCodes()`", ""},
		"a method of a type":                      {"a.md", "`guard.Guard.Drift` and `Guard.Drift`", ""},
		"a field of an alias":                     {"a.md", "`virtualbank.Refusal.Status`", ""},
		"a method of an embedded interface":       {"a.md", "`guard.Backend.Acquire`", ""},
		"a method in the place of a function":     {"a.md", "`guard.UnlistedCodes()`", "package guard has no"},
		"a function in the place of a method":     {"a.md", "```go\ng := guard.New(o)\n```\n`g.Interactive`", "guard.Guard has no"},
		"a type in the place of a method":         {"a.md", "`guard.Drift()`", "it is a type"},
		"a method of another type":                {"a.md", "`Registry.UnlistedCodes`", "no such method"},
		"a method of another type of the package": {"a.md", "`guard.Fleet.UnlistedCodes`", "guard.Fleet has no"},
		"a variable that no code declares":        {"a.md", "`g.UnlistedCodes()`", "the code of the page has no g"},
		"a name that a page removed":              {"a.md", "\n### Removed\n\n- `wire.Old`: use `wire.Decode`.", ""},
		"a name to use that does not exist":       {"a.md", "\n### Removed\n\n- `wire.Old`: use `wire.New`.", "package wire has no"},
		"an unknown variable":                     {"a.md", "`thing.Do`", "what is thing?"},
		"a name that another package may have":    {"DESIGN.md", "`GetBody`", ""},
		"an unknown constant":                     {"DESIGN.md", "`ErrNonsense`", "no such name"},
		"a name without a package":                {"a.md", "`MemoryLedger`", ""},
		"an unknown name without a package":       {"a.md", "`NonsenseLedger`", "no such name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := strings.Join(known.unknown(c.page, c.text), "\n")
			if c.want == "" {
				assert.Empty(t, found)
			} else {
				assert.Contains(t, found, c.want)
			}
		})
	}
}
