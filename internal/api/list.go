package main

// This file lists what packages export, as the compiler has it.

import (
	"context"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
)

// root is the import path of the module.
const root = "github.com/bankmux/bankmux"

// module lists what the packages of the module in a directory export.
func module(ctx context.Context, dir string) ([]string, error) {
	const format = "{{.DepOnly}} {{.Name}} {{.ImportPath}} {{.Export}}"
	cmd := exec.CommandContext(ctx, "go", "list", "-export", "-deps", "-f", format, "./...")
	cmd.Dir = dir
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("go list: %w: %s", err, failed.Stderr)
	}
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	compiled := map[string]string{}
	var paths []string
	for line := range strings.Lines(string(out)) {
		part := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		compiled[part[2]] = part[3]
		if part[0] == "false" && part[1] != "main" && part[3] != "" && public(part[2]) {
			paths = append(paths, part[2])
		}
	}
	from := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(compiled[path])
	})
	var all []string
	for _, path := range paths {
		pkg, err := from.Import(path)
		if err != nil {
			return nil, err
		}
		all = append(all, list(pkg)...)
	}
	return all, nil
}

// public reports whether an application can import the package.
func public(path string) bool {
	return !strings.Contains(path+"/", "/internal/") && !strings.Contains(path, "/examples/")
}

// list returns lines such as "store/sqlite.Open: func(string) (Store, error)".
func list(pkg *types.Package) (lines []string) {
	for _, name := range pkg.Scope().Names() {
		if !token.IsExported(name) {
			continue
		}
		full := short(pkg) + "." + name
		switch obj := pkg.Scope().Lookup(name).(type) {
		case *types.Const:
			lines = append(lines, full+": const "+text(obj.Type())+" = "+obj.Val().ExactString())
		case *types.TypeName:
			lines = append(lines, ofType(full, obj)...)
		case *types.Var:
			lines = append(lines, full+": var "+text(obj.Type()))
		default:
			lines = append(lines, full+": "+text(obj.Type()))
		}
	}
	return lines
}

// short names a package of this project from the root of the module on, and another one by its
// whole path.
func short(pkg *types.Package) string {
	if pkg.Path() == root {
		return pkg.Name()
	}
	return strings.TrimPrefix(pkg.Path(), root+"/")
}

// ofType lists a type with its members. An alias of a type that an application cannot import has
// its members too.
func ofType(full string, obj *types.TypeName) []string {
	if !obj.IsAlias() {
		return members(full, obj.Type())
	}
	lines := []string{full + ": type = " + text(types.Unalias(obj.Type()))}
	of, ok := types.Unalias(obj.Type()).(*types.Named)
	if ok && of.Obj().Pkg() != nil && !public(of.Obj().Pkg().Path()) {
		lines = append(lines, members(full, of)[1:]...)
	}
	return lines
}

// members lists a type, and its exported fields and methods. What embedded types add that have no
// exported name counts as the type's own.
func members(full string, t types.Type) []string {
	head := full + ": type "
	named, ok := t.(*types.Named)
	if ok {
		head += parameters(named.TypeParams())
	}
	var lines []string
	switch of := t.Underlying().(type) {
	case *types.Struct:
		head += "struct"
		if types.Comparable(t) {
			head += ", comparable"
		}
		lines = fields(full, of)
	case *types.Interface:
		var hidden string
		if lines, hidden = methods(full, of); len(lines) > 0 || of.NumEmbeddeds() == 0 {
			head += "interface" + hidden
		} else {
			head += text(of) // a constraint
		}
	default:
		head += text(of)
	}
	if named != nil {
		for m := range named.Methods() {
			if m.Exported() {
				lines = append(lines, full+"."+m.Name()+": method "+receiver(m)+text(m.Type()))
			}
		}
	}
	return append([]string{head}, lines...)
}

// fields lists the exported fields of a struct.
func fields(full string, of *types.Struct) (lines []string) {
	for i := range of.NumFields() {
		f := of.Field(i)
		switch {
		case f.Exported():
			line := full + "." + f.Name() + ": " + text(f.Type())
			if f.Embedded() {
				line += " embedded"
			}
			if tag := of.Tag(i); tag != "" {
				line += " `" + tag + "`"
			}
			lines = append(lines, line)
		case f.Embedded():
			within := f.Type()
			if p, ok := within.(*types.Pointer); ok {
				within = p.Elem()
			}
			lines = append(lines, members(full, types.Unalias(within))[1:]...)
		}
	}
	return lines
}

// methods lists the methods of an interface, embedded ones too. hidden has those without an
// exported name, which other packages cannot implement.
func methods(full string, of *types.Interface) (lines []string, hidden string) {
	var others []string
	for m := range of.Methods() {
		if m.Exported() {
			lines = append(lines, full+"."+m.Name()+": method "+text(m.Type()))
		} else {
			others = append(others, " with "+m.Name()+" "+text(m.Type()))
		}
	}
	return lines, strings.Join(others, "")
}

func receiver(m *types.Func) string {
	if _, ok := m.Signature().Recv().Type().(*types.Pointer); ok {
		return "of a pointer "
	}
	return ""
}

// text writes a type without the names of parameters, which are not part of what is promised.
func text(t types.Type) string {
	switch t := t.(type) {
	case *types.Signature:
		return "func" + signature(t)
	case *types.Pointer:
		return "*" + text(t.Elem())
	case *types.Slice:
		return "[]" + text(t.Elem())
	case *types.Map:
		return "map[" + text(t.Key()) + "]" + text(t.Elem())
	}
	return types.TypeString(t, short)
}

func signature(of *types.Signature) string {
	out := parameters(of.TypeParams()) + "(" + tuple(of.Params(), of.Variadic()) + ")"
	switch results := tuple(of.Results(), false); of.Results().Len() {
	case 0:
		return out
	case 1:
		return out + " " + results
	default:
		return out + " (" + results + ")"
	}
}

func tuple(of *types.Tuple, variadic bool) string {
	var all []string
	for v := range of.Variables() {
		all = append(all, text(v.Type()))
	}
	if variadic {
		all[len(all)-1] = "..." + strings.TrimPrefix(all[len(all)-1], "[]")
	}
	return strings.Join(all, ", ")
}

// parameters writes type parameters in brackets, or nothing.
func parameters(of *types.TypeParamList) string {
	var all []string
	for p := range of.TypeParams() {
		all = append(all, p.Obj().Name()+" "+text(p.Constraint()))
	}
	if len(all) == 0 {
		return ""
	}
	return "[" + strings.Join(all, ", ") + "]"
}
