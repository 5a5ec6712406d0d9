package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCONTRIBUTING(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("..", "CONTRIBUTING.md"))
	require.NoError(t, err)
	text := string(raw)
	t.Run("the tests that it runs exist", func(t *testing.T) {
		commands := regexp.MustCompile(`go test [^\n|]*`).FindAllString(text, -1)
		require.Greater(t, len(commands), 5)
		for _, command := range commands {
			run := regexp.MustCompile(`-run '?(\w+)`).FindStringSubmatch(command)
			folder := regexp.MustCompile(`\./([\w/]+)`).FindStringSubmatch(command)
			if run == nil || folder == nil {
				continue
			}
			assert.Regexp(t, `func Test\w*`+strings.TrimPrefix(run[1], "Test"), testsBelow(t, folder[1]), command)
		}
	})
	t.Run("the flags of the soak exist", func(t *testing.T) {
		flags := regexp.MustCompile(`-(soak\.\w+)`).FindAllStringSubmatch(text, -1)
		require.Greater(t, len(flags), 3)
		soak := testsBelow(t, "internal/soak")
		for _, flag := range flags {
			assert.Contains(t, soak, `"`+flag[1]+`"`)
		}
	})
	t.Run("each file with a list of kinds is named", func(t *testing.T) {
		for _, file := range filesThatListKinds(t) {
			has(t, text, "`"+file+"`")
		}
	})
}

// filesThatListKinds returns the files of packages with a condition or case of two kinds of error.
func filesThatListKinds(t *testing.T) (found []string) {
	t.Helper()
	kinds := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\t(Err\w+) +Kind =`).FindAllStringSubmatch(read(t, "../kind.go"), -1) {
		kinds[m[1]] = true
	}
	require.Greater(t, len(kinds), 20)
	clause, comparison := regexp.MustCompile(`case [^:]+:`), regexp.MustCompile(`= (?:bankmux\.)?Err[^,\n]*`)
	kind := regexp.MustCompile(`(?:= |case |, |,\n\t+)(?:bankmux\.)?(Err\w+)`)
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != ".." && closed(d.Name()):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source := read(t, path)
		for _, text := range append(clause.FindAllString(source, -1), comparison.FindAllString(source, -1)...) {
			listed := map[string]bool{}
			for _, m := range kind.FindAllStringSubmatch(text, -1) {
				if kinds[m[1]] {
					listed[m[1]] = true
				}
			}
			if len(listed) > 1 {
				found = append(found, strings.TrimPrefix(filepath.ToSlash(path), "../"))
				return nil
			}
		}
		return nil
	})
	require.NoError(t, err)
	return found
}

// testsBelow returns the test files of a folder of the module and of its folders.
func testsBelow(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"*_test.go", "*/*_test.go"} {
		files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(folder), pattern))
		require.NoError(t, err)
		for _, file := range files {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			all.Write(raw)
		}
	}
	return all.String()
}
