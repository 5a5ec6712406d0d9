package rest_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/rest"
)

// gathered responds when so many requests have arrived, so that they need as many connections.
func gathered(callers int) http.HandlerFunc {
	var mu sync.Mutex
	here, open := 0, make(chan struct{})
	return func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		now := open
		if here++; here == callers {
			here, open = 0, make(chan struct{})
			close(now)
		}
		mu.Unlock()
		<-now
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"ok":true}`))
	}
}

// TestConnectionsOfManyCallers specifies that many callers keep their connections.
func TestConnectionsOfManyCallers(t *testing.T) { // not parallel: a global of net/http
	const callers, rounds = 128, 4
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	for name, secure := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			var made atomic.Int32
			server := httptest.NewUnstartedServer(gathered(callers))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					made.Add(1)
				}
			}
			standard := &http.Transport{MaxIdleConns: 100} // as net/http's own
			if secure {
				server.TLS = serving()
				server.StartTLS()
				standard.TLSClientConfig = &tls.Config{
					RootCAs:    trusted(),
					MinVersion: tls.VersionTLS12,
				}
			} else {
				server.Start()
			}
			defer server.Close()
			http.DefaultTransport = standard
			client := rest.New(rest.Config{BaseURL: server.URL})
			for range rounds {
				var all sync.WaitGroup
				for range callers {
					all.Go(func() {
						res, err := client.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/"})
						if assert.NoError(t, err) {
							assert.Equal(t, http.StatusOK, res.Status)
						}
					})
				}
				all.Wait()
			}
			// A response may be there before its connection is idle again, and then one more is
			// made. Where the transport keeps 100, each round but the first makes 28.
			require.InDelta(t, callers, made.Load(), callers/8, "connections that were made")
		})
	}
}
