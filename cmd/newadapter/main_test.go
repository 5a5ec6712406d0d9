package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// copied makes a folder that looks like a checkout: the module's files and the template.
func copied(t *testing.T) string {
	t.Helper()
	root, err := checkout(".")
	require.NoError(t, err)
	template, err := readTemplate(root)
	require.NoError(t, err)
	made := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(made, "examples", "thirdparty"), 0o755))
	for _, name := range []string{"go.mod", "go.sum"} {
		raw, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, create(filepath.Join(made, name), string(raw)))
	}
	for name, text := range template {
		require.NoError(t, create(filepath.Join(made, "examples", "thirdparty", name), text))
	}
	return made
}

func TestRun(t *testing.T) {
	t.Parallel()
	t.Run("inside the checkout it is a package of bankmux", func(t *testing.T) {
		t.Parallel()
		root := copied(t)
		var said strings.Builder
		require.NoError(t, run([]string{"-name", "acme"}, filepath.Join(root, "examples", "thirdparty"), &said))
		made := filepath.Join(root, "providers", "acme")
		assert.Contains(t, said.String(), made)
		assert.FileExists(t, filepath.Join(made, "acme.go"))
		assert.NoFileExists(t, filepath.Join(made, "go.mod"))

		before, err := os.ReadFile(filepath.Join(made, "acme.go"))
		require.NoError(t, err)
		require.ErrorContains(t, run([]string{"-name", "acme"}, root, io.Discard), "nothing is overwritten")
		after, err := os.ReadFile(filepath.Join(made, "acme.go"))
		require.NoError(t, err)
		assert.Equal(t, before, after)
	})
	t.Run("outside it is a module whose go.mod names the checkout", func(t *testing.T) {
		t.Parallel()
		root, dir := copied(t), filepath.Join(t.TempDir(), "deep", "acme")
		require.NoError(
			t,
			run([]string{"-name", "acme", "-dir", dir, "-module", "example.org/banks/acme"}, root, io.Discard),
		)
		raw, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		require.NoError(t, err)
		assert.Contains(t, string(raw), "module example.org/banks/acme\n")
		assert.Contains(t, string(raw), "replace github.com/bankmux/bankmux => "+root+"\n")
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	full := t.TempDir()
	require.NoError(t, create(filepath.Join(full, "kept"), "kept"))
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"without a name":                     {nil, "-name is missing"},
		"a name in capitals":                 {[]string{"-name", "Acme"}, "lower-case letters and digits"},
		"a name with a hyphen":               {[]string{"-name", "acme-bank"}, "lower-case letters and digits"},
		"a name that is a path":              {[]string{"-name", "../acme"}, "lower-case letters and digits"},
		"a name that starts with a digit":    {[]string{"-name", "7acme"}, "start with a letter"},
		"a name in other letters":            {[]string{"-name", "żuraw"}, "lower-case letters and digits"},
		"a name that is too long":            {[]string{"-name", strings.Repeat("a", 31)}, "1 to 30"},
		"a keyword of Go":                    {[]string{"-name", "range"}, "a Go keyword or a reserved name"},
		"the name of a command":              {[]string{"-name", "main"}, "a Go keyword or a reserved name"},
		"a folder that only bankmux imports": {[]string{"-name", "internal"}, "a Go keyword or a reserved name"},
		"the name of another file":           {[]string{"-name", "session"}, "another file with this name"},
		"a folder that has a file":           {[]string{"-name", "acme", "-dir", full}, "nothing is overwritten"},
		"a module within the checkout":       {[]string{"-name", "acme", "-module", "example.org/acme"}, "outside of the checkout"},
		"a module whose path has a blank":    {[]string{"-name", "acme", "-dir", full + "/acme", "-module", "a b"}, "is not the path of a module"},
		"an argument that is not a flag":     {[]string{"acme"}, "is not a flag"},
		"an unknown flag":                    {[]string{"-call", "acme"}, "not defined"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := copied(t)
			assert.ErrorContains(t, run(c.args, root, io.Discard), c.says)
			assert.NoDirExists(t, filepath.Join(root, "providers"))
		})
	}
	t.Run("outside of a checkout", func(t *testing.T) {
		t.Parallel()
		assert.ErrorContains(t, run([]string{"-name", "acme"}, t.TempDir(), io.Discard), "not a checkout")
	})
	left, err := os.ReadDir(full)
	require.NoError(t, err)
	assert.Len(t, left, 1)
}

// TestTemplate checks that any name can replace the name of the template.
func TestTemplate(t *testing.T) {
	t.Parallel()
	root, err := checkout(".")
	require.NoError(t, err)
	template, err := readTemplate(root)
	require.NoError(t, err)
	lines := 0
	for name, text := range template {
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id != file.Name {
				assert.NotContains(
					t,
					strings.ToLower(id.Name),
					templateName,
					"%s: an identifier has the name of the template, so another name could clash",
					name,
				)
			}
			return true
		})
		if !strings.HasSuffix(name, "_test.go") {
			lines += strings.Count(text, "\n")
		}
	}
	assert.LessOrEqual(t, lines, 700, "lines of the adapter, without its tests")
}
