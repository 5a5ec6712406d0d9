package rest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// TestOnceOverHTTP1 specifies that a request leaves once, however many connections are idle.
func TestOnceOverHTTP1(t *testing.T) {
	t.Parallel()
	t.Run("a request arrives once", aRequestArrivesOnce)
	t.Run("a read is not written on a second idle connection", aReadIsNotWrittenOnASecondIdleConnection)
	t.Run("an unwritten request leaves on another connection", anUnwrittenRequestLeavesOnAnotherConnection)
}

// replayed has the requests that net/http repeats over HTTP/1.1 although the server may have read
// them.
var replayed = map[string]bool{"GET": true, "GET with a key": true, "POST with a key": true, "DELETE with a key": true}

// aborting reads a request for /once, counts it and hangs up. All others are for warmUp.
func aborting(warm http.Handler, arrived *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/once" {
			warm.ServeHTTP(w, r)
			return
		}
		arrived.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}
}

// warmUp leaves as many idle connections, if the server responds with [gathered].
func warmUp(t *testing.T, c *rest.Client, idle int) {
	t.Helper()
	var all sync.WaitGroup
	for range idle {
		all.Go(func() {
			_, err := c.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/warm"})
			assert.NoError(t, err)
		})
	}
	all.Wait()
}

// keying is middleware that makes net/http repeat any request.
type keying struct{ http.RoundTripper }

func (k keying) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Idempotency-Key", "x")
	return k.RoundTripper.RoundTrip(r)
}

func aRequestArrivesOnce(t *testing.T) {
	t.Parallel()
	const idle = 16
	callers := map[string]func(*http.Client) *http.Client{
		"own transport": func(*http.Client) *http.Client { return nil },
		"caller's":      func(c *http.Client) *http.Client { return c },
		"behind middleware": func(c *http.Client) *http.Client {
			return &http.Client{Transport: keying{c.Transport}}
		},
	}
	for caller, client := range callers {
		for _, secure := range []bool{false, true} {
			if secure && caller == "own transport" {
				continue // it does not trust the server; TLS changes nothing of what it does
			}
			for name, req := range requests {
				t.Run(caller+map[bool]string{true: "/TLS/", false: "/plain/"}[secure]+name, func(t *testing.T) {
					t.Parallel()
					var arrived atomic.Int32
					server := httptest.NewUnstartedServer(aborting(gathered(idle), &arrived))
					if secure {
						server.TLS = serving()
						server.StartTLS()
					} else {
						server.Start()
					}
					t.Cleanup(server.Close)
					given := server.Client()
					given.Transport.(*http.Transport).MaxIdleConnsPerHost = idle
					c := rest.New(rest.Config{BaseURL: server.URL, HTTPClient: client(given)})
					warmUp(t, c, idle)
					req := req
					req.Path = "/once"
					_, err := c.Do(t.Context(), req)
					require.ErrorIs(t, err, bankmux.ErrUnavailable)
					e, ok := errors.AsType[*bankmux.Error](err)
					require.True(t, ok)
					assert.False(t, e.NotSent, "it arrived")
					assert.EqualValues(t, 1, arrived.Load())
				})
			}
		}
	}
}

// noticing is a connection that counts what is written of one path.
type noticing struct {
	net.Conn
	path    string
	written *atomic.Int32
}

func (n noticing) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(n.path)) {
		n.written.Add(1)
	}
	return n.Conn.Write(p)
}

func aReadIsNotWrittenOnASecondIdleConnection(t *testing.T) {
	t.Parallel()
	const idle = 24 // net/http picks by chance whether it sees first that the context is done
	for name, through := range map[string]func(http.RoundTripper) http.RoundTripper{
		"transport of net/http": same,
		"middleware":            func(rt http.RoundTripper) http.RoundTripper { return keying{rt} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, aborting(gathered(idle), new(atomic.Int32)))
			var written atomic.Int32
			transport := &http.Transport{MaxIdleConnsPerHost: idle}
			transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, address)
				return noticing{c, "/once", &written}, err
			}
			t.Cleanup(transport.CloseIdleConnections)
			c := rest.New(rest.Config{BaseURL: server.URL, HTTPClient: &http.Client{Transport: through(transport)}})
			warmUp(t, c, idle)
			for n := range int32(idle / 2) { // a failure ends two of them
				_, err := c.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/once"})
				require.ErrorIs(t, err, bankmux.ErrUnavailable)
				require.Equal(t, n+1, written.Load())
			}
		})
	}
}

// stale is a transport whose connections can be closed by the client's own machine while they are
// idle.
type stale struct {
	net.Conn
	dead *atomic.Bool
}

func (s stale) Write(p []byte) (int, error) {
	if s.dead.Load() {
		return 0, errors.New("the connection is gone")
	}
	return s.Conn.Write(p)
}

// dying returns a dialer of connections that die when the switch is on. Later ones live.
func dying(dead *atomic.Bool) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil || dead.Load() {
			return c, err
		}
		return stale{c, dead}, nil
	}
}

func anUnwrittenRequestLeavesOnAnotherConnection(t *testing.T) {
	t.Parallel()
	for name, req := range requests {
		if name == "a long body" {
			continue // net/http does not say of it that nothing was written
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arrived atomic.Int32
			server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if r.URL.Path == "/once" {
					arrived.Add(1)
				}
			})
			var dead atomic.Bool
			transport := &http.Transport{DialContext: dying(&dead)}
			t.Cleanup(transport.CloseIdleConnections)
			c := rest.New(rest.Config{BaseURL: server.URL, HTTPClient: &http.Client{Transport: transport}})
			_, err := c.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/warm"})
			require.NoError(t, err)
			dead.Store(true)
			req := req
			req.Path = "/once"
			_, err = c.Do(t.Context(), req)
			if replayed[name] { // net/http would send it on every idle connection, written or not
				require.ErrorIs(t, err, bankmux.ErrUnavailable)
				assert.Zero(t, arrived.Load())
				_, err = c.Do(t.Context(), req)
			}
			require.NoError(t, err)
			assert.EqualValues(t, 1, arrived.Load())
		})
	}
}

// around is a transport around that of the package.
type around struct{ *http.Transport }

func (a around) CloseStaleConnections() { a.CloseIdleConnections() }

// TestRetryAfterADeadConnection specifies that a retry does not use another dead connection.
func TestRetryAfterADeadConnection(t *testing.T) { // not parallel: a global of net/http
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	for _, name := range []string{"GET", "a long body"} {
		t.Run(name, func(t *testing.T) {
			retryAfterADeadConnection(t, name, func() *http.Client { return nil })
		})
		t.Run(name+" through a transport around that of the package", func(t *testing.T) {
			retryAfterADeadConnection(t, name, func() *http.Client {
				return &http.Client{Transport: around{rest.NewTransport()}}
			})
		})
	}
}

// closing is an around that notes whether its idle connections were closed.
type closing struct {
	around

	closed *atomic.Bool
}

func (c closing) CloseStaleConnections() { c.closed.Store(true) }

// TestACancelledCallClosesNoConnections specifies that a caller who gives up says nothing about the
// connections.
func TestACancelledCallClosesNoConnections(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			arrived <- struct{}{}
			<-r.Context().Done()
		}
	})
	var closed atomic.Bool
	transport := closing{around{rest.NewTransport()}, &closed}
	t.Cleanup(transport.CloseIdleConnections)
	c := rest.New(rest.Config{BaseURL: server.URL, HTTPClient: &http.Client{Transport: transport}})
	_, err := c.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/warm"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err = c.Do(ctx, rest.Request{Method: http.MethodGet, Path: "/hang"})
	require.ErrorIs(t, err, bankmux.ErrContextDone)
	assert.False(t, closed.Load())
}

func retryAfterADeadConnection(t *testing.T, name string, through func() *http.Client) {
	t.Helper()
	const idle = 16
	warm := gathered(idle)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/warm" {
			warm(w, r)
		}
	})
	var dead atomic.Bool
	http.DefaultTransport = &http.Transport{DialContext: dying(&dead)}
	c := rest.New(rest.Config{BaseURL: server.URL, HTTPClient: through()})
	warmUp(t, c, idle)
	dead.Store(true)
	_, err := c.Do(t.Context(), requests[name])
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	_, err = c.Do(t.Context(), requests[name])
	require.NoError(t, err, "all idle connections were dead, and one failure has shown it")
}
