package main

// This file tests the demo as a process of its own. The tests in internal/browser run the same
// process, and look for the secrets that it lists.

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/bankmux/bankmux"
	model "github.com/bankmux/bankmux/normalize/dapi"
	"github.com/bankmux/bankmux/providers/dapi"
)

// asDemo is the variable that makes the binary of the tests run the demo.
const asDemo = "BANKMUX_DEMO"

func TestMain(m *testing.M) {
	if os.Getenv(asDemo) == "" {
		os.Exit(m.Run())
	}
	opened = func(url string, d *demo) {
		list := httptest.NewServer(&secretList{demo: d})
		fmt.Println("Open", url)
		fmt.Println("Secrets", list.URL)
	}
	main()
}

// secretList serves what may never reach the browser, also of connections that were disconnected.
type secretList struct {
	demo *demo

	mu  sync.Mutex
	all []string
}

func (l *secretList) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conns, err := l.demo.store.Connections(r.Context(), user)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	keys := l.demo.bank.Credentials()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, keys.MoneyKit.ClientSecret, keys.Dapi.AppSecret, keys.Plaid.Secret)
	for _, conn := range conns {
		secrets, err := secretsOf(conn)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		l.all = append(l.all, secrets...)
	}
	slices.Sort(l.all)
	l.all = slices.Compact(l.all)
	_ = json.NewEncoder(w).Encode(l.all)
}

// secretsOf returns what of a connection the browser may never see. Dapi's widget gives the page
// its connectionID and the user secret.
func secretsOf(conn bankmux.Connection) ([]string, error) {
	if conn.Client != dapi.Name {
		return []string{conn.Reference(), conn.Credential().Reveal()}, nil
	}
	token, _, err := model.Access(conn.Credential())
	return []string{token}, err
}

// TestSignals specifies that a demo that is stopped leaves nothing behind.
func TestSignals(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(signal.String()+" leaves no file", func(t *testing.T) {
			folder := t.TempDir()
			process := exec.CommandContext(t.Context(), os.Args[0], "-address", "127.0.0.1:0")
			process.Env = append(os.Environ(), asDemo+"=1", "TMPDIR="+folder)
			process.Stderr = t.Output()
			stdout, err := process.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := process.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(stdout).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			url := strings.TrimSpace(strings.TrimPrefix(line, "Open "))
			res, err := http.Post(url+"/bank/sessions", "application/json", strings.NewReader(`{"country":"US"}`))
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusOK {
				t.Error("a session starts with", res.Status)
			}
			if files, err := os.ReadDir(folder); err != nil || len(files) == 0 {
				t.Error("the database is in the temporary folder:", files, err)
			}
			if err := process.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := process.Wait(); err != nil {
				t.Error("it ends with", err)
			}
			files, err := os.ReadDir(folder)
			if err != nil || len(files) > 0 {
				t.Error("it left", files, err)
			}
		})
	}
}
