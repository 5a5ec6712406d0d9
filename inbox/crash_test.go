package inbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
)

// serving makes the test binary the server of [TestCrash].
const serving = "BANKMUX_INBOX_SERVES"

func init() {
	if file := os.Getenv(serving); file != "" {
		serve(file)
	}
}

// serve handles events by writing them to a file, and prints its address. It ends by being killed.
func serve(file string) {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	clients := []*bankmux.Client{bankmux.NewClient("acme", sender{})}
	registry, err := bankmux.NewRegistry(clients, []bankmux.Route{{Client: "acme"}})
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	h := inbox.New(registry, func(_ context.Context, e bankmux.Event) error {
		mu.Lock()
		defer mu.Unlock()
		_, err := fmt.Fprintln(f, e.Key) // what was written outlives the process
		return err
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	panic(http.Serve(l, h))
}

// TestCrash specifies that a killed process loses no delivery that it acknowledged.
func TestCrash(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	file := t.TempDir() + "/handled"
	const deliveries, kills, senders = 2000, 4, 16

	var mu sync.Mutex
	address := ""
	start := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), serving+"="+file)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		var line string
		_, err = fmt.Fscanln(out, &line)
		require.NoError(t, err)
		mu.Lock()
		address = line
		mu.Unlock()
		return cmd
	}
	cmd := start()

	acknowledged := make(chan string, deliveries)
	work := make(chan int)
	var all sync.WaitGroup
	transport := &http.Transport{MaxIdleConnsPerHost: senders}
	defer transport.CloseIdleConnections()
	post := func(key string) bool {
		body, err := json.Marshal(map[string]any{"key": key, "names": []string{"thing.happened"}})
		assert.NoError(t, err)
		mu.Lock()
		url := "http://" + address + "/acme"
		mu.Unlock()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
		assert.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Genuine", "yes")
		res, err := transport.RoundTrip(req)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode == http.StatusOK
	}
	for range senders {
		all.Go(func() {
			for n := range work {
				key := fmt.Sprint("key-", n)
				for !post(key) { // as a provider retries; the server is back soon
					select {
					case <-t.Context().Done():
						return
					case <-time.After(time.Millisecond):
					}
				}
				acknowledged <- key
			}
		})
	}
	killAt := map[int]bool{}
	for len(killAt) < kills {
		killAt[1+rand.IntN(deliveries-1)] = true
	}
	for n := range deliveries {
		if killAt[n] {
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait()
			cmd = start()
		}
		work <- n
	}
	close(work)
	all.Wait()
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	close(acknowledged)

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	handled := map[string]int{}
	for line := range strings.Lines(string(text)) {
		handled[strings.TrimSpace(line)]++
	}
	count := 0
	for key := range acknowledged {
		count++
		assert.Positive(t, handled[key], "%s was acknowledged and is not there", key)
	}
	assert.Equal(t, deliveries, count)
	twice := 0
	for _, n := range handled {
		twice += n - 1
	}
	assert.LessOrEqual(t, twice, kills*senders, "only what was under way when the process died is handled again")
}
