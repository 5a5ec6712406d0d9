package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"github.com/go-resty/resty/v2"
)

// sending is one request on its way, which leaves once.
//
// net/http sends a request again by itself. Over HTTP/1.1 it does so on connections that were idle
// before: a POST or DELETE only where nothing of it was written, a read also where the server read
// it, once for each idle connection. Over HTTP/2 it does so after REFUSED_STREAM, PROTOCOL_ERROR
// and GOAWAY, where the server may have read all of it: up to seven times on one connection, and
// without end where each new connection ends so. A request with a body is stopped by GetBody. One
// without is stopped by its context and, over HTTP/1.1, by its connection, before it is written
// again. This holds for reads too: what may be repeated is repeated by the guard, which waits and
// counts.
type sending struct {
	context.Context
	trace         httptrace.ClientTrace
	stop          context.CancelFunc // nil where GetBody is enough
	client        *Client
	protocolKnown bool // the connection tells its protocol; else the fields do that are written on it

	bearer  [1]string // of a header
	payload []byte
	reader  bytes.Reader
	limited io.LimitedReader // reads the answer

	prepared bool  // there is a request of net/http
	unsigned error // why the request could not be signed

	asked     atomic.Bool // for a connection
	connected atomic.Bool
	reused    atomic.Bool // the present connection served another request before
	http1     atomic.Bool // the present connection is known to be HTTP/1.1
	replayed  atomic.Bool // net/http resends over HTTP/1.1 what the server may have read
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

// start returns a request that is about to leave, and its context. Its end must be called.
func (c *Client) start(ctx context.Context, payload []byte) (*sending, context.Context) {
	s := &sending{Context: ctx, client: c, protocolKnown: c.protocolKnown.Load(), payload: payload}
	if len(payload) == 0 {
		s.Context, s.stop = context.WithCancel(ctx)
	}
	s.reader.Reset(payload)
	s.trace.GetConn, s.trace.GotConn, s.trace.WroteHeaders = s.getConn, s.gotConn, s.wroteHeaders
	if !s.protocolKnown { // a slice for each field is what it costs
		s.trace.WroteHeaderField = s.wroteField
	}
	return s, httptrace.WithClientTrace(s, &s.trace)
}

// prepare is resty's last step before a request leaves: the body can be had again only from again.
func prepare(_ *resty.Client, r *http.Request) error {
	s, ok := r.Context().Value(sendingKey{}).(*sending)
	if !ok {
		return nil
	}
	s.prepared = true
	if s.client.sign != nil {
		if s.unsigned = s.sign(r); s.unsigned != nil {
			return s.unsigned
		}
	}
	s.replayed.Store(replays(r))
	r.GetBody = s.getBody
	if len(s.payload) == 0 { // resty puts an empty reader there, which is sent in chunks
		r.Body, r.GetBody = nil, nil
	}
	return nil
}

// release releases the context.
func (s *sending) release() {
	if s.stop != nil {
		s.stop()
	}
}

func (s *sending) getConn(string) {
	s.asked.Store(true)
	if s.left.Load() {
		s.release()
	}
}

func (s *sending) gotConn(got httptrace.GotConnInfo) {
	s.connected.Store(true)
	before := s.http1.Load()
	secure, stated := got.Conn.(interface{ ConnectionState() tls.ConnectionState })
	if stated {
		s.http1.Store(secure.ConnectionState().NegotiatedProtocol != "h2")
		s.client.learnProtocol(true)
	} else {
		s.http1.Store(s.protocolKnown && s.client.plainHTTP1)
	}
	s.reused.Store(got.Reused)
	if !s.left.Load() {
		return
	}
	s.release()
	if s.http1.Load() || (before && !stated) { // it serves nothing else, and net/http may write on it all the same
		_ = got.Conn.Close()
	}
}

// wroteField sees what is written where neither the transport nor the connection tells the protocol.
// Only HTTP/1.1 has a field of this name in capitals.
func (s *sending) wroteField(name string, _ []string) {
	switch name {
	case "Host":
		s.http1.Store(true)
		s.client.learnProtocol(false)
	case keyField, otherKeyField: // of middleware
		s.replayed.Store(true)
	}
}

// wroteHeaders is called before anything leaves a buffer. Where net/http resends only what it has not
// written, the request has not left as far as a second sending is concerned.
func (s *sending) wroteHeaders() {
	if !s.reused.Load() || !s.http1.Load() || s.replayed.Load() {
		s.left.Store(true)
	}
}

// Header fields by which net/http takes any request for one that can be sent twice.
const (
	keyField      = "Idempotency-Key"
	otherKeyField = "X-Idempotency-Key"
)

// replays reports whether net/http sends a request again over HTTP/1.1 that the server may have
// read.
func replays(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return r.Header[keyField] != nil || r.Header[otherKeyField] != nil
}

// stale reports whether the request was lost on a connection that was idle before. The connection
// may have been dead already, and then the other idle ones may be too.
func (s *sending) stale() bool {
	return s.reused.Load() && s.http1.Load() && !s.answered.Load()
}

// getBody is the request's GetBody. A transport that traces nothing cannot show that it sent nothing.
// After an answer it is http.Client that asks, about a redirect that is not followed.
func (s *sending) getBody() (io.ReadCloser, error) {
	if !s.answered.Load() && (s.left.Load() || !s.asked.Load()) {
		return nil, errSentOnce
	}
	return io.NopCloser(bytes.NewReader(s.payload)), nil
}

// unsent is true only where it is known: a transport that traces nothing proves nothing.
func (s *sending) unsent() bool { return s.asked.Load() && !s.connected.Load() }

// inspectTransport notes what a transport shows of the protocol it speaks. One of the caller's may speak
// HTTP/2 without TLS, or on connections that hide their TLS, and its type does not show it: see
// learn.
func (c *Client) inspectTransport(rt http.RoundTripper) {
	t, ok := rt.(*http.Transport)
	c.direct = ok
	if c.own != nil {
		c.plainHTTP1 = t.Protocols == nil || !t.Protocols.UnencryptedHTTP2()
	} else {
		c.plainHTTP1 = strings.HasPrefix(c.base, "http://")
	}
}

// learnProtocol notes that a transport of net/http tells its protocols: with TLS by the connection, without
// by having spoken HTTP/1.1, for it speaks but one protocol there. Middleware may add fields, so it
// is looked at always.
func (c *Client) learnProtocol(secure bool) {
	if c.direct && secure != c.plainHTTP1 && !c.protocolKnown.Load() {
		c.protocolKnown.Store(true)
	}
}

// markingTransport is a transport that notes that it is done.
type markingTransport struct{ http.RoundTripper }

func (t markingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(r)
	if s, ok := r.Context().Value(sendingKey{}).(*sending); ok && err == nil {
		s.answered.Store(true)
	}
	return res, err
}
