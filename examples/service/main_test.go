package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/internal/loopback"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestService runs the service as processes of their own, against the virtual bank.
func TestService(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "service")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	for database, address := range databases(t) {
		for _, country := range []string{"US", "AE", "CA"} {
			t.Run(database+": two replicas that get the same form at once link one bank in "+country,
				func(t *testing.T) {
					w := newWorld(t, binary, address(t))
					twoReplicas(t, w, country)
				})
		}
		t.Run(database+": a replica that is killed in the middle of a sync loses and doubles nothing",
			func(t *testing.T) {
				w := newWorld(t, binary, address(t))
				killed(t, w)
			})
	}
	t.Run("the program has at most 150 lines", func(t *testing.T) {
		source, err := os.ReadFile("main.go")
		require.NoError(t, err)
		assert.LessOrEqual(t, bytes.Count(source, []byte("\n")), 150)
	})
}

// databases returns SQLite, and PostgreSQL if there is a server. Each address is of a new database.
func databases(t *testing.T) map[string]func(*testing.T) string {
	t.Helper()
	all := map[string]func(*testing.T) string{
		"sqlite": func(t *testing.T) string { return filepath.Join(t.TempDir(), "bank.db") },
	}
	server := os.Getenv("BANKMUX_POSTGRES")
	if os.Getenv("BANKMUX_FULL") == "1" {
		require.NotEmpty(t, server, "set BANKMUX_POSTGRES to the URL of a server")
	}
	if server != "" {
		all["postgres"] = func(t *testing.T) string { return newSchema(t, server) }
	}
	return all
}

func newSchema(t *testing.T, server string) string {
	t.Helper()
	db, err := sql.Open("pgx", server)
	require.NoError(t, err)
	schema := "service_" + strings.ToLower(rand.Text())
	_, err = db.ExecContext(t.Context(), "CREATE SCHEMA "+schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE")
		require.NoError(t, err)
		require.NoError(t, db.Close())
	})
	separator := "?"
	if strings.Contains(server, "?") {
		separator = "&"
	}
	return server + separator + "search_path=" + schema
}

// world is a virtual bank, a database and the replicas of the service.
type world struct {
	bank *virtualbank.Bank
	env  []string
	path string // of the service's binary
}

func newWorld(t *testing.T, binary, database string) *world {
	t.Helper()
	const free = "127.0.0.1:0"
	bank := virtualbank.New(virtualbank.Options{Seed: 3, HistoryDays: 60}) // all providers serve that many
	server, err := virtualbank.Start(bank, free, free, virtualbank.ServePlaid(free))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	keys := bank.Credentials()
	secrets, _, _ := bank.WebhookSecrets()
	return &world{bank: bank, path: binary, env: append(os.Environ(),
		"DATABASE_URL="+database, "BANKMUX_ENVIRONMENT=sandbox",
		"BANKMUX_KEY=test:"+base64.StdEncoding.EncodeToString([]byte("a key for this test, of 32 bytes")),
		"MONEYKIT_CLIENT_ID="+keys.MoneyKit.ClientID, "MONEYKIT_CLIENT_SECRET="+keys.MoneyKit.ClientSecret,
		"MONEYKIT_URL="+server.MoneyKitURL, "MONEYKIT_SCRIPT_URL="+server.MoneyKitScriptURL,
		"DAPI_APP_KEY="+keys.Dapi.AppKey, "DAPI_APP_SECRET="+keys.Dapi.AppSecret, "DAPI_URL="+server.DapiURL,
		"DAPI_WEBHOOK_SECRET="+secrets[0], "DAPI_SCRIPT_URL="+server.DapiScriptURL,
		"PLAID_CLIENT_ID="+keys.Plaid.ClientID, "PLAID_SECRET="+keys.Plaid.Secret, "PLAID_URL="+server.PlaidURL,
		"PLAID_SCRIPT_URL="+server.PlaidScriptURL,
	)}
}

// replica is a process of the service.
type replica struct {
	url     string
	health  string
	process *exec.Cmd
	log     *lockedBuffer
}

// lockedBuffer collects what a process prints.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// start starts a replica and waits until it is healthy.
func (w *world) start(t *testing.T) *replica {
	t.Helper()
	address, private := freeAddress(), freeAddress()
	r := &replica{
		url: "http://" + address + "/bank", health: "http://" + private, process: exec.Command(w.path),
		log: &lockedBuffer{},
	}
	r.process.Env = append(slices.Clone(w.env), "ADDRESS="+address, "HEALTH_ADDRESS="+private,
		"PUBLIC_URL=http://localhost:8080/bank") // Plaid returns to localhost without TLS, and no browser follows
	r.process.Stdout, r.process.Stderr = r.log, r.log
	require.NoError(t, r.process.Start())
	t.Cleanup(func() {
		if r.process.ProcessState == nil {
			r.stop(t)
		}
	})
	r.until(t, "GET", healthPath, func(map[string]any) bool { return true })
	// The two addresses are opened at the same time, in either order.
	require.Eventually(t, func() bool {
		status, _ := r.call(t, "GET", "/health", nil)
		return status == http.StatusNotFound
	}, patience, 20*time.Millisecond, "the public does not see it")
	return r
}

// freeAddress returns an address of loopback that stays free until a process listens on it.
func freeAddress() string { return net.JoinHostPort(loopback.Host(), "8080") }

// healthPath is the path at the address that is not for the public.
const healthPath = "health:/health"

// stop ends the process as a deployment does.
func (r *replica) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, r.process.Process.Signal(syscall.SIGTERM))
	require.NoError(t, r.process.Wait(), r.log.String())
}

// call sends a request of the user. The status is 0 if there is no response, because the process
// does not listen yet or was killed.
func (r *replica) call(t *testing.T, method, path string, body any) (status int, got map[string]any) {
	t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	return r.send(t.Context(), method, path, raw)
}

func (r *replica) send(ctx context.Context, method, path string, body []byte) (status int, got map[string]any) {
	address := r.url + path
	if private, ok := strings.CutPrefix(path, "health:"); ok {
		address = r.health + private
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return 0, nil
	}
	req.Header.Set("X-User", "user-rosa")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	_ = json.Unmarshal(raw, &got)
	return res.StatusCode, got
}

// patience is longer than anything here takes, also on a machine that is busy. The commands of the
// page compile the service.
const patience = 5 * time.Minute

// until repeats a request until it succeeds and done accepts what it returned.
func (r *replica) until(t *testing.T, method, path string, done func(map[string]any) bool) map[string]any {
	t.Helper()
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	limit := time.After(patience)
	for {
		status, got := r.call(t, method, path, nil)
		if status == http.StatusOK && done(got) {
			return got
		}
		select {
		case <-ticks.C:
		case <-limit:
			require.FailNow(t, "it did not come", "%s %s: %d %v\n%s", method, path, status, got, r.log)
		}
	}
}

// session starts a link and plays the user in the provider's widget. It returns the path to post
// to, and what to post.
func (w *world) session(t *testing.T, r *replica, country string) (path string, payload json.RawMessage) {
	t.Helper()
	status, got := r.call(t, "POST", "/sessions", map[string]string{"country": country})
	require.Equal(t, http.StatusOK, status, "%v\n%s", got, r.log)
	launch, _ := got["launch"].(map[string]any)
	require.True(t, strings.HasPrefix(fmt.Sprint(launch["script_url"]), "http://127.0.0.1:"),
		"a page loads the bank's script: %v", launch["script_url"])
	var err error
	switch launch["provider"] {
	case "moneykit":
		payload, err = w.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: fmt.Sprint(launch["token"])})
	case "dapi":
		payload, err = w.bank.LinkDapi(virtualbank.DapiLink{
			AppKey: fmt.Sprint(launch["app_key"]), Countries: []string{country},
		})
	default:
		payload, err = w.bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: fmt.Sprint(launch["token"])})
	}
	require.NoError(t, err)
	return fmt.Sprint("/sessions/", got["session"]), payload
}

// linked returns the id of the connection in a response.
func linked(t *testing.T, status int, got map[string]any) string {
	t.Helper()
	require.Equal(t, http.StatusOK, status, got)
	all, _ := got["connections"].([]any)
	require.Len(t, all, 1)
	conn, _ := all[0].(map[string]any)
	return fmt.Sprint(conn["id"])
}

// synced waits until a connection was synced, and compares its rows with those of the bank.
func (w *world) synced(t *testing.T, r *replica, id string) {
	t.Helper()
	link := w.bank.Links()[0]
	if link.Provider == "plaid" {
		require.NoError(t, w.bank.Refresh(link.ID)) // else Plaid is not ready for some seconds
	}
	r.until(t, "GET", "/connections/"+id+"/sync", func(got map[string]any) bool { return got["synced_at"] != nil })
	if link.Provider == "plaid" {
		// The first sync may have ended before the refresh. Plaid had the last 30 days alone then.
		status, got := r.call(t, "POST", "/connections/"+id+"/sync", map[string]any{})
		require.Equal(t, http.StatusOK, status, got)
	}
	var want []string
	rows, err := w.bank.Transactions(link.ID)
	require.NoError(t, err)
	for _, row := range rows {
		want = append(want, row.Date+" "+plain(row.Amount))
	}
	var have []string
	for after := ""; ; {
		status, got := r.call(t, "GET", "/transactions?limit=500&after="+url.QueryEscape(after), nil)
		require.Equal(t, http.StatusOK, status, got)
		page, _ := got["transactions"].([]any)
		for _, one := range page {
			row, _ := one.(map[string]any)
			amount, _ := row["amount"].(map[string]any)
			have = append(have, fmt.Sprint(row["date"], " ", plain(fmt.Sprint(amount["amount"]))))
		}
		next, more := got["next"].(string)
		if !more {
			break
		}
		after = next
	}
	slices.Sort(want)
	slices.Sort(have)
	require.NotEmpty(t, want)
	assert.Equal(t, want, have)
}

// plain writes an amount without the zeros that do not count.
func plain(amount string) string {
	if strings.Contains(amount, ".") {
		amount = strings.TrimRight(strings.TrimRight(amount, "0"), ".")
	}
	return amount
}

func twoReplicas(t *testing.T, w *world, country string) {
	here, there := w.start(t), w.start(t)
	path, payload := w.session(t, here, country)
	ids := make([]string, 2)
	var both sync.WaitGroup
	for i, r := range []*replica{here, there} {
		both.Go(func() {
			status, got := r.call(t, "POST", path, payload)
			ids[i] = linked(t, status, got)
		})
	}
	both.Wait()
	assert.Equal(t, ids[0], ids[1])
	links := w.bank.Links()
	require.Len(t, links, 1)
	assert.Equal(t, 1, links[0].Presented, "the one-time token was sent once")
	w.synced(t, there, ids[0])
	w.readAtOnce(t, here, there, ids[0])

	status, _ := there.call(t, "DELETE", "/connections/"+ids[0], nil)
	assert.Equal(t, http.StatusNoContent, status)
	assert.Equal(t, "deleted", w.bank.Links()[0].State)
	here.stop(t)
	there.stop(t)
	for _, r := range []*replica{here, there} {
		for _, secret := range w.env {
			name, value, _ := strings.Cut(secret, "=")
			if strings.Contains(name, "SECRET") || strings.Contains(name, "KEY") && len(value) > 20 {
				assert.NotContains(t, r.log.String(), value, name)
			}
		}
	}
}

// readAtOnce lets both replicas read and sync one connection at the same moment. No call fails
// because of the other replica.
func (w *world) readAtOnce(t *testing.T, here, there *replica, id string) {
	t.Helper()
	var all sync.WaitGroup
	for n := range 24 {
		r := []*replica{here, there}[n%2]
		path := []string{"/accounts?connection=" + id, "/connections/" + id + "/sync"}[n/2%2]
		all.Go(func() {
			status, got := r.call(t, "POST", path, map[string]any{})
			assert.Equal(t, http.StatusOK, status, "%s: %v", path, got)
			assert.Empty(t, got["failed"])
		})
	}
	all.Wait()
}

func killed(t *testing.T, w *world) {
	first := w.start(t)
	path, payload := w.session(t, first, "US")
	status, got := first.call(t, "POST", path, payload)
	id := linked(t, status, got)
	w.synced(t, first, id)
	w.fill(t)
	require.NoError(t, w.bank.Inject(virtualbank.Fault{Name: "slow", Provider: "moneykit", Operation: syncOperation}))
	before := w.pages(http.StatusOK)
	go first.send(t.Context(), "POST", "/connections/"+id+"/sync", []byte("{}"))
	first.until(t, "GET", healthPath, func(map[string]any) bool {
		// A page was read, and the bank has not responded to the request for the next one.
		return w.pages(http.StatusOK) > before && w.pages(0) > 0
	})
	require.NoError(t, first.process.Process.Kill())
	_ = first.process.Wait()
	w.bank.ClearFaults()

	second := w.start(t)
	status, got = second.call(t, "POST", "/connections/"+id+"/sync", map[string]any{})
	require.Equal(t, http.StatusOK, status, got)
	w.synced(t, second, id)
	status, got = second.call(t, "POST", path, payload)
	assert.Equal(t, id, linked(t, status, got), "the form that is posted again finds the connection")
}

// pages counts the requests for a page of changes that got an HTTP status, 0 for none yet.
func (w *world) pages(status int) (n int) {
	for _, q := range w.bank.Requests() {
		if q.Operation == syncOperation && q.Status == status {
			n++
		}
	}
	return n
}

// fill adds transactions for several pages.
func (w *world) fill(t *testing.T) {
	t.Helper()
	link := w.bank.Links()[0].ID
	accounts, err := w.bank.Accounts(link)
	require.NoError(t, err)
	i := slices.IndexFunc(accounts, func(a virtualbank.AccountState) bool { return a.Name == "Everyday Checking" })
	for n := range 1200 {
		require.NoError(t, w.bank.AddTransaction(link, accounts[i].MoneyKitID, virtualbank.TransactionSpec{
			Amount: fmt.Sprintf("%d.25", n+1), Type: "credit", Text: fmt.Sprintf("Refund %d", n),
			Date: w.bank.Now().AddDate(0, 0, -1-n/20).Format(time.DateOnly),
		}))
	}
	require.NoError(t, w.bank.Refresh(link))
}

// syncOperation is the call that reads changes at MoneyKit.
const syncOperation = "GET /links/{id}/transactions/sync"
