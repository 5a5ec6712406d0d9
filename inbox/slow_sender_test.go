package inbox_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/inbox"
	"github.com/bankmux/bankmux/internal/memnet"
)

// TestSlowSender specifies that a slow sender gets a response in time and occupies little.
func TestSlowSender(t *testing.T) {
	t.Parallel()
	t.Run("a slow sender gets a response in time behind any middleware", aSlowSenderGetsAResponseInTime)
	t.Run("a body that arrives byte by byte times out", aBodyThatArrivesByteByByteTimesOut)
	t.Run("a refusal does not wait for the body", aRefusalDoesNotWaitForTheBody)
	t.Run("the handler returns when the request ends", theHandlerReturnsWhenTheRequestEnds)
}

// dial returns the sender's end of a connection that the server has accepted.
func dial(l *memnet.Listener) net.Conn {
	conn, _ := l.DialContext(context.Background(), "", "")
	return conn
}

// hidden is middleware without Unwrap: no deadline can be set through it.
type hidden struct{ http.ResponseWriter }

// idle takes a deadline and does nothing.
type idle struct{ http.ResponseWriter }

func (idle) SetReadDeadline(time.Time) error { return nil }

// locked is a body whose Close waits for the Read, as that of net/http does.
type locked struct {
	mu   sync.Mutex
	body io.ReadCloser
}

func (l *locked) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.body.Read(p)
}

func (l *locked) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.body.Close()
}

// middlewares are the ways in which an application may wrap the inbox.
var middlewares = map[string]func(http.Handler) http.Handler{
	"none": func(h http.Handler) http.Handler { return h },
	"a writer without Unwrap": func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(hidden{w}, r) })
	},
	"a writer whose deadline does nothing": func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(idle{w}, r) })
	},
	"a body that locks": func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = &locked{body: r.Body}
			h.ServeHTTP(hidden{w}, r)
		})
	},
	"a limit of bytes":    func(h http.Handler) http.Handler { return http.MaxBytesHandler(h, 1<<20) },
	"http.TimeoutHandler": func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Minute, "late") },
}

func aSlowSenderGetsAResponseInTime(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
		for name, wrap := range middlewares {
			for form, length := range map[string]string{
				"of a known length": "Content-Length: 500000", "in chunks": "Transfer-Encoding: chunked",
			} {
				t.Run(protocol+" behind "+name+", a body "+form, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						if protocol == "HTTP/2" {
							stalls(t, wrap,
								func(p *memnet.Listener) (int, func()) { return stall2(t, p, form == "in chunks") })
						} else {
							stalls(t, wrap,
								func(p *memnet.Listener) (int, func()) { return stall1(t, p, "/acme", length) })
						}
					})
				})
			}
		}
	}
}

// stalls lets fifty senders send a part of a body and no more, while memory is enough for no more
// than them.
func stalls(
	t *testing.T, wrap func(http.Handler) http.Handler, stall func(*memnet.Listener) (status int, hangUp func()),
) {
	const senders, readFor = 50, 5 * time.Second
	var inside atomic.Int32
	in := inbox.New(
		newRegistry(t, sender{}),
		ignore,
		inbox.WithLimits(inbox.Limits{Memory: senders * 4 << 10, ReadFor: readFor}),
	)
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside.Add(1)
		defer inside.Add(-1)
		in.ServeHTTP(w, r)
	})
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: wrap(counted), Protocols: &protocols, ReadHeaderTimeout: time.Minute}
	p := memnet.Listen()
	var serving, all sync.WaitGroup
	serving.Go(func() { _ = server.Serve(p) })

	start := time.Now()
	var statuses [senders]int
	var hangUps [senders]func()
	for i := range senders {
		all.Go(func() { statuses[i], hangUps[i] = stall(p) })
	}
	all.Wait()
	synctest.Wait()
	assert.LessOrEqual(t, time.Since(start), readFor)
	for _, status := range statuses {
		assert.Equal(t, http.StatusRequestTimeout, status)
	}
	assert.Zero(t, inside.Load(), "no sender is left in the inbox")
	// All connections are open, and all the memory is free again.
	large := delivery("k", strings.Repeat("x", 50_000))
	assert.Equal(t, http.StatusOK, answer(in, large).Code)
	for _, hangUp := range hangUps {
		hangUp()
	}
	require.NoError(t, server.Close())
	serving.Wait()
	time.Sleep(time.Second) // net/http lingers for half of it; then the bubble ends only if no goroutine is left
}

// stall1 sends the head and a little of the body over HTTP/1.1.
func stall1(t *testing.T, p *memnet.Listener, path, length string) (status int, hangUp func()) {
	conn := dial(p)
	_, err := fmt.Fprintf(
		conn,
		"POST %s HTTP/1.1\r\nHost: inbox\r\nContent-Type: application/json\r\nGenuine: "+
			"yes\r\n%s\r\n\r\n6\r\n{\"key\"\r\n",
		path,
		length,
	)
	assert.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if !assert.NoError(t, err) {
		return 0, func() { _ = conn.Close() }
	}
	assert.NoError(t, res.Body.Close())
	return res.StatusCode, func() { _ = conn.Close() }
}

// stall2 does the same over HTTP/2.
func stall2(t *testing.T, p *memnet.Listener, chunked bool) (status int, hangUp func()) {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{
		Protocols:   &protocols,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return dial(p), nil },
	}
	body, feed := io.Pipe()
	sent := make(chan struct{})
	go func() { defer close(sent); _, _ = feed.Write([]byte(`{"key"`)) }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://inbox/acme", body)
	assert.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Genuine", "yes")
	if !chunked {
		req.ContentLength = 500_000
	}
	leave := func() {
		_ = feed.Close()
		transport.CloseIdleConnections()
	}
	res, err := transport.RoundTrip(req) //nolint:bodyclose // the caller closes it, by what is returned
	if !assert.NoError(t, err) {
		return 0, leave
	}
	<-sent
	return res.StatusCode, func() { _ = res.Body.Close(); leave() }
}

func aBodyThatArrivesByteByByteTimesOut(t *testing.T) {
	t.Parallel()
	for name, wrap := range middlewares {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in := inbox.New(newRegistry(t, sender{}), ignore)
				server := &http.Server{Handler: wrap(in), ReadHeaderTimeout: time.Minute}
				p := memnet.Listen()
				var serving, dripping sync.WaitGroup
				serving.Go(func() { _ = server.Serve(p) })
				conn := dial(p)
				start := time.Now()
				dripping.Go(func() {
					_, err := io.WriteString(
						conn,
						"POST /acme HTTP/1.1\r\nHost: inbox\r\nContent-Type: application/json\r\nContent-Length: "+
							"1000\r\n\r\n{",
					)
					for err == nil {
						time.Sleep(100 * time.Millisecond)
						_, err = io.WriteString(conn, " ")
					}
				})
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				require.NoError(t, err)
				assert.Equal(t, http.StatusRequestTimeout, res.StatusCode)
				assert.LessOrEqual(t, time.Since(start), 5*time.Second)
				require.NoError(t, res.Body.Close())
				require.NoError(t, conn.Close())
				dripping.Wait()
				require.NoError(t, server.Close())
				serving.Wait()
				time.Sleep(time.Second)
			})
		})
	}
}

func aRefusalDoesNotWaitForTheBody(t *testing.T) {
	t.Parallel()
	for name, wrap := range middlewares {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in := inbox.New(newRegistry(t, sender{}), ignore, inbox.WithLimits(inbox.Limits{Body: 1000}))
				server := &http.Server{Handler: wrap(in), ReadHeaderTimeout: time.Minute}
				p := memnet.Listen()
				var serving sync.WaitGroup
				serving.Go(func() { _ = server.Serve(p) })
				start := time.Now()
				for _, c := range []struct {
					path, length string
					status       int
				}{
					{"/unknown", "Content-Length: 5000", http.StatusNotFound},
					{"/unknown", "Transfer-Encoding: chunked", http.StatusNotFound},
					{"/acme", "Content-Length: 5000", http.StatusRequestEntityTooLarge},
				} {
					status, hangUp := stall1(t, p, c.path, c.length)
					assert.Equal(t, c.status, status)
					hangUp()
				}
				assert.Zero(t, time.Since(start))
				require.NoError(t, server.Close())
				serving.Wait()
				time.Sleep(time.Second)
			})
		})
	}
}

// An http.TimeoutHandler with a shorter limit than the inbox's cannot respond, because net/http
// reads the body before it writes. The inbox still returns, and nothing remains after the sender
// has hung up.
func theHandlerReturnsWhenTheRequestEnds(t *testing.T) {
	t.Parallel()
	const senders = 16
	left := make(chan struct{}, senders)
	in := inbox.New(
		newRegistry(t, sender{}),
		ignore,
		inbox.WithLimits(inbox.Limits{Memory: senders * 4 << 10, ReadFor: time.Hour}),
	)
	server := httptest.NewServer(http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in.ServeHTTP(w, r)
		left <- struct{}{}
	}), time.Millisecond, "late"))
	defer server.Close()
	for range senders {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(
			conn,
			"POST /acme HTTP/1.1\r\nHost: inbox\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		)
		require.NoError(t, err)
	}
	for range senders {
		<-left
	}
	assert.Equal(
		t,
		http.StatusOK,
		answer(in, delivery("k", strings.Repeat("x", 50_000))).Code,
		"all the memory is free",
	)
}
