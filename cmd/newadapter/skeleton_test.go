//go:build !race

package main

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSkeleton makes an adapter outside of the checkout and runs its tests. They use the module
// cache and no network. The test compares docs/adapter.md with the tests that ran. The nightly run
// sets BANKMUX_FULL and runs the cells of the fault matrix too.
func TestSkeleton(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "heron7")
	var said strings.Builder
	require.NoError(t, run([]string{"-name", "heron7", "-dir", dir}, ".", &said))
	assert.NotContains(t, said.String(), "not tidy", "the modules of bankmux suffice")

	names := map[string]bool{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, text := range []string{path, string(raw)} {
			assert.NotContains(
				t,
				strings.ToLower(text), templateName,
				"the template's name is left in %s",
				path,
			)
		}
		names[filepath.Base(path)] = true
		return nil
	}))
	assert.Contains(t, names, "heron7.go")

	// With -vet=all the command also checks what "go vet" checks.
	args := []string{"test", "-vet=all", "-count=1", "-v"}
	if os.Getenv("BANKMUX_FULL") == "" { // the cells of examples/thirdparty again
		args = append(args, "-skip", "^TestConformance$/^fault_matrix$/^cells$")
	}
	ran := tests(inside(t, dir, append(args, "./...")...))
	require.Contains(t, ran, "TestConformance")
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "adapter.md"))
	require.NoError(t, err)
	selectsTests(t, string(page), ran)
}

// inside runs the go command in a module and returns its output.
func inside(t *testing.T, dir string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -mod=mod", "GOPROXY=off", "GOWORK=off")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "go %s:\n%s", strings.Join(args, " "), said)
	return string(said)
}

// tests returns the names of the tests and subtests that passed.
func tests(said string) (names []string) {
	for _, m := range regexp.MustCompile(`--- PASS: (\S+)`).FindAllStringSubmatch(said, -1) {
		names = append(names, m[1])
	}
	return names
}
