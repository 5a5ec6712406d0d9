package docs_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
	plaiderrors "github.com/bankmux/bankmux/normalize/plaid"
)

// TestPlaidIsOneNewAndOneRoute takes the application of the page on linking, which uses two
// providers, and changes it as the page on Plaid shows.
func TestPlaidIsOneNewAndOneRoute(t *testing.T) {
	t.Parallel()
	application := filepath.Join("link", "link.go")
	before, err := os.ReadFile(application)
	require.NoError(t, err)
	after := applied(t, string(before), diffOf(t, "plaid.md"))

	t.Run("only newApp and the imports change", func(t *testing.T) {
		was, is := declarations(t, string(before)), declarations(t, after)
		for name := range was {
			if name != "newApp" && name != "import" {
				assert.Equal(t, was[name], is[name])
			}
		}
		assert.Len(t, is, len(was))
	})
	t.Run("one New and one route are added", func(t *testing.T) {
		news, routes := setup(t, string(before))
		assert.Equal(t, []string{"moneykit", "dapi"}, news)
		more, further := setup(t, after)
		assert.Equal(t, []string{"moneykit", "dapi", "plaid"}, more)
		assert.Equal(t, routes+1, further)
	})
	t.Run("it builds, passes its tests and links a user at each provider", func(t *testing.T) {
		dir := t.TempDir()
		changed := filepath.Join(dir, "link.go")
		require.NoError(t, os.WriteFile(changed, []byte(after), 0o600))
		here, err := filepath.Abs(".")
		require.NoError(t, err)
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
			filepath.Join(here, application):             changed,
			filepath.Join(here, "link", "plaid_test.go"): filepath.Join(here, "testdata", "plaid_test.go"),
		}})
		require.NoError(t, err)
		file := filepath.Join(dir, "overlay.json")
		require.NoError(t, os.WriteFile(file, overlay, 0o600))
		out, err := exec.CommandContext(t.Context(), "go", "test", "-v", "-overlay", file, "./link").CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Contains(t, string(out), "--- PASS: TestThirdProvider")
		assert.Contains(t, string(out), "--- PASS: TestLink ")
	})
}

// diffOf returns the hunks of the page's diff block.
func diffOf(t *testing.T, page string) (hunks [][]string) {
	t.Helper()
	for _, b := range blocksOf(t, page) {
		if b.language != "diff" {
			continue
		}
		hunk := []string{}
		for line := range strings.Lines(b.text) {
			if strings.HasPrefix(line, "@@") {
				hunks, hunk = append(hunks, hunk), nil
			} else {
				hunk = append(hunk, line)
			}
		}
		return append(hunks, hunk)
	}
	t.Fatal("the page has no diff")
	return nil
}

// applied returns the source after a diff. Each hunk must fit in exactly one place.
func applied(t *testing.T, source string, hunks [][]string) string {
	t.Helper()
	for _, hunk := range hunks {
		var old, changed strings.Builder
		for _, line := range hunk {
			if line[0] != '+' {
				old.WriteString(line[1:])
			}
			if line[0] != '-' {
				changed.WriteString(line[1:])
			}
		}
		require.Equal(t, 1, strings.Count(source, old.String()), "the diff does not fit:\n%s", old.String())
		source = strings.Replace(source, old.String(), changed.String(), 1)
	}
	return source
}

// declarations returns the declarations of a file by name.
func declarations(t *testing.T, source string) map[string]string {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", source, 0)
	require.NoError(t, err)
	all := map[string]string{}
	for _, d := range file.Decls {
		var text bytes.Buffer
		require.NoError(t, printer.Fprint(&text, fset, d))
		name, _, _ := strings.Cut(text.String(), "{")
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				name = d.Name.Name
			}
		case *ast.GenDecl:
			if d.Tok == token.IMPORT {
				name = "import"
			}
		}
		all[name] = text.String()
	}
	return all
}

// setup returns the adapters that a file makes clients of, and how many routes it has.
func setup(t *testing.T, source string) (news []string, routes int) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", source, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "New" {
				if adapter, ok := f.X.(*ast.Ident); ok {
					news = append(news, adapter.Name)
				}
			}
		case *ast.CompositeLit:
			if list, ok := n.Type.(*ast.ArrayType); ok {
				if of, ok := list.Elt.(*ast.SelectorExpr); ok && of.Sel.Name == "Route" {
					routes += len(n.Elts)
				}
			}
		}
		return true
	})
	return news, routes
}

// TestPlaidErrors holds the table of errors of the page to the adapter's table of codes.
func TestPlaidErrors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("plaid.md")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(raw), "| Plaid's code | kind | what to do |\n| --- | --- | --- |\n")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "\n\n")
	listed := map[string]normalize.Row{}
	for _, r := range plaiderrors.Catalogue().Rows() {
		listed[r.Code] = r
	}
	code := regexp.MustCompile("`([^`]+)`")
	kinds := map[bankmux.Kind]bool{}
	rows := strings.Split(strings.TrimSpace(table), "\n")
	require.Greater(t, len(rows), 6)
	for _, line := range rows {
		cells := strings.Split(strings.Trim(line, "| "), "|")
		require.Len(t, cells, 3, line)
		kind, ok := kindNamed(strings.Trim(cells[1], " `"))
		require.True(t, ok, "%s is not a kind", cells[1])
		kinds[kind] = true
		for _, m := range code.FindAllStringSubmatch(cells[0], -1) {
			require.Contains(t, listed, m[1])
			assert.Equal(t, kind, listed[m[1]].Kind, m[1])
			delete(listed, m[1])
		}
	}
	for name, r := range listed {
		assert.True(t, name == "" || kinds[r.Kind], "the page has no row of the kind of %s, %s", name, r.Kind)
	}
}

// kindNamed returns the kind of a name such as "ErrGone".
func kindNamed(name string) (bankmux.Kind, bool) {
	for _, a := range actors {
		if a.name == name {
			return a.kind, true
		}
	}
	return "", false
}
