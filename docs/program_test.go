package docs_test

// This file builds the programs of the pages.

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// build builds all programs into one binary, whose first argument is the name of a program. To link
// each would take most of the time of these tests. So each program becomes a package other than
// main, and nothing else of it changes. The folders of these packages exist in an overlay alone.
func build(t *testing.T) (binary string) {
	t.Helper()
	dir := t.TempDir()
	here, err := filepath.Abs(".")
	require.NoError(t, err)
	replaced := map[string]string{}
	put := func(path, text string) {
		file := filepath.Join(dir, fmt.Sprint(len(replaced), ".go"))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		replaced[filepath.Join(here, filepath.FromSlash(path))] = file
	}
	var imports, cases strings.Builder
	for name := range pages(t) {
		mains := 0
		for file, text := range sourcesOf(t, name) {
			const clause, declaration = "\npackage main\n", "\nfunc main() {\n"
			require.Equal(t, 1, strings.Count("\n"+text, clause), file)
			mains += strings.Count(text, declaration)
			text = strings.Replace("\n"+text, clause, "\npackage program\n", 1)
			put("all/"+file, strings.Replace(text, declaration, "\nfunc Main() {\n", 1))
		}
		require.Equal(t, 1, mains, name)
		fmt.Fprintf(&imports, "\t%s %q\n", name, "github.com/bankmux/bankmux/docs/all/"+name)
		fmt.Fprintf(&cases, "\tcase %q:\n\t\t%s.Main()\n", name, name)
	}
	put("all/main.go", "package main\n\nimport (\n\t\"os\"\n"+imports.String()+")\n\nfunc main() {\n"+
		"\tswitch os.Args[1] {\n"+cases.String()+"\tdefault:\n\t\tos.Exit(2)\n\t}\n}\n")
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	require.NoError(t, err)
	file := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(file, overlay, 0o600))
	binary = filepath.Join(dir, "all.exe")
	args := []string{"build", "-ldflags=-s -w", "-overlay", file, "-o", binary, "./all"}
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}

// sourcesOf returns the files of a program.
func sourcesOf(t *testing.T, name string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(name, "*.go"))
	require.NoError(t, err)
	files = slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
	sources := map[string]string{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		sources[filepath.ToSlash(file)] = string(raw)
	}
	return sources
}
