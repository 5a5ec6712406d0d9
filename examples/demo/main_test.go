package main

// This file tests the demo as a process of its own. The tests in internal/browser run the same
// process, and look for the secrets that it lists.

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/bankmux/bankmux"
	model "github.com/bankmux/bankmux/normalize/dapi"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
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

// link links a bank of a country, as the page does.
func (d *demo) link(t *testing.T, country string) bankmux.Connection {
	t.Helper()
	made, err := d.registry.CreateSession(t.Context(), bankmux.SessionRequest{
		User: user, Country: country, RedirectURI: "https://app.example.com/return", Products: products,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.store.SaveSession(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	var payload json.RawMessage
	switch made.Launch.Provider {
	case moneykit.Name:
		payload, err = d.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: made.Launch.Token.Reveal()})
	case plaid.Name:
		payload, err = d.bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: made.Launch.Token.Reveal()})
	default:
		payload, err = d.bank.LinkDapi(virtualbank.DapiLink{
			AppKey: made.Launch.AppKey, Countries: made.Launch.Countries,
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	linked, err := d.store.Exchange(t.Context(), made.Ref(), payload,
		func(ctx context.Context) (bankmux.ExchangeResult, error) {
			return d.registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
				Session: made, User: user, Payload: bankmux.NewSecret(payload),
			})
		})
	if err != nil {
		t.Fatal(err)
	}
	return linked.Connection
}

// TestSecretList specifies what the tests in internal/browser look for. A list without the secrets
// of the connections would let them pass.
func TestSecretList(t *testing.T) {
	banks, err := openBanks()
	if err != nil {
		t.Fatal(err)
	}
	defer banks.server.Close()
	kept, err := openStore(t.Context(), filepath.Join(t.TempDir(), "demo.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	d := &demo{banks: banks, store: kept}
	list := &secretList{demo: d}
	listed := func() (all []string) {
		t.Helper()
		res := httptest.NewRecorder()
		list.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
		if err := json.Unmarshal(res.Body.Bytes(), &all); err != nil {
			t.Fatal(res.Code, err)
		}
		return all
	}
	for _, country := range []string{"US", "AE", "CA"} {
		before := listed()
		conn := d.link(t, country)
		added := slices.DeleteFunc(listed(), func(text string) bool { return slices.Contains(before, text) })
		credential := conn.Credential().Reveal()
		if !slices.ContainsFunc(added, func(s string) bool { return len(s) > 8 && strings.Contains(credential, s) }) {
			t.Errorf("%s: no part of the credential of %s is listed, of %d new texts", country, conn.Client, len(added))
		}
		if err := kept.DeleteConnection(t.Context(), user, conn.ID); err != nil {
			t.Fatal(err)
		}
		if have := listed(); len(have) != len(before)+len(added) {
			t.Error("after the connection is deleted, the list has", len(have), "texts of", len(before)+len(added))
		}
	}
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
