package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// variables are those that pages name, with the package of their type.
var variables = map[string]string{
	"client": "bankmux", "conn": "bankmux", "registry": "bankmux", "event": "bankmux", "err": "bankmux",
	"keyring": "bankmux", "challenge": "bankmux", "session": "bankmux",
	"g": "guard", "service": "bankhttp", "bank": "virtualbank",
}

// foreign are what else pages name: packages of others, and variables of other types.
var foreign = []string{
	"context", "ecdsa", "env", "errors", "f", "http", "iter", "json", "linked", "mux", "net", "r", "req", "runtime",
	"server", "tink", "unsafe",
}

// packages maps the folder of each package that an application can import to the package's name. It
// has those of the nested modules too.
func packages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != ".." && closed(d.Name()):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly)
		if err == nil && parsed.Name.Name != "main" {
			folder, err := filepath.Rel("..", filepath.Dir(path))
			require.NoError(t, err)
			found[filepath.ToSlash(folder)] = parsed.Name.Name
		}
		return err
	})
	require.NoError(t, err)
	require.Greater(t, len(found), 20)
	return found
}

// closed says that an application cannot import what is below a folder of this name.
func closed(folder string) bool {
	return strings.HasPrefix(folder, ".") ||
		slices.Contains([]string{"bench", "docs", "examples", "internal", "node_modules", "testdata"}, folder)
}

// exported returns the exported names of a package: declarations, methods and fields.
func exported(t *testing.T, folder string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(folder), "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				names[n.Name.Name] = true
			case *ast.TypeSpec:
				names[n.Name.Name] = true
			case *ast.ValueSpec:
				for _, name := range n.Names {
					names[name.Name] = true
				}
			case *ast.Field:
				for _, name := range n.Names {
					names[name.Name] = true
				}
			}
			return true
		})
	}
	return names
}

func TestNames(t *testing.T) {
	t.Parallel()
	var (
		ofPackage = regexp.MustCompile("`([a-z]+)\\.([A-Z]\\w*)(?:\\.([A-Z]\\w*))?")
		ofType    = regexp.MustCompile("`([A-Z]\\w*)\\.([A-Z]\\w*)")
		former    = regexp.MustCompile(`\((?:was|were)\s[^)]*\)`) // "(was `Name`)"
		constant  = regexp.MustCompile("`((?:Err|State|Event|Code|Input|Op)[A-Z]\\w*)`")
	)
	known, all := map[string]map[string]bool{}, map[string]bool{} // packages of one name are taken together
	for folder, name := range packages(t) {
		if known[name] == nil {
			known[name] = map[string]bool{}
		}
		names := exported(t, folder)
		maps.Copy(known[name], names)
		maps.Copy(all, names)
	}
	for variable, name := range variables {
		require.Contains(t, known, name)
		known[variable] = known[name]
	}
	for _, page := range markdown(t) {
		raw, err := os.ReadFile(page)
		require.NoError(t, err)
		text := fence.ReplaceAllString(string(raw), "")
		text, _, _ = strings.Cut(text, "\n### Removed\n") // of the changelog: names that are no longer there
		text = former.ReplaceAllString(text, "")
		t.Run(strings.TrimPrefix(page, "../")+" names what the packages export", func(t *testing.T) {
			for _, m := range ofPackage.FindAllStringSubmatch(text, -1) {
				if !assert.True(t, known[m[1]] != nil || slices.Contains(foreign, m[1]), "%s: what is %s?", m[0],
					m[1]) {
					continue
				}
				for _, name := range m[2:] {
					known := known[m[1]]
					assert.True(t, known == nil || name == "" || known[name], "%s: %s has no %s", m[0], m[1], name)
				}
			}
			others := slices.Concat(ofType.FindAllStringSubmatch(text, -1), constant.FindAllStringSubmatch(text, -1))
			for _, m := range others {
				for _, name := range m[1:] {
					assert.True(t, all[name], "%s: there is no %s", m[0], name)
				}
			}
		})
	}
}
