package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/go-resty/resty/v2"
)

// sending is one request on its way, which leaves once.
//
// net/http sends a request again by itself. Over HTTP/1.1 it does so for POST and DELETE only where it
// wrote nothing on a connection that was idle before, so those may stay. Over HTTP/2 it does so after
// REFUSED_STREAM, PROTOCOL_ERROR and GOAWAY, where the server may have read all of it: up to seven
// times on one connection, and without end where each new connection ends so. A request with a body
// is stopped by GetBody, one without by its context, which is cancelled before it is written again.
// This holds for reads too: what may be repeated is repeated by the guard, which waits and counts.
type sending struct {
	context.Context
	trace  httptrace.ClientTrace
	stop   context.CancelFunc // nil where GetBody is enough
	plain1 bool               // a connection without TLS is HTTP/1.1

	bearer  [1]string // of a header
	payload []byte
	reader  bytes.Reader
	limited io.LimitedReader // reads the answer

	asked     atomic.Bool // for a connection
	connected atomic.Bool
	provable  atomic.Bool // net/http resends on the present connection only what it has not written
	left      atomic.Bool // the request was written, or may have been
	answered  atomic.Bool // the transport is done
}

// errSentOnce ends a request that was to be sent again.
var errSentOnce = errors.New("the request was sent already")

type sendingKey struct{}

// Value finds the sending itself, for [prepare].
func (s *sending) Value(key any) any {
	if key == (sendingKey{}) {
		return s
	}
	return s.Context.Value(key)
}

// begin returns a request that is about to leave, and its context. Its end must be called.
func (c *Client) begin(ctx context.Context, payload []byte) (*sending, context.Context) {
	s := &sending{Context: ctx, plain1: c.plain1, payload: payload}
	if len(payload) == 0 {
		s.Context, s.stop = context.WithCancel(ctx)
	}
	s.reader.Reset(payload)
	s.trace.GetConn, s.trace.GotConn, s.trace.WroteHeaders = s.ask, s.connect, s.wrote
	return s, httptrace.WithClientTrace(s, &s.trace)
}

// prepare is resty's last step before a request leaves: the body can be had again only from again.
func prepare(_ *resty.Client, r *http.Request) error {
	s, ok := r.Context().Value(sendingKey{}).(*sending)
	switch {
	case !ok:
	case len(s.payload) == 0: // resty puts an empty reader there, which is sent in chunks
		r.Body, r.GetBody = nil, nil
	default:
		r.GetBody = s.again
	}
	return nil
}

// end releases the context.
func (s *sending) end() {
	if s.stop != nil {
		s.stop()
	}
}

func (s *sending) ask(string) {
	s.asked.Store(true)
	if s.left.Load() {
		s.end()
	}
}

func (s *sending) connect(got httptrace.GotConnInfo) {
	s.connected.Store(true)
	if s.left.Load() {
		s.end()
	}
	s.provable.Store(got.Reused && s.http1(got.Conn))
}

func (s *sending) wrote() {
	if !s.provable.Load() {
		s.left.Store(true)
	}
}

func (s *sending) http1(c net.Conn) bool {
	if secure, ok := c.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return secure.ConnectionState().NegotiatedProtocol != "h2"
	}
	return s.plain1
}

// again is the request's GetBody. A transport that traces nothing cannot show that it sent nothing. After an
// answer it is http.Client that asks, about a redirect that is not followed.
func (s *sending) again() (io.ReadCloser, error) {
	if !s.answered.Load() && (s.left.Load() || !s.asked.Load()) {
		return nil, errSentOnce
	}
	return io.NopCloser(bytes.NewReader(s.payload)), nil
}

// unsent is true only where it is known: a transport that traces nothing proves nothing.
func (s *sending) unsent() bool { return s.asked.Load() && !s.connected.Load() }

// plainHTTP1 reports whether a transport speaks only HTTP/1.1 where there is no TLS.
func plainHTTP1(rt http.RoundTripper) bool {
	t, ok := rt.(*http.Transport)
	return ok && (t.Protocols == nil || !t.Protocols.UnencryptedHTTP2())
}

// noting is a transport that notes that it is done.
type noting struct{ http.RoundTripper }

func (t noting) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(r)
	if s, ok := r.Context().Value(sendingKey{}).(*sending); ok && err == nil {
		s.answered.Store(true)
	}
	return res, err
}
