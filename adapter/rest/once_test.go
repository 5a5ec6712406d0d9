package rest_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// http2Server uses only HTTP/2, with TLS or without.
func http2Server(t *testing.T, secure bool, h http.HandlerFunc) (base string, client *http.Client) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	base = "http://" + l.Addr().String()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	if secure {
		base = "https://" + l.Addr().String()
		config := serving()
		config.NextProtos = []string{"h2"}
		l = tls.NewListener(l, config)
		transport = &http.Transport{
			ForceAttemptHTTP2: true,
			TLSClientConfig:   &tls.Config{RootCAs: trusted(), MinVersion: tls.VersionTLS13, CurvePreferences: fast},
		}
	}
	server := &http.Server{
		Handler:           h,
		ConnContext:       wirefault.ConnContext,
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: time.Minute,
	}
	server.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(framed{l})
	}()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		assert.NoError(t, server.Close())
		<-served
	})
	return base, &http.Client{Transport: transport}
}

type framed struct{ net.Listener }

func (f framed) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return wirefault.HTTP2Conn(c), nil
}

// requests are the forms that a request can have.
var requests = map[string]rest.Request{
	"a body":            {Method: http.MethodPost, JSON: map[string]string{"token": "x"}},
	"a form":            {Method: http.MethodPost, Form: map[string][]string{"grant_type": {"x"}}},
	"an empty form":     {Method: http.MethodPost, Form: map[string][]string{}},
	"a long body":       {Method: http.MethodPost, JSON: strings.Repeat("x", 300<<10)}, // more than a window of HTTP/2
	"POST without body": {Method: http.MethodPost},
	"DELETE":            {Method: http.MethodDelete},
	"GET":               {Method: http.MethodGet},
	"GET with a key":    {Method: http.MethodGet, Header: http.Header{"Idempotency-Key": {"x"}}},
	"POST with a key":   {Method: http.MethodPost, Header: http.Header{"Idempotency-Key": {"x"}}, JSON: 1},
	"DELETE with a key": {Method: http.MethodDelete, Header: http.Header{"X-Idempotency-Key": {"x"}}},
}

// TestOnceOverHTTP2 specifies that a request arrives once over HTTP/2, whatever fails.
func TestOnceOverHTTP2(t *testing.T) {
	t.Parallel()
	for _, f := range wirefault.HTTP2() {
		for name, req := range requests {
			for _, secure := range []bool{true, false} {
				for _, read := range []bool{true, false} { // whether the server read the body
					for _, warm := range []bool{true, false} { // whether it is the first request of its connection
						t.Run(
							f.Name+"/"+name+map[bool]string{true: "/TLS", false: "/plain"}[secure]+map[bool]string{
								true: "/read", false: "/unread",
							}[read]+map[bool]string{true: "/warm", false: "/cold"}[warm],
							func(t *testing.T) {
								t.Parallel()
								exchange{f, req, secure, read, warm, same}.arrivesOnce(t)
							},
						)
					}
				}
			}
		}
	}
}

func same(rt http.RoundTripper) http.RoundTripper { return rt }

// exchange is one request to a server with a fault.
type exchange struct {
	fault   wirefault.Fault
	req     rest.Request
	secure  bool // with TLS
	read    bool // the server reads the body
	warm    bool // the connection has served another request
	through func(http.RoundTripper) http.RoundTripper
}

// arrivesOnce sends the request and counts how often it arrives.
func (x exchange) arrivesOnce(t *testing.T) {
	t.Helper()
	var arrived atomic.Int32
	right := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"ok":true}`))
	})
	base, client := http2Server(t, x.secure, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/warm" {
			right(w, r)
			return
		}
		if arrived.Add(1) > 1 { // net/http would continue, in some cases without end
			right(w, r)
			return
		}
		if !x.read {
			r.Body = http.NoBody
		}
		x.fault.Serve(w, r, right)
	})
	c := rest.New(rest.Config{BaseURL: base, HTTPClient: &http.Client{Transport: x.through(client.Transport)}})
	if x.warm {
		_, err := c.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/warm"})
		require.NoError(t, err)
	}
	x.req.Path = "/once"
	res, err := c.Do(t.Context(), x.req)
	assert.EqualValues(t, 1, arrived.Load(), "arrivals; %v", err)
	if x.fault.Name == "http2_goaway_graceful" {
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, res.Status)
		return
	}
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok, "%v", err)
	assert.False(t, e.NotSent, "it arrived")
	assert.Contains(t, []bankmux.Kind{bankmux.ErrUnavailable, bankmux.ErrMalformed}, e.Kind)
}
