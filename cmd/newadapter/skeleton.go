package main

// This file makes the skeleton from the template.

import (
	"context"
	"errors"
	"fmt"
	"go/format"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// templateName is the name of the adapter in examples/thirdparty. It appears only in texts, in
// comments and in the package clause, so that any other name can replace it.
const templateName = "pelican"

// readTemplate reads the files of the template, by name. The skeleton has no other files, so the
// tests of the template prove the skeleton as well.
func readTemplate(root string) (map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(root, "examples", "thirdparty", "*.go"))
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, path := range paths {
		raw, err := os.ReadFile(path) //nolint:gosec // of the checkout
		if err != nil {
			return nil, err
		}
		files[filepath.Base(path)] = string(raw)
	}
	if len(files) == 0 {
		return nil, errors.New("the checkout lacks examples/thirdparty")
	}
	return files, nil
}

// renamed returns the files under another name. gofmt aligns names of another length.
func renamed(template map[string]string, name string) map[string]string {
	words := strings.NewReplacer(templateName, name, title(templateName), title(name))
	files := map[string]string{}
	for file, text := range template {
		text = words.Replace(text)
		if formatted, err := format.Source([]byte(text)); err == nil {
			text = string(formatted)
		}
		files[words.Replace(file)] = text
	}
	return files
}

func title(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

var moduleForm = regexp.MustCompile(`^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$`)

// addModule adds go.mod and go.sum. A replace directive points to the checkout. The dependencies
// have the same versions as those of bankmux.
func addModule(files map[string]string, root, module, name string) error {
	if module == "" {
		module = "example.com/" + name
	}
	if !moduleForm.MatchString(module) {
		return fmt.Errorf("-module %q is not the path of a module", module)
	}
	raw, err := os.ReadFile(filepath.Join(root, "go.mod")) //nolint:gosec // of the checkout
	if err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum")) //nolint:gosec // of the checkout
	if err != nil {
		return err
	}
	_, needs, _ := strings.Cut(string(raw), "\n")
	files["go.mod"] = fmt.Sprintf("module %s\n%s\nrequire %s v0.0.0\n\nreplace %s => %s\n",
		module, needs, modulePath, modulePath, quoted(root))
	files["go.sum"] = string(sums)
	return nil
}

// tidy removes the dependencies that the module does not need. It uses the module cache and no
// network. If that is not enough, the module works without it.
func tidy(dir string, out io.Writer) {
	cmd := exec.CommandContext(context.Background(), "go", "mod", "tidy")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	if said, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(out, "go.mod is not tidy yet, so run \"go mod tidy\" when there is a network: %s\n", said)
	}
}
