// Package leak fails the tests of a package whose goroutines outlive them.
package leak

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Main runs the tests of a package and ends the process. It does what goleak.VerifyTestMain
// does, and waits for longer until the goroutines have ended.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		code = Check()
	}
	os.Exit(code)
}

// Check prints the goroutines that are left, and returns the exit code of the process.
func Check() (code int) {
	if err := find(func() error { return goleak.Find() }); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// maxLooks is how often a goroutine is looked for. A look takes half a second if one is left.
const maxLooks = 120

// find looks until no goroutine is left. One that ends a connection waits for the server, and a
// busy machine may let it wait for seconds.
func find(look func() error) (err error) {
	for range maxLooks {
		if err = look(); err == nil {
			return nil
		}
	}
	return err
}
