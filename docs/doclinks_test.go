package docs_test

// This file holds the links of doc comments to what a reader of the reference can open.

import (
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reference is the documentation of packages, by import path.
type reference map[string]*doc.Package

// documented reads the documentation of all packages that an application can import.
func documented(t *testing.T) reference {
	t.Helper()
	all := reference{}
	for folder := range packages(t) {
		files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(folder), "*.go"))
		require.NoError(t, err)
		set := token.NewFileSet()
		var trees []*ast.File
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			tree, err := parser.ParseFile(set, file, nil, parser.ParseComments)
			require.NoError(t, err)
			trees = append(trees, tree)
		}
		target := path.Join(module, folder)
		pkg, err := doc.NewFromFiles(set, trees, target)
		require.NoError(t, err)
		all[target] = pkg
	}
	return all
}

// comments returns the doc comments of a package, those of fields and interface methods included.
func comments(pkg *doc.Package) []string {
	texts := []string{pkg.Doc}
	values := func(values []*doc.Value) {
		for _, v := range values {
			texts = append(texts, v.Doc)
		}
	}
	functions := func(functions []*doc.Func) {
		for _, f := range functions {
			texts = append(texts, f.Doc)
		}
	}
	values(pkg.Consts)
	values(pkg.Vars)
	functions(pkg.Funcs)
	for _, typ := range pkg.Types {
		texts = append(texts, typ.Doc)
		values(typ.Consts)
		values(typ.Vars)
		functions(typ.Funcs)
		functions(typ.Methods)
		ast.Inspect(typ.Decl, func(n ast.Node) bool {
			if f, ok := n.(*ast.Field); ok {
				texts = append(texts, f.Doc.Text(), f.Comment.Text())
			}
			return true
		})
	}
	return texts
}

// packageName matches what a package may be called. Other texts in brackets are not links.
var packageName = regexp.MustCompile(`^[a-z]\w*$`)

// broken returns the links of a doc comment that lead nowhere, as a reader sees them.
func (r reference) broken(pkg *doc.Package, text string) (broken []string) {
	reader := pkg.Parser()
	known := reader.LookupSym
	reader.LookupSym = func(of, name string) bool {
		if name != "" && !known(of, name) {
			broken = append(broken, "["+strings.TrimPrefix(of+"."+name, ".")+"]")
		}
		return true
	}
	imported := reader.LookupPackage
	reader.LookupPackage = func(name string) (string, bool) {
		target, ok := imported(name)
		if _, standard := comment.DefaultLookupPackage(name); !ok && !standard && packageName.MatchString(name) {
			broken = append(broken, "["+name+"]")
		}
		return target, ok
	}
	for _, link := range linksOf(reader.Parse(text).Content) {
		if other := r[link.ImportPath]; other != nil && link.Name != "" &&
			!other.Parser().LookupSym(link.Recv, link.Name) {
			broken = append(broken, "["+strings.ReplaceAll(other.Name+"."+link.Recv+"."+link.Name, "..", ".")+"]")
		}
	}
	return broken
}

// linksOf returns the links of paragraphs and lists.
func linksOf(blocks []comment.Block) []*comment.DocLink {
	var links []*comment.DocLink
	for _, block := range blocks {
		switch b := block.(type) {
		case *comment.Paragraph:
			for _, text := range b.Text {
				if link, ok := text.(*comment.DocLink); ok {
					links = append(links, link)
				}
			}
		case *comment.List:
			for _, entry := range b.Items {
				links = append(links, linksOf(entry.Content)...)
			}
		}
	}
	return links
}

func TestDocLinks(t *testing.T) {
	t.Parallel()
	all := documented(t)
	for target, pkg := range all {
		t.Run("each link of "+path.Join(".", strings.TrimPrefix(target, module))+" exists", func(t *testing.T) {
			t.Parallel()
			for _, text := range comments(pkg) {
				broken := all.broken(pkg, text)
				assert.Empty(t, broken, text)
			}
		})
	}
	root, guards := all[module], all[module+"/guard"]
	for text, want := range map[string]string{
		"A [Client] and a [Client.Sync].":                     "",
		"A list:\n\n  - a [*Client]":                          "",
		"A [bankmux.Client] and a [bankmux.Client.Accounts].": "",
		"An [io.Reader].":                                     "",
		"A text [\"1\"] and an index [].":                     "",
		"A [Nonsense].":                                       "[Nonsense]",
		"A [Guard.Nonsense].":                                 "[Guard.Nonsense]",
		"A [bankmux.Nonsense].":                               "[bankmux.Nonsense]",
		"A [nonsense.Name].":                                  "[nonsense]",
		"A list:\n\n  - a [bankmux.Client.Nonsense]":          "[bankmux.Client.Nonsense]",
	} {
		t.Run("the links are judged in "+text, func(t *testing.T) {
			t.Parallel()
			from := guards
			if strings.Contains(text, "[Client") || strings.Contains(text, "[*Client") {
				from = root
			}
			assert.Equal(t, want, strings.Join(all.broken(from, text), " "))
		})
	}
}
