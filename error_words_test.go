package bankmux_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// saying is one text of an error in the source: what it says, and whether a field is its subject.
type saying struct {
	at, text string
	field    bool
}

// sayings returns all details of errors in the source of the library, with "…" for values.
func sayings(t *testing.T) (all []saying) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if d.IsDir() &&
			(strings.HasPrefix(path, "examples") || path == "bench" || path == "virtualbank" ||
				path == "providertest" || path == "tools" || path == ".git") {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		say := func(e ast.Expr, field bool) {
			if text := literal(e); strings.Trim(text, "…") != "" {
				all = append(all, saying{set.Position(e.Pos()).String(), text, field})
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				var detail ast.Expr
				field := false
				for _, el := range n.Elts {
					if kv, ok := el.(*ast.KeyValueExpr); ok {
						key, _ := kv.Key.(*ast.Ident)
						if key != nil && key.Name == "Detail" {
							detail = kv.Value
						}
						field = field || (key != nil && key.Name == "Field")
					}
				}
				if detail != nil {
					say(detail, field)
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok &&
					(f.Name == "invalid" || f.Name == "wrong" || f.Name == "refuse" || f.Name == "Refuse") &&
					len(n.Args) > 0 {
					say(n.Args[len(n.Args)-1], true)
				}
			case *ast.AssignStmt:
				if file.Name.Name == "bankhttp" {
					break // the Detail of its problems is a sentence for the user
				}
				for i, left := range n.Lhs {
					if s, ok := left.(*ast.SelectorExpr); ok && s.Sel.Name == "Detail" && len(n.Rhs) == len(n.Lhs) {
						say(n.Rhs[i], false)
					}
				}
			}
			return true
		})
		return nil
	}))
	return all
}

// literal returns the text of an expression, with "…" where it is not a literal.
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err == nil {
			return regexp.MustCompile(`%[a-z]`).ReplaceAllString(text, "…")
		}
	case *ast.BinaryExpr:
		return literal(e.X) + literal(e.Y)
	case *ast.ParenExpr:
		return literal(e.X)
	case *ast.CallExpr:
		if s, ok := e.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Sprintf" {
			return literal(e.Args[0])
		}
	}
	return "…"
}

var (
	predicate = regexp.MustCompile(
		`^(is|are|has|have|had|was|were|lacks|lack|failed|of|names|gives|starts|differ|differs|` +
			`belongs|expired|cannot|lost|holds|ends|repeats|does|must|needs) `,
	)
	clause = regexp.MustCompile(
		`^(the|a|an|this|one|no|too|there|another|code|client|access|MoneyKit|Dapi|Plaid|` +
			`only|what|several|it|neither|nothing|some|two|page|…)( ?.+)? `,
	)
	verbs = regexp.MustCompile(
		`\b(` +
			`is|are|has|have|had|was|were|lacks|names|gives|starts|differs?|announced|occurs|asks|` +
			`belongs|expired|ended|cannot|could|can|lost|holds|lapsed|failed|failing|refused|answered|` +
			`wants?|did|does|must|may|says?|serves?|took|broke|repeats?|logged|came|end|ends|served|` +
			`fetched|locked|left|lists|went|knows?|needs?|shows|tried|made|changed|enriche?s?|` +
			`categorizes?|revoked|refreshes` +
			`)\b`,
	)
	worn = regexp.MustCompile(
		`[^e] is no\b|^is no\b|\b(are|was) no\b|\.$|\bis none\b|in a circle|goes? round|\bnot exactly\b|^(in|for|at) `,
	)
)

func TestErrorTextsInSource(t *testing.T) {
	t.Parallel()
	all := sayings(t)
	require.Greater(t, len(all), 150)
	for _, s := range all {
		text := s.text
		assert.NotRegexp(t, worn, strings.ReplaceAll(text, " is no longer", " is not"), s.at)
		if strings.HasSuffix(text, "…") && clause.MatchString(text) {
			continue // the verb is filled in
		}
		if s.field && !clause.MatchString(text) {
			assert.True(
				t,
				predicate.MatchString(text) || strings.HasPrefix(text, "…"),
				"%s: no verb after the field: %s",
				s.at,
				text,
			)
			continue
		}
		assert.True(
			t,
			predicate.MatchString(text) || clause.MatchString(text) && verbs.MatchString(text),
			"%s: no sentence: %s",
			s.at,
			text,
		)
	}
}
