package main

// This file lists the exported names of a package.

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// list returns one line per exported name of a package, sorted: "path: Name: declaration".
func list(path, dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src, err := os.ReadFile(file) //nolint:gosec // a file of the module
		if err != nil {
			return nil, err
		}
		found, err := declared(src)
		if err != nil {
			return nil, err
		}
		for _, line := range found {
			lines = append(lines, path+": "+line)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines), nil // files of different build tags can declare the same
}

// declared lists what one file exports.
func declared(src []byte) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if name, ok := funcName(d); ok {
				lines = append(lines, name+": func"+signature(d.Type))
			}
		case *ast.GenDecl:
			lines = append(lines, specs(d)...)
		}
	}
	return lines, nil
}

// funcName is "Name", or "Type.Name" of a method; ok is false where either is not exported.
func funcName(d *ast.FuncDecl) (name string, ok bool) {
	if !d.Name.IsExported() {
		return "", false
	}
	if d.Recv == nil {
		return d.Name.Name, true
	}
	of := strings.TrimPrefix(text(d.Recv.List[0].Type), "*")
	of, _, _ = strings.Cut(of, "[")
	return of + "." + d.Name.Name, ast.IsExported(of)
}

// specs lists the types, constants and variables of one declaration.
func specs(d *ast.GenDecl) []string {
	var lines []string
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() {
				lines = append(lines, typeLines(s)...)
			}
		case *ast.ValueSpec:
			for i, name := range s.Names {
				if !name.IsExported() {
					continue
				}
				line := name.Name + ": " + d.Tok.String()
				if s.Type != nil {
					line += " " + text(s.Type)
				}
				if d.Tok == token.CONST && i < len(s.Values) {
					line += " = " + text(s.Values[i])
				}
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// typeLines lists a type and its exported fields or its methods.
func typeLines(s *ast.TypeSpec) []string {
	name := s.Name.Name
	head := name + ": type"
	if s.TypeParams != nil {
		head += " [" + types(s.TypeParams) + "]"
	}
	if s.Assign.IsValid() {
		head += " ="
	}
	var members *ast.FieldList
	switch t := s.Type.(type) {
	case *ast.StructType:
		head, members = head+" struct", t.Fields
	case *ast.InterfaceType:
		head, members = head+" interface", t.Methods
	default:
		return []string{head + " " + text(t)}
	}
	lines := []string{head}
	for _, m := range members.List {
		if len(m.Names) == 0 {
			lines = append(lines, head+" with "+text(m.Type))
		}
		for _, n := range m.Names {
			if !n.IsExported() {
				continue
			}
			line := name + "." + n.Name + ": "
			if f, ok := m.Type.(*ast.FuncType); ok && strings.HasSuffix(head, "interface") {
				line += "func" + signature(f)
			} else {
				line += text(m.Type)
			}
			if m.Tag != nil {
				line += " " + m.Tag.Value
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// signature leaves out the names of parameters, which are not part of what is promised.
func signature(f *ast.FuncType) string {
	out := "(" + types(f.Params) + ")"
	if f.TypeParams != nil {
		out = "[" + types(f.TypeParams) + "]" + out
	}
	if f.Results != nil {
		out += " (" + types(f.Results) + ")"
	}
	return out
}

func types(fields *ast.FieldList) string {
	var all []string
	for _, f := range fields.List {
		for range max(1, len(f.Names)) {
			all = append(all, text(f.Type))
		}
	}
	return strings.Join(all, ", ")
}

// text is a node as source on one line.
func text(n ast.Node) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, token.NewFileSet(), n); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
