// Package docs_test holds the documentation to the code. A page of this folder is a literate
// program: its Go blocks, in their order, are the complete files of the folder <page>. The test
// compares both, runs the program and compares what it prints with the page. A page_test.go beside
// a program is not shown: it holds further promises of the page.
package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"

	// The programs import these. Without them here, go test would serve an old result from its
	// cache after one of them changed.
	_ "github.com/bankmux/bankmux/guard"
	_ "github.com/bankmux/bankmux/inbox"
	_ "github.com/bankmux/bankmux/reconcile"
	_ "github.com/bankmux/bankmux/virtualbank"
)

// references are the pages without a program. A Go block on such a page names its file.
var references = []string{
	"README", "store-schema", "adapter", "going-live", "nightly", "scale", "comparison", "telemetry",
}

// pages maps the folder of each program to the page that shows it.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	files, err := filepath.Glob("*.md")
	require.NoError(t, err)
	for _, file := range files {
		if name := strings.TrimSuffix(file, ".md"); !slices.Contains(references, name) {
			all[name] = file
		}
	}
	all["quick"] = filepath.Join("..", "README.md")
	return all
}

// block is a fenced block of a page.
type block struct{ language, file, text string }

var fence = regexp.MustCompile("(?ms)^```(\\w*) *([\\w./]*)\n(.*?)^```$")

// blocksOf returns the fenced blocks of a page in their order. A file name behind the language says
// which file of the program a Go block is from: none is main.go.
func blocksOf(t *testing.T, page string) []block {
	t.Helper()
	raw, err := os.ReadFile(page)
	require.NoError(t, err)
	var blocks []block
	for _, m := range fence.FindAllStringSubmatch(string(raw), -1) {
		b := block{m[1], m[2], m[3]}
		if b.language == "go" && b.file == "" {
			b.file = "main.go"
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// shown returns the files that a page shows, by name.
func shown(t *testing.T, page string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, b := range blocksOf(t, page) {
		if b.language == "go" && !strings.HasPrefix(b.file, "../") {
			files[b.file] += b.text + "\n"
		}
	}
	for name, text := range files {
		tidy, err := format.Source([]byte(text))
		require.NoError(t, err, "%s: the blocks of %s", page, name)
		files[name] = string(tidy)
	}
	return files
}

// dense drops blank lines.
func dense(code string) []string {
	return slices.DeleteFunc(strings.Split(code, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
}

// writing says that the test writes programs and outputs instead of comparing them.
var writing = os.Getenv("BANKMUX_WRITE") != ""

func TestPages(t *testing.T) {
	programs := pages(t)
	for name, page := range programs {
		t.Run(name+" shows the whole program", func(t *testing.T) { compare(t, name, page) })
	}
	t.Run("every program has its page", func(t *testing.T) {
		found, err := filepath.Glob("*/main.go")
		require.NoError(t, err)
		for _, file := range found {
			assert.Contains(t, programs, filepath.Dir(file), "a program without a page")
		}
	})
	t.Run("every page is listed in README.md of this folder", func(t *testing.T) {
		index, err := os.ReadFile("README.md")
		require.NoError(t, err)
		files, err := filepath.Glob("*.md")
		require.NoError(t, err)
		for _, file := range files {
			listed := file == "README.md" || strings.Contains(string(index), "("+file+")")
			assert.True(t, listed, "%s is not listed", file)
		}
	})
	binary := build(t)
	for name, page := range programs {
		t.Run(name+" prints what its page says", func(t *testing.T) {
			t.Parallel()
			outputs(t, binary, name, page)
		})
	}
}

// compare holds the files of a program to the blocks of its page.
func compare(t *testing.T, name, page string) {
	files := shown(t, page)
	require.Contains(t, files, "main.go", "list a page without a program among references")
	sources, err := filepath.Glob(filepath.Join(name, "*.go"))
	require.NoError(t, err)
	for _, source := range sources {
		if file := filepath.Base(source); file != "page_test.go" {
			assert.Contains(t, files, file, "%s does not show it", page)
		}
	}
	for file, want := range files {
		path := filepath.Join(name, file)
		if writing {
			require.NoError(t, os.MkdirAll(name, 0o750))
			require.NoError(t, os.WriteFile(path, []byte(want), 0o600))
			continue
		}
		have, err := os.ReadFile(path)
		require.NoError(t, err, "BANKMUX_WRITE=1 go test ./docs writes it")
		assert.Equal(t, dense(want), dense(string(have)),
			"%s differs from %s: BANKMUX_WRITE=1 go test ./docs writes it", path, page)
	}
}

// outputs runs a program and holds its output to the last text block of its page.
func outputs(t *testing.T, binary, name, page string) {
	cmd := exec.CommandContext(t.Context(), binary, name)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "stdout:\n%s\nstderr:\n%s", &stdout, &stderr)
	var want string
	for _, b := range blocksOf(t, page) {
		if b.language == "text" {
			want = b.text
		}
	}
	if writing && want != stdout.String() {
		raw, err := os.ReadFile(page)
		require.NoError(t, err)
		at := strings.LastIndex(string(raw), "```text\n")
		require.NotEqual(t, -1, at, "%s has no block ```text for the output", page)
		_, rest, _ := strings.Cut(string(raw)[at+len("```text\n"):], "```")
		next := string(raw)[:at] + "```text\n" + stdout.String() + "```" + rest
		require.NoError(t, os.WriteFile(page, []byte(next), 0o600))
		return
	}
	assert.Equal(t, want, stdout.String(), "stderr:\n%s", &stderr)
}

// TestExcerpts holds blocks to the files that they name: Go blocks of pages without a program, and
// blocks from elsewhere.
func TestExcerpts(t *testing.T) {
	trimmed := func(code string) string {
		lines := dense(code)
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		return strings.Join(lines, "\n")
	}
	files, err := filepath.Glob("*.md")
	require.NoError(t, err)
	for _, page := range files {
		name := strings.TrimSuffix(page, ".md")
		for _, b := range blocksOf(t, page) {
			of := b.language == "go" && slices.Contains(references, name)
			if !of && !strings.HasPrefix(b.file, "../") {
				continue
			}
			source, err := os.ReadFile(b.file)
			require.NoError(t, err, "%s.md: name the file of a Go block behind its language", name)
			assert.Contains(t, trimmed(string(source)), trimmed(b.text), "%s.md", name)
		}
	}
}

func TestJSONBlocks(t *testing.T) {
	for _, page := range markdown(t) {
		for _, b := range blocksOf(t, page) {
			if b.language == "json" {
				assert.True(t, json.Valid([]byte(b.text)), "%s: not JSON:\n%s", page, b.text)
			}
		}
	}
}

// markdown returns the pages of this folder and those of the root.
func markdown(t *testing.T) []string {
	t.Helper()
	files := []string{filepath.Join("..", "llms.txt")}
	for _, pattern := range []string{"*.md", "../*.md", "../*/README.md", "../examples/*/README.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		files = append(files, found...)
	}
	return files
}

var (
	link       = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	inlineCode = regexp.MustCompile("`[^`\n]*`")
)

func TestLinks(t *testing.T) {
	for _, page := range markdown(t) {
		raw, err := os.ReadFile(page)
		require.NoError(t, err)
		text := inlineCode.ReplaceAllString(fence.ReplaceAllString(string(raw), ""), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			_, err := os.Stat(target)
			if assert.NoError(t, err, "%s links to %s", page, m[1]) && anchor != "" {
				assert.Contains(t, anchors(t, target), anchor, "%s links to %s", page, m[1])
			}
		}
	}
}

// anchors returns the names that GitHub gives the headings of a page.
func anchors(t *testing.T, page string) []string {
	t.Helper()
	raw, err := os.ReadFile(page)
	require.NoError(t, err)
	var names []string
	seen := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(string(raw), ""), -1) {
		title := strings.ToLower(strings.TrimSpace(m[1]))
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
				return r
			}
			return -1
		}, title)
		if n := seen[name]; n > 0 {
			names = append(names, fmt.Sprintf("%s-%d", name, n))
		} else {
			names = append(names, name)
		}
		seen[name]++
	}
	return names
}

// capabilityTable returns what each adapter can do.
func capabilityTable(t *testing.T) string {
	t.Helper()
	secret := bankmux.NewSecret("secret")
	mk, err := moneykit.New(moneykit.Config{ClientID: "id", ClientSecret: secret, Environment: bankmux.Sandbox})
	require.NoError(t, err)
	dp, err := dapi.New(dapi.Config{AppKey: "key", AppSecret: secret, Environment: bankmux.Sandbox})
	require.NoError(t, err)
	pl, err := plaid.New(plaid.Config{ClientID: "id", Secret: secret, Environment: bankmux.Sandbox})
	require.NoError(t, err)
	var b strings.Builder
	b.WriteString("| capability | MoneyKit | Dapi | Plaid |\n| --- | --- | --- | --- |\n")
	b.WriteString("| linking, reconnecting | yes | yes | yes |\n")
	for _, c := range bankmux.Capabilities() {
		b.WriteString("| " + strings.ReplaceAll(string(c), "_", " "))
		for _, client := range []*bankmux.Client{mk, dp, pl} {
			if client.Has(c) {
				b.WriteString(" | yes")
			} else {
				b.WriteString(" | ")
			}
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

func TestREADME(t *testing.T) {
	readme := filepath.Join("..", "README.md")
	raw, err := os.ReadFile(readme)
	require.NoError(t, err)
	t.Run("has the commands to try", func(t *testing.T) {
		for _, command := range []string{"go run ./examples/quickstart", "go test ./..."} {
			assert.Contains(t, string(raw), command)
		}
	})
	t.Run("has 6 to 8 KB", func(t *testing.T) {
		assert.InDelta(t, 7<<10, len(raw), 1<<10, "move details to a page of docs")
	})
	t.Run("installs what its program needs", func(t *testing.T) {
		install(t, string(raw))
	})
	t.Run("has the current capabilities", func(t *testing.T) {
		const start, end = "go test ./docs writes them -->\n", "<!-- end -->"
		before, rest, ok := strings.Cut(string(raw), start)
		require.True(t, ok)
		table, after, ok := strings.Cut(rest, end)
		require.True(t, ok)
		want := capabilityTable(t)
		if writing {
			require.NoError(t, os.WriteFile(readme, []byte(before+start+want+end+after), 0o600))
			return
		}
		assert.Equal(t, want, table, "BANKMUX_WRITE=1 go test ./docs writes it")
	})
}

// replacement matches a module that a page replaces by its folder in the clone.
var replacement = regexp.MustCompile(`-replace (\S+)=\.\./bankmux(\S*)`)

// install runs the commands of the section Install beside the clone. Its program is saved where the
// page says, and checked instead of run. The commands reach no network.
func install(t *testing.T, readme string) {
	t.Helper()
	_, section, _ := strings.Cut(readme, "\n## Install\n")
	section, _, _ = strings.Cut(section, "\n## ")
	commands := fence.FindAllStringSubmatch(section, -1)
	require.Len(t, commands, 3)
	dir := t.TempDir()
	clone, err := filepath.Abs("..")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(clone, filepath.Join(dir, "bankmux")))
	require.Contains(t, commands[1][3], "go run .\n")
	script := "set -e\n" + commands[0][3] + "cp ../bankmux/docs/quick/main.go .\n" +
		strings.Replace(commands[1][3], "go run .", "go vet .", 1) + commands[2][3]
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOSUMDB=off", "GOWORK=off")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	for _, page := range []string{"../README.md", "store.md", "telemetry.md"} {
		found := replacement.FindAllStringSubmatch(read(t, page), -1)
		require.NotEmpty(t, found, page)
		for _, m := range found {
			assert.Contains(t, read(t, ".."+m[2]+"/go.mod"), "module "+m[1]+"\n", page)
		}
	}
}
