package rest

// This file has the default transport.

import (
	"net/http"
	"time"
)

// The limits of the default transport, which serves one API for all callers of a process.
const (
	// maxIdleConns is how many connections are kept between calls. Over HTTP/1.1 each caller needs
	// one. By default net/http keeps two, so with 64 callers nearly every call would start with a
	// TLS handshake. A provider's rate limit allows fewer than 256 callers per process. An idle
	// connection takes about 20 KiB.
	maxIdleConns = 256

	// idleTimeout closes idle connections before a load balancer does, since most wait for 60 s or
	// longer. If the server closed one first, it could lose a one-shot that was just sent.
	idleTimeout = 55 * time.Second

	// handshakeTimeout limits the TLS handshake. The call's deadline also applies.
	handshakeTimeout = 10 * time.Second
)

// StaleCloser is a transport around one that [NewTransport] has made, and that no other code uses.
// CloseStaleConnections closes its idle connections. [Client] calls it after a request that was
// lost on an idle connection, so that a retry does not use the next dead one. Client does not close
// the idle connections of other transports, which may serve other code of the application.
type StaleCloser interface{ CloseStaleConnections() }

// NewTransport returns a transport like that of a client without an HTTPClient, for a transport
// that wraps it. It has the settings of [http.DefaultTransport], unless the program has replaced
// that by another type. More idle connections are kept, and they are closed earlier.
//
// Connections in use are not limited: one bank may take two minutes, and calls to other banks must
// not wait for it. The time until a response starts is not limited, since each call has a deadline.
func NewTransport() *http.Transport {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: handshakeTimeout,
	}
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		t = standard.Clone()
	}
	t.MaxIdleConnsPerHost = max(t.MaxIdleConnsPerHost, maxIdleConns)
	if t.MaxIdleConns > 0 { // 0 means no limit
		t.MaxIdleConns = max(t.MaxIdleConns, maxIdleConns)
	}
	if t.IdleConnTimeout == 0 || t.IdleConnTimeout > idleTimeout {
		t.IdleConnTimeout = idleTimeout
	}
	return t
}
