package docs_test

// This file reads what the packages of the repository export: declarations, methods and fields.

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/bankmux/bankmux"

// packages maps the folder of each package that an application can import to the package's name. It
// has those of the nested modules too.
func packages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for folder, pkg := range parsed(t) {
		if !slices.Contains(strings.Split(folder, "/"), "internal") {
			found[folder] = pkg.name
		}
	}
	require.Greater(t, len(found), 20)
	return found
}

// parsed returns the packages that have documentation, by folder. It has those below internal too,
// because aliases elsewhere name their types. Tests must not change them.
func parsed(t *testing.T) map[string]*source {
	t.Helper()
	found, err := parseOnce()
	require.NoError(t, err)
	return found
}

// parseOnce reads the packages for all tests, which takes longer than each of them.
var parseOnce = sync.OnceValues(func() (map[string]*source, error) {
	found := map[string]*source{}
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != ".." && closed(d.Name()):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil || tree.Name.Name == "main" {
			return err
		}
		folder, err := filepath.Rel("..", filepath.Dir(file))
		if err != nil {
			return err
		}
		folder = filepath.ToSlash(folder)
		if found[folder] == nil {
			found[folder] = &source{name: tree.Name.Name, members: map[string]map[string]bool{}}
		}
		found[folder].files = append(found[folder].files, tree)
		return nil
	})
	for folder, pkg := range found {
		for _, file := range pkg.files {
			pkg.read(folder, file)
		}
	}
	for _, pkg := range found {
		for name := range pkg.members {
			pkg.adopt(found, name)
		}
	}
	return found, err
})

// closed says that a folder of this name has no package that a page may name.
func closed(folder string) bool {
	return strings.HasPrefix(folder, ".") ||
		slices.Contains([]string{"bench", "docs", "examples", "node_modules", "testdata"}, folder)
}

// source is a package as it is written.
type source struct {
	name    string
	files   []*ast.File
	members map[string]map[string]bool // of each declared name: the methods and fields, if it is a type
	others  []borrowed
}

// isType is in the members of a type. No member can have this name.
const isType = "type"

// borrowed says that a type has the members of another one, as its alias or by embedding it.
type borrowed struct{ name, folder, of string }

func (s *source) declare(name string) {
	if s.members[name] == nil {
		s.members[name] = map[string]bool{}
	}
}

// read takes in what a file declares.
func (s *source) read(folder string, file *ast.File) {
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				s.declare(d.Name.Name)
				continue
			}
			_, of := typeName(d.Recv.List[0].Type)
			s.declare(of)
			s.members[of][d.Name.Name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						s.declare(name.Name)
					}
				case *ast.TypeSpec:
					s.readType(folder, file, spec)
				}
			}
		}
	}
}

func (s *source) readType(folder string, file *ast.File, spec *ast.TypeSpec) {
	name := spec.Name.Name
	s.declare(name)
	s.members[name][isType] = true
	var fields []*ast.Field
	switch kind := spec.Type.(type) {
	case *ast.StructType:
		fields = kind.Fields.List
	case *ast.InterfaceType:
		fields = kind.Methods.List
	case *ast.FuncType, *ast.ArrayType, *ast.MapType:
	default: // an alias, or a type with the fields of another one
		fields = []*ast.Field{{Type: spec.Type}}
	}
	for _, f := range fields {
		for _, field := range f.Names {
			s.members[name][field.Name] = true
		}
		if of, other := typeName(f.Type); len(f.Names) == 0 && other != "" {
			if folder := imported(folder, file, of); folder != "" {
				s.members[name][other] = true
				s.others = append(s.others, borrowed{name, folder, other})
			}
		}
	}
}

// adopt adds the members that a type has from others.
func (s *source) adopt(all map[string]*source, name string) {
	for _, b := range s.others {
		if b.name != name || all[b.folder] == nil || all[b.folder].members[b.of] == nil {
			continue
		}
		if pkg := all[b.folder]; pkg != s || b.of != name {
			pkg.adopt(all, b.of)
			maps.Copy(s.members[name], pkg.members[b.of])
		}
	}
}

// typeName returns the package and the name of a type; both are empty for a literal type.
func typeName(expr ast.Expr) (of, name string) {
	switch e := expr.(type) {
	case *ast.Ident:
		return "", e.Name
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name, e.Sel.Name
		}
	}
	return "", ""
}

// imported returns the folder of the package that a file in folder calls by a name. It is empty for
// packages of others.
func imported(folder string, file *ast.File, name string) string {
	if name == "" {
		return folder
	}
	for _, spec := range file.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil || target != module && !strings.HasPrefix(target, module+"/") {
			continue
		}
		if spec.Name != nil && spec.Name.Name == name || spec.Name == nil && path.Base(target) == name {
			return cmp.Or(strings.TrimPrefix(strings.TrimPrefix(target, module), "/"), ".")
		}
	}
	return ""
}
