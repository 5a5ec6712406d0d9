package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exports type-checks the source of package p, and lists what it exports.
func exports(t *testing.T, src string) []string {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "p.go", "package p\n"+src, parser.SkipObjectResolution)
	require.NoError(t, err)
	pkg, err := new(types.Config).Check(root+"/in/p", set, []*ast.File{file}, nil)
	require.NoError(t, err)
	return list(pkg)
}

func TestList(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		src  string
		want []string
	}{
		"a function, without names of parameters": {
			"func F[K any](k K, f func(n int) error, more ...int) (a, b string) { return }",
			[]string{"in/p.F: func[K any](K, func(int) error, ...int) (string, string)"},
		},
		"the value of a constant": {
			"type Kind string; const hidden = 2; const ( A = iota + hidden; B; C ); const K Kind = \"k\"",
			[]string{
				"in/p.A: const untyped int = 2", "in/p.B: const untyped int = 3", "in/p.C: const untyped int = 4",
				`in/p.K: const in/p.Kind = "k"`, "in/p.Kind: type string",
			},
		},
		"the type of a variable": {"var V, w = 1, 2", []string{"in/p.V: var int"}},
		"fields, with tags and without hidden ones": {
			"type E struct{}; type T struct { A, b string `json:\"a\"`; E }",
			[]string{
				"in/p.E: type struct, comparable", "in/p.T: type struct, comparable",
				"in/p.T.A: string `json:\"a\"`", "in/p.T.E: in/p.E embedded",
			},
		},
		"whether a struct can be compared": {
			"type T struct { all []string }", []string{"in/p.T: type struct"},
		},
		"what a hidden embedded type adds": {
			"type inner struct { A int }; func (*inner) Do() {}; type T struct { *inner }",
			[]string{
				"in/p.T: type struct, comparable", "in/p.T.A: int", "in/p.T.Do: method of a pointer func()",
			},
		},
		"methods": {
			"type T[K any] []K; func (T[K]) Get(i int) K { return *new(K) }; func (*T[K]) do() {}",
			[]string{"in/p.T: type [K any][]K", "in/p.T.Get: method func(int) K"},
		},
		"methods of an interface, hidden ones too": {
			"type E interface { Do() }; type I interface { E; M(n int) bool; m() }",
			[]string{
				"in/p.E: type interface", "in/p.E.Do: method func()", "in/p.I: type interface with m func()",
				"in/p.I.Do: method func()", "in/p.I.M: method func(int) bool",
			},
		},
		"a constraint": {"type N interface { ~int | ~string }", []string{"in/p.N: type interface{~int | ~string}"}},
		"an alias":     {"type hidden struct{}; type A = map[string]hidden", []string{"in/p.A: type = map[string]in/p.hidden"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.ElementsMatch(t, c.want, exports(t, c.src))
		})
	}
	t.Run("an alias of a type of an internal package has its members", func(t *testing.T) {
		t.Parallel()
		inner := types.NewPackage(root+"/in/internal/q", "q")
		field := types.NewField(token.NoPos, inner, "A", types.Typ[types.Int], false)
		obj := types.NewTypeName(token.NoPos, inner, "T", nil)
		of := types.NewNamed(obj, types.NewStruct([]*types.Var{field}, nil), nil)
		alias := types.NewTypeName(token.NoPos, types.NewPackage(root+"/p", "p"), "T", nil)
		types.NewAlias(alias, of)
		assert.Equal(t, []string{"p.T: type = in/internal/q.T", "p.T.A: int"}, ofType("p.T", alias))
	})
}

func TestCompare(t *testing.T) {
	t.Parallel()
	const before = `type T struct { A string }; type Old struct { A int }; func F() {}; const A, B = 1, 2`
	const now = `type T struct { A int }; type New struct { A int }; func F(more ...int) {}; const A, B = 2, 1`
	var all []string
	for _, c := range compare(exports(t, before), exports(t, now)) {
		all = append(all, c.String())
	}
	assert.Equal(t, []string{
		"in/p.A: changed from const untyped int = 1 to const untyped int = 2",
		"in/p.B: changed from const untyped int = 2 to const untyped int = 1",
		"in/p.F: changed from func() to func(...int)",
		"in/p.New: added type struct, comparable",
		"in/p.Old: removed type struct, comparable",
		"in/p.T.A: changed from string to int",
	}, all)
}

func TestHistory(t *testing.T) {
	t.Parallel()
	// hunk is the part of a commit about one file, as git writes it.
	hunk := func(file string, lines ...string) string {
		return "diff --git a/" + file + " b/" + file + "\nindex 1..2 100644\n--- a/" + file + "\n+++ b/" + file +
			"\n@@ -1 +1 @@\n" + strings.Join(lines, "\n") + "\n"
	}
	of := func(lines ...string) string { return hunk(listFile, lines...) }
	says := func(lines ...string) string { return hunk(logFile, lines...) }
	const (
		old  = "-store/sqlite.Open: func(string)"
		open = "+store/sqlite.Open: func(string, int)"
		more = "bankmux.Open: func()"
	)
	start := "diff --git a/" + listFile + " b/" + listFile + "\nnew file mode 100644\n--- /dev/null\n+++ b/" +
		listFile + "\n@@ -0,0 +1 @@\n+" + old[1:] + "\n"
	for name, c := range map[string]struct {
		commits []string // the newest first
		want    []string
	}{
		"a change that is named in the same commit": {commits: []string{of(old, open) + says("+- `sqlite.Open` takes"), start}},
		"a change that is named later":              {commits: []string{says("+- `store/sqlite.Open`"), of(old, open), start}},
		"a change that was named before it": {
			[]string{of(old, open), says("+- `sqlite.Open` takes"), start}, []string{"store/sqlite.Open"},
		},
		"a line of the log that is gone": {
			[]string{of(old, open) + says("-- `sqlite.Open` takes"), start}, []string{"store/sqlite.Open"},
		},
		"a name of the root":                          {[]string{of(old, open) + says("+- `Open`"), start}, []string{"store/sqlite.Open"}},
		"a short name that only one package has":      {commits: []string{of("+store.T.Do: func()") + says("+- `T.Do`"), start}},
		"a short name that several packages have":     {[]string{of("+a.T: type", "+b.T: type") + says("+- `T`"), start}, []string{"a.T", "b.T"}},
		"a name that came and went":                   {commits: []string{of("-a.T: type"), of("+a.T: type"), start}},
		"a name that was removed":                     {[]string{of(old), start}, []string{"store/sqlite.Open"}},
		"what was there before the list":              {commits: []string{start, of("+a.T: type"), of("+a.U: type")}},
		"a type that was added stands for its fields": {commits: []string{of("+a.T: type", "+a.T.F: int") + says("+- `a.T`"), start}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := byName([]string{old[1:], more})
			log := ""
			for _, one := range c.commits {
				log += "commit x\n" + one
			}
			commits := parse(log)
			for _, one := range slices.Backward(commits) {
				for name := range byName(one.before) {
					delete(now, name)
				}
				maps.Copy(now, byName(one.now))
			}
			var lines, names []string
			for name, declaration := range now {
				lines = append(lines, name+": "+declaration)
			}
			for _, missing := range unacknowledged(commits, lines) {
				names = append(names, missing.name)
			}
			assert.Equal(t, c.want, names)
		})
	}
}

func TestModules(t *testing.T) {
	t.Parallel()
	t.Run("every module that an application can import is found", func(t *testing.T) {
		t.Parallel()
		top := t.TempDir()
		for _, dir := range []string{
			".", "store", "fleet/a", "fleet/b", "bench", "examples/a", "internal/a", "a/testdata/b",
			"web/node_modules/a", ".cache/a",
		} {
			folder := filepath.Join(top, filepath.FromSlash(dir))
			require.NoError(t, os.MkdirAll(folder, 0o750))
			require.NoError(t, os.WriteFile(filepath.Join(folder, "go.mod"), nil, 0o600))
		}
		found, err := modules(top)
		require.NoError(t, err)
		for i := range found {
			found[i], err = filepath.Rel(top, found[i])
			require.NoError(t, err)
		}
		assert.Equal(t, []string{".", "fleet/a", "fleet/b", "store"}, found)
	})
	t.Run("those of this repository are among them", func(t *testing.T) {
		t.Parallel()
		top := filepath.Join("..", "..")
		found, err := modules(top)
		require.NoError(t, err)
		assert.Subset(t, found, []string{top, filepath.Join(top, "store"), filepath.Join(top, "fleet", "redis")})
	})
}
