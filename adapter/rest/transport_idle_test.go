package rest_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/internal/memnet"
)

// pipes is a listener in memory that counts its dials.
type pipes struct {
	*memnet.Listener
	dialed atomic.Int32
}

func (p *pipes) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	p.dialed.Add(1)
	return p.Listener.DialContext(ctx, network, address)
}

// alone serves h in memory, on virtual time, to a client whose transport is its own.
func alone(
	t *testing.T,
	standard *http.Transport,
	h http.Handler,
	use func(t *testing.T, c *rest.Client, p *pipes, open *atomic.Int32),
) {
	t.Helper()
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{Listener: memnet.Listen()}
		var open atomic.Int32
		server := &http.Server{
			Handler:           h,
			ReadHeaderTimeout: time.Minute,
			ConnState: func(_ net.Conn, state http.ConnState) {
				switch state {
				case http.StateNew:
					open.Add(1)
				case http.StateClosed:
					open.Add(-1)
				}
			},
		}
		var served sync.WaitGroup
		served.Go(func() { _ = server.Serve(p) })
		defer func() {
			assert.NoError(t, server.Close())
			served.Wait()
		}()
		standard.DialContext = p.DialContext
		http.DefaultTransport = standard
		use(t, rest.New(rest.Config{BaseURL: "http://127.0.0.1"}), p, &open)
	})
}

func TestIdleConnectionsEndBeforeALoadBalancerEndsThem(
	t *testing.T,
) { // not parallel: a global of net/http
	get := rest.Request{Method: http.MethodGet, Path: "/"}
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, c := range map[string]struct{ standard, kept time.Duration }{
		"as in net/http":               {90 * time.Second, 55 * time.Second},
		"never":                        {0, 55 * time.Second},
		"the program's own is shorter": {20 * time.Second, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			alone(
				t,
				&http.Transport{IdleConnTimeout: c.standard},
				ok,
				func(t *testing.T, client *rest.Client, p *pipes, open *atomic.Int32) {
					t.Helper()
					for range 3 { // each use restarts the time
						_, err := client.Do(t.Context(), get)
						require.NoError(t, err)
						time.Sleep(c.kept - time.Second)
						synctest.Wait()
						assert.EqualValues(t, 1, open.Load(), "kept for the next call")
					}
					assert.EqualValues(t, 1, p.dialed.Load())
					time.Sleep(2 * time.Second)
					synctest.Wait()
					assert.Zero(t, open.Load(), "closed")
				},
			)
		})
	}
}

// TestIdleConnectionsKept specifies that 256 idle connections are kept.
func TestIdleConnectionsKept(t *testing.T) { // not parallel: a global of net/http
	const kept = 256
	for name, c := range map[string]struct{ all, host, callers, left int }{
		"as in net/http":                        {100, 0, kept, kept},
		"more callers":                          {100, 0, kept + 44, kept},
		"the program's own allows fewer":        {10, 5, kept, kept},
		"the program's own allows more":         {500, 400, 300, 300},
		"the program's own has no limit in all": {0, 0, kept + 44, kept},
	} {
		t.Run(name, func(t *testing.T) {
			alone(
				t,
				&http.Transport{MaxIdleConns: c.all, MaxIdleConnsPerHost: c.host},
				gathered(c.callers),
				func(t *testing.T, client *rest.Client, p *pipes, open *atomic.Int32) {
					t.Helper()
					warmUp(t, client, c.callers)
					synctest.Wait()
					assert.EqualValues(t, c.callers, p.dialed.Load())
					assert.EqualValues(t, c.left, open.Load(), "kept")
				},
			)
		})
	}
}
