// Package memnet has a network listener whose connections are in memory. A server and a client of a
// test use it, so that their timeouts run on the virtual time of testing/synctest.
package memnet

import (
	"context"
	"net"
	"sync"
)

// Listener is a net.Listener for connections in memory. Make it with [Listen], inside of the
// synctest bubble that uses it. It is safe for concurrent use.
type Listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Listen returns a new listener. It has no goroutine, and its connections are not buffered.
func Listen() *Listener {
	return &Listener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// DialContext returns the client's end of a new connection, after the listener has accepted the
// other end. It has the signature of http.Transport.DialContext, and ignores network and address.
func (l *Listener) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	if err := l.Serve(ctx, server); err != nil {
		return nil, err
	}
	return client, nil
}

// Serve waits until the listener has accepted a connection that the caller made. The error is
// net.ErrClosed after [Listener.Close], or that of ctx.
func (l *Listener) Serve(ctx context.Context, conn net.Conn) error {
	select {
	case l.conns <- conn:
		return nil
	case <-l.closed:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Accept returns the server's end of the next connection, or net.ErrClosed after [Listener.Close].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends every Accept and dial. It may be repeated, and leaves accepted connections open.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr returns a loopback address that nothing listens on.
func (l *Listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
