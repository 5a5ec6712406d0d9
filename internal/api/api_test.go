package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const before = `package p

type T[K any] struct {
	A string ` + "`json:\"a\"`" + `
	b int
	Embedded
}

type I interface {
	M(ctx context.Context, n int) (s string, err error)
}

type Alias = T[int]

type hidden struct{ A int }

func (t *T[K]) Do(a, b int) error { return nil }

func (hidden) Do() {}

func F[K any](k K) {}

const C Kind = "c"

var V, w = 1, 2
`

func TestAPI(t *testing.T) {
	t.Parallel()
	listed := func(t *testing.T, src string) []string {
		t.Helper()
		lines, err := declared([]byte(src))
		require.NoError(t, err)
		for i := range lines {
			lines[i] = "example.com/p: " + lines[i]
		}
		return lines
	}
	t.Run("exported names are listed, with types and without names of parameters", func(t *testing.T) {
		t.Parallel()
		lines, err := declared([]byte(before))
		require.NoError(t, err)
		assert.Equal(t, []string{
			"T: type [any] struct",
			"T.A: string `json:\"a\"`",
			"T: type [any] struct with Embedded",
			"I: type interface",
			"I.M: func(context.Context, int) (string, error)",
			"Alias: type = T[int]",
			"T.Do: func(int, int) (error)",
			"F: func[any](K)",
			"C: const Kind = \"c\"",
			"V: var",
		}, lines)
	})
	t.Run("a change must be in the section Unreleased", func(t *testing.T) {
		t.Parallel()
		after := `package p

type T[K any] struct {
	A int
	Embedded
}

type I interface{ M(ctx context.Context, n int) (s string, err error) }

type Alias = T[int]

type New struct{ B int }

func (t *T[K]) Do(first, second int) error { return nil }

const C Kind = "d"

var V = 1
`
		changes := compare(listed(t, before), listed(t, after))
		var names []string
		for _, c := range changes {
			names = append(names, c.name)
		}
		assert.Equal(t, []string{"C", "F", "New", "T.A"}, names)
		log := "# Changelog\n\n## [Unreleased]\n\n- `p.C`, `New` and T.A\n\n## [0.1.0]\n\n- `F`\n"
		names = nil
		for _, c := range unacknowledged(changes, unreleased(log)) {
			names = append(names, c.String())
		}
		assert.Equal(t, []string{
			"removed func[any](K)",
			"changed from string `json:\"a\"` to int",
		}, names)
	})
}

func TestModules(t *testing.T) {
	t.Parallel()
	t.Run("every module that an application can import is found", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		for _, dir := range []string{
			".", "store", "fleet/a", "fleet/b", "bench", "examples/a", "internal/a", "a/testdata/b",
			"web/node_modules/a", ".cache/a",
		} {
			folder := filepath.Join(root, filepath.FromSlash(dir))
			require.NoError(t, os.MkdirAll(folder, 0o750))
			require.NoError(t, os.WriteFile(filepath.Join(folder, "go.mod"), nil, 0o600))
		}
		found, err := modules(root)
		require.NoError(t, err)
		for i := range found {
			found[i], err = filepath.Rel(root, found[i])
			require.NoError(t, err)
		}
		assert.Equal(t, []string{".", "fleet/a", "fleet/b", "store"}, found)
	})
	t.Run("those of this repository are among them", func(t *testing.T) {
		t.Parallel()
		root := filepath.Join("..", "..")
		found, err := modules(root)
		require.NoError(t, err)
		assert.Subset(t, found, []string{root, filepath.Join(root, "store"), filepath.Join(root, "fleet", "redis")})
	})
}
