// Command newadapter makes the skeleton of an adapter. It copies examples/thirdparty under another
// name, and the tests of the copy pass. See docs/adapter.md for what to change in it, step by step.
package main

import (
	"errors"
	"flag"
	"fmt"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const about = `newadapter makes the skeleton of an adapter, which passes all its tests at once.

Usage, in a checkout of bankmux:

	go run ./cmd/newadapter -name acme                      (the package providers/acme)
	go run ./cmd/newadapter -name acme -dir ../bankmux-acme (a module of its own)

A folder outside of the checkout becomes a module that uses the checkout by a replace directive.
Nothing is overwritten, and nothing is fetched.

Flags:
`

func main() {
	switch err := run(os.Args[1:], ".", os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "newadapter:", err)
		os.Exit(1)
	}
}

// run makes the adapter for these arguments. The checkout has the folder from.
func run(args []string, from string, out io.Writer) error {
	flags := flag.NewFlagSet("newadapter", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() { fmt.Fprint(out, about); flags.PrintDefaults() }
	name := flags.String("name", "", "the adapter's name and package: lower-case letters and digits, such as acme")
	dir := flags.String("dir", "", `the folder to make (default "providers/NAME" of the checkout)`)
	module := flags.String("module", "", `the path of the module, outside of the checkout (default "example.com/NAME")`)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	root, err := checkout(from)
	if err != nil {
		return err
	}
	template, err := readTemplate(root)
	if err != nil {
		return err
	}
	if err := checkName(*name, template); err != nil {
		return err
	}
	target := filepath.Join(root, "providers", *name)
	if *dir != "" {
		if target, err = filepath.Abs(*dir); err != nil {
			return err
		}
	}
	files := renamed(template, *name)
	own := moduleAbove(target) != root
	switch {
	case own:
		err = addModule(files, root, *module, *name)
	case *module != "":
		err = errors.New("-module is for a folder outside of the checkout: here the adapter is a package of bankmux")
	}
	if err != nil {
		return err
	}
	if err := write(target, files); err != nil {
		return err
	}
	if own {
		tidy(target, out)
	}
	fmt.Fprintf(
		out,
		"made the adapter %s, %d files in %s\n\n\tcd %s && go test .\n\ndocs/adapter.md says how to go on.\n",
		*name,
		len(files),
		target,
		quoted(target),
	)
	return nil
}

// quoted returns a path as go.mod and shells read it.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t\"'`()[]{},") {
		return strconv.Quote(path)
	}
	return path
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9]{0,29}$`)

// checkName refuses a name that cannot be the name of a package or of its main file.
func checkName(name string, template map[string]string) error {
	_, taken := template[name+".go"]
	switch {
	case name == "":
		return errors.New("-name is missing: it is the adapter's name, such as acme")
	case !nameForm.MatchString(name):
		return fmt.Errorf("-name %q: it must be 1 to 30 lower-case letters and digits, and start with a letter", name)
	case token.IsKeyword(name) || name == "main" || name == "internal" || name == "vendor" || name == "testdata":
		return fmt.Errorf("-name %q: it is a Go keyword or a reserved name", name)
	case taken && name != templateName:
		return fmt.Errorf("-name %q: the skeleton has another file with this name", name)
	}
	return nil
}

// modulePath is the module of the checkout.
const modulePath = "github.com/bankmux/bankmux"

// checkout returns the root of the checkout that a folder is in.
func checkout(from string) (string, error) {
	at, err := filepath.Abs(from)
	if err != nil {
		return "", err
	}
	for {
		raw, err := os.ReadFile(filepath.Join(at, "go.mod")) //nolint:gosec // of the checkout
		first, _, _ := strings.Cut(string(raw), "\n")
		if err == nil && strings.TrimSpace(first) == "module "+modulePath {
			return at, nil
		}
		up := filepath.Dir(at)
		if up == at {
			return "", errors.New("this is not a checkout of bankmux: run it in one")
		}
		at = up
	}
}

// moduleAbove returns the nearest folder with a go.mod, at or above dir, or "".
func moduleAbove(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

// write makes the folder and its files. It refuses a folder that is not empty.
func write(target string, files map[string]string) error {
	switch there, err := os.ReadDir(target); {
	case err == nil && len(there) > 0:
		return fmt.Errorf("%s is not empty, and nothing is overwritten", target)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(target, 0o755); err != nil { //nolint:gosec // sources are for all to read
		return err
	}
	for name, text := range files {
		if err := create(filepath.Join(target, name), text); err != nil {
			return err
		}
	}
	return nil
}

// create writes a new file.
func create(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // as above
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
