package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
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

// folders are those of the packages that a page names. A variable has the folder of its type.
var folders = map[string]string{
	"bankmux": ".", "client": ".", "conn": ".", "registry": ".", "event": ".", "err": ".", "keyring": ".",
	"challenge": ".", "session": ".",
	"guard": "guard", "g": "guard", "schedule": "schedule", "store": "store", "inbox": "inbox", "reconcile": "reconcile", "providertest": "providertest",
	"bankhttp": "bankhttp", "service": "bankhttp",
	"virtualbank": "virtualbank", "bank": "virtualbank",
	"moneykit": "providers/moneykit", "dapi": "providers/dapi", "plaid": "providers/plaid",
	"normalize": "normalize",
	"rest":      "adapter/rest", "token": "adapter/token", "wire": "adapter/wire", "rotation": "adapter/rotation",
	"webhook": "adapter/webhook",
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
		constant  = regexp.MustCompile("`((?:Err|State|Event|Code|Input|Op)[A-Z]\\w*)`")
	)
	known, all := map[string]map[string]bool{}, map[string]bool{}
	for _, folder := range folders {
		known[folder] = exported(t, folder)
		maps.Copy(all, known[folder])
	}
	for _, page := range markdown(t) {
		raw, err := os.ReadFile(page)
		require.NoError(t, err)
		text := fence.ReplaceAllString(string(raw), "")
		text, _, _ = strings.Cut(text, "\n### Removed\n") // of the changelog: names that are no longer there
		t.Run(strings.TrimPrefix(page, "../")+" names what the packages export", func(t *testing.T) {
			for _, m := range ofPackage.FindAllStringSubmatch(text, -1) {
				folder, ok := folders[m[1]]
				for _, name := range m[2:] {
					assert.True(t, !ok || name == "" || known[folder][name], "%s: %s has no %s", m[0], folder, name)
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
