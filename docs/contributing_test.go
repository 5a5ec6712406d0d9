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
