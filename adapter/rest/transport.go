package rest

import (
	"net/http"
	"time"
)

// The numbers of the client's own transport, which serves one API for all callers of a process.
const (
	// maxIdleConns is how many connections are kept between calls. Over HTTP/1.1 each caller needs
	// one, and net/http keeps two, so that with 64 callers nearly every call would begin with a TLS
	// handshake. 256 are more callers than a provider's rate limit lets one process have; an idle
	// connection costs some 20 KiB.
	maxIdleConns = 256

	// idleTimeout ends idle connections before a load balancer does, most of which wait for 60 s or
	// longer. What the server closes first can meet a request that was just sent, and a one-shot is
	// then lost.
	idleTimeout = 55 * time.Second

	// handshakeTimeout is how long TLS may take; the call's deadline counts on.
	handshakeTimeout = 10 * time.Second
)

// newTransport is one of the client's own, with the settings of the program's default where that is
// still net/http's. Connections in use are not limited: a bank may take two minutes, and must not
// hold up the calls to others. The time until an answer begins is not limited either, since each
// call has a deadline.
func newTransport() *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: handshakeTimeout}
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		t = standard.Clone()
	}
	t.MaxIdleConnsPerHost = max(t.MaxIdleConnsPerHost, maxIdleConns)
	if t.MaxIdleConns > 0 { // 0 is no limit
		t.MaxIdleConns = max(t.MaxIdleConns, maxIdleConns)
	}
	if t.IdleConnTimeout == 0 || t.IdleConnTimeout > idleTimeout {
		t.IdleConnTimeout = idleTimeout
	}
	return t
}
