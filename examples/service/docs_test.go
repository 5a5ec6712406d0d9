package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// page is the page of the documentation whose commands the test runs.
var page = filepath.Join("..", "..", "docs", "http.md")

// commands returns all listings of commands of the page: the bank, the service, and the user. They
// are as printed, but for ports that are free, and files in a folder of the test.
func commands(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	var all []string
	// A listing without a language, or of another shell, counts too.
	listing := regexp.MustCompile("(?ms)^```(\\w*)[^\n]*\n(.*?)^```$")
	for _, found := range listing.FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains([]string{"go", "js", "json", "text"}, found[1]) {
			all = append(all, found[2])
		}
	}
	require.Len(t, all, 3, "each listing of commands is run")
	dir := t.TempDir()
	replace := []string{"$PWD/bank.db", filepath.Join(dir, "bank.db"), "bank.json", filepath.Join(dir, "bank.json")}
	seen := map[string]bool{}
	for _, port := range regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(strings.Join(all, ""), -1) {
		if !seen[port] {
			seen[port] = true
			replace = append(replace, port, freeAddress())
		}
	}
	require.Len(t, seen, 5)
	for i := range all {
		all[i] = strings.NewReplacer(replace...).Replace(all[i])
	}
	return all
}

// terminal returns the command of a listing in a terminal of its own, which is at the top of the
// repository. An error of any command ends it.
func terminal(t *testing.T, listing string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", listing)
	cmd.Dir = filepath.Join("..", "..")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// startTerminal starts a terminal whose commands run until the test ends. It returns what they
// print.
func startTerminal(t *testing.T, listing string) io.Reader {
	t.Helper()
	cmd := terminal(t, listing)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	log := &lockedBuffer{}
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // go run does not pass a signal on
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log)
		}
	})
	return out
}

// TestPage runs the commands that docs/http.md prints, in their order. They need bash, curl, node
// and openssl.
func TestPage(t *testing.T) {
	t.Run("the printed commands link a bank and read it", func(t *testing.T) {
		for _, tool := range []string{"bash", "curl", "node", "openssl"} {
			_, err := exec.LookPath(tool)
			require.NoError(t, err, "install it")
		}
		all := commands(t)
		ready, err := bufio.NewReader(startTerminal(t, all[0])).ReadString('\n')
		require.NoError(t, err)
		require.True(t, json.Valid([]byte(ready)), ready)

		startTerminal(t, all[1])
		service := regexp.MustCompile(`PUBLIC_URL=(\S+)`).FindStringSubmatch(all[1])[1]
		health := regexp.MustCompile(`HEALTH_ADDRESS=(\S+)`).FindStringSubmatch(all[1])[1]
		r := &replica{url: service, health: "http://" + health, log: &lockedBuffer{}}
		r.until(t, http.MethodGet, healthPath, func(map[string]any) bool { return true })

		cmd := terminal(t, all[2])
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		decoder := json.NewDecoder(strings.NewReader(string(out)))
		var linked struct{ Connections []struct{ State string } }
		require.NoError(t, decoder.Decode(&linked), "%s", out)
		require.Len(t, linked.Connections, 1)
		assert.Equal(t, "active", linked.Connections[0].State)
		var read struct {
			Accounts []struct {
				Kind     string
				Balances []any
			}
			Failed []any
		}
		require.NoError(t, decoder.Decode(&read), "%s", out)
		assert.Empty(t, read.Failed)
		require.NotEmpty(t, read.Accounts)
		cards := 0
		for _, account := range read.Accounts {
			assert.NotEmpty(t, account.Balances)
			if account.Kind == "credit_card" {
				cards++
			}
		}
		assert.Equal(t, 1, cards, "as the page says")
		var rows struct{ Transactions []any }
		require.NoError(t, decoder.Decode(&rows), "%s", out)
		assert.False(t, decoder.More(), "%s", out)

		names, _, ok := strings.Cut(all[2], "started=")
		require.True(t, ok)
		lines := strings.Split(strings.TrimSpace(all[2]), "\n")
		look := names + lines[len(lines)-1]
		for try := 0; len(rows.Transactions) == 0 && try < 1000; try++ { // as the page says
			out, err := terminal(t, look).Output()
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(out, &rows))
		}
		assert.Len(t, rows.Transactions, 3)
	})
}
