package bankhttp_test

// This file tests that no request waits for a body that does not arrive.

import (
	"bufio"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/internal/memnet"
)

// TestSlowBody sends the head of a request and no body. Handlers that take one wait for 5 s, and
// the others do not wait.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newHarbor()
		a := newHarborApp(t, p)
		conn := a.harborLink(t, "rosa")
		session := a.harborStart(t, "rosa")
		server := &http.Server{Handler: a.handler, ReadHeaderTimeout: time.Minute}
		l := memnet.Listen()
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.Serve(l) })
		for _, c := range []struct {
			request string
			status  int
			wait    time.Duration
		}{
			{"POST /bank/sessions", 408, 5 * time.Second},
			{"POST /bank/sessions/" + session, 408, 5 * time.Second},
			{"POST /bank/connections/" + conn + "/sessions", 408, 5 * time.Second},
			{"POST /bank/unnamed/x", 408, 5 * time.Second},
			{"POST /bank/challenges/x", 408, 5 * time.Second},
			{"POST /bank/hooks/harbor", 408, 5 * time.Second},
			{"GET /bank/sessions/" + session, 200, 0},
			{"GET /bank/connections", 200, 0},
			{"GET /bank/connections/" + conn + "/sync", 200, 0},
			{"GET /bank/accounts", 200, 0},
			{"POST /bank/accounts", 200, 0},
			{"GET /bank/transactions", 200, 0},
			{"GET /bank/return", 303, 0},
			{"GET /bank/launcher.js", 200, 0},
			{"GET /bank/health", 200, 0},
			{"DELETE /bank/connections/" + conn, 204, 0},
			{"DELETE /bank/user", 204, 0},
			{"GET /bank/nothing", 404, 0},
			{"POST /bank/connections", 405, 0},
		} {
			for _, length := range []string{"Content-Length: 10", "Transfer-Encoding: chunked"} {
				sender, err := l.DialContext(t.Context(), "", "")
				require.NoError(t, err)
				start := time.Now()
				_, err = fmt.Fprintf(sender, "%s HTTP/1.1\r\nHost: app.example.com\r\nUser: rosa\r\n"+
					"Content-Type: application/json\r\n%s\r\n\r\n", c.request, length)
				require.NoError(t, err)
				res, err := http.ReadResponse(bufio.NewReader(sender), nil)
				require.NoError(t, err, c.request)
				require.NoError(t, res.Body.Close())
				assert.Equal(t, c.status, res.StatusCode, c.request)
				assert.Equal(t, c.wait, time.Since(start), c.request)
				assert.True(t, res.Close, c.request)
				require.NoError(t, sender.Close())
			}
		}
		require.NoError(t, server.Shutdown(t.Context()))
		serving.Wait()
		time.Sleep(time.Second) // net/http lingers for half of it; then no goroutine is left
	})
}
