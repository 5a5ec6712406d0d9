package docs_test

// This file holds the lists of the repository to what it contains: its packages, pages and modules.

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func read(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.FromSlash(file))
	require.NoError(t, err)
	return string(raw)
}

// has requires a link of a page. The failure does not print the page.
func has(t *testing.T, page, target string) {
	t.Helper()
	if !strings.Contains(page, target) {
		t.Errorf("it lacks %s", target)
	}
}

func TestEntryPages(t *testing.T) {
	t.Parallel()
	llms, index := read(t, "../llms.txt"), read(t, "README.md")
	t.Run("llms.txt lists every package", func(t *testing.T) {
		t.Parallel()
		const reference = "(https://pkg.go.dev/github.com/bankmux/bankmux"
		for folder := range packages(t) {
			switch parent, _, _ := strings.Cut(folder, "/"); {
			case folder == ".":
				has(t, llms, reference+")")
			case parent == "adapter" || parent == "normalize": // one line names the whole folder
				has(t, llms, reference+"/"+parent+")")
			default:
				has(t, llms, reference+"/"+folder+")")
			}
		}
	})
	t.Run("llms.txt lists every page", func(t *testing.T) {
		t.Parallel()
		files, err := filepath.Glob("*.md")
		require.NoError(t, err)
		for _, file := range files {
			has(t, llms, "(docs/"+file)
		}
	})
	t.Run("the last pages of both lists are those without a program", func(t *testing.T) {
		t.Parallel()
		number := []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
		want := slices.DeleteFunc(slices.Clone(references), func(name string) bool { return name == "README" })
		slices.Sort(want)
		for file, row := range map[string]*regexp.Regexp{
			"README.md":   regexp.MustCompile(`(?m)^\|[^|]*\| \[[^]]*\]\(([\w-]+)\.md\) \|$`),
			"../llms.txt": regexp.MustCompile(`(?m)^- \[[^]]*\]\(docs/([\w-]+)\.md\):`),
		} {
			text := read(t, file)
			var pages []string
			for _, m := range row.FindAllStringSubmatch(text, -1) {
				pages = append(pages, m[1])
			}
			require.Greater(t, len(pages), len(want), file)
			last := pages[len(pages)-len(want):]
			slices.Sort(last)
			assert.Equal(t, want, last, file)
			sentence := "The last " + number[len(want)] + " pages of the list"
			assert.Contains(t, strings.Join(strings.Fields(text), " "), sentence, file)
		}
	})
	t.Run("the index of this folder and README.md list the same tasks", func(t *testing.T) {
		t.Parallel()
		readme := read(t, "../README.md")
		for _, m := range regexp.MustCompile(`\(([\w-]+\.md)\)`).FindAllStringSubmatch(index, -1) {
			if m[1] != "store-schema.md" { // a reference, which the page of the store links
				has(t, readme, "(docs/"+m[1]+")")
			}
		}
	})
}

func TestPackageComment(t *testing.T) {
	t.Parallel()
	parsed, err := parser.ParseFile(token.NewFileSet(), "../doc.go", nil, parser.ParseComments)
	require.NoError(t, err)
	comment := parsed.Doc.Text()
	t.Run("it names every package", func(t *testing.T) {
		t.Parallel()
		for folder := range packages(t) {
			switch parent, _, _ := strings.Cut(folder, "/"); parent {
			case ".":
			case "adapter", "normalize", "providers": // the whole folder is named
				has(t, strings.ToLower(strings.Join(strings.Fields(comment), " ")), "packages below "+parent)
			default:
				name := regexp.MustCompile(`(^|[\s(])` + folder + `[\s,.]`)
				assert.True(t, name.MatchString(comment), "it lacks %s", folder)
			}
		}
	})
	t.Run("every package of its list exists", func(t *testing.T) {
		t.Parallel()
		existing := packages(t)
		rows := regexp.MustCompile(`(?m)^ +- ([a-z]+) `).FindAllStringSubmatch(comment, -1)
		require.Greater(t, len(rows), 5)
		for _, row := range rows {
			assert.Contains(t, existing, row[1])
		}
	})
}

// modules returns the folders that have a go.mod, as "/" or "/folder".
func modules(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case d.Name() == "go.mod":
			folder, err := filepath.Rel("..", filepath.Dir(path))
			require.NoError(t, err)
			found = append(found, strings.TrimSuffix("/"+filepath.ToSlash(folder), "."))
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, len(found), 5)
	slices.Sort(found)
	return found
}

func TestDependabot(t *testing.T) {
	t.Parallel()
	t.Run("it updates every module", func(t *testing.T) {
		t.Parallel()
		_, rest, ok := strings.Cut(read(t, "../.github/dependabot.yml"), "package-ecosystem: gomod")
		require.True(t, ok)
		gomod, _, _ := strings.Cut(rest, "package-ecosystem:")
		var listed []string
		for _, m := range regexp.MustCompile(`"(/[^"]*)"`).FindAllStringSubmatch(gomod, -1) {
			listed = append(listed, m[1])
		}
		slices.Sort(listed)
		assert.Equal(t, modules(t), listed)
	})
}
