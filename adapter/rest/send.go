package rest

// This file keeps net/http from repeating a request.

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
)

// sending is one request that is sent once.
//
// net/http repeats requests silently:
//
//   - Over HTTP/1.1 it repeats a request that failed on an idle connection, once for each idle
//     connection. It repeats a POST or DELETE only if nothing of it was written. It repeats a read
//     even if the server has read it.
//   - Over HTTP/2 it repeats a request after REFUSED_STREAM, PROTOCOL_ERROR and GOAWAY, although
//     the server may have read all of it. It does so up to seven times on one connection, and
//     without limit if each new connection ends the same way.
//
// GetBody stops the repeat of a request with a body. The context stops the repeat of one without a
// body. Over HTTP/1.1 the connection is also closed before the second write. Reads are stopped too,
// because only package guard repeats: it waits and counts.
type sending struct {
	context.Context // of the call; stop ends it

	traced        context.Context // of the request
	trace         httptrace.ClientTrace
	stop          context.CancelFunc // nil where GetBody is enough and the client has no Timeout
	client        *Client
	template      string // Request.Path without a query
	protocolKnown bool   // the connection shows its protocol; otherwise the written fields show it

	bearer  [1]string // of a header
	payload []byte
	kind    []string // its content type
	reader  bytes.Reader

	state   atomic.Int32 // waiting and the constants after it
	refused error        // why the request was not sent, such as a signature that could not be made

	*byResty // nil where net/http sends the request

	asked     atomic.Bool // a connection was requested
	connected atomic.Bool
	reused    atomic.Bool // the connection has served another request
	http1     atomic.Bool // the connection is known to be HTTP/1.1
	replayed  atomic.Bool // over HTTP/1.1, net/http repeats it even if the server has read it
	left      atomic.Bool // the request may have been written
	responded atomic.Bool // the transport has returned a response
}

// The states of a request. A request that is not waiting is not prepared, so it is sent once.
const (
	waiting  int32 = iota
	prepared       // its body and its signature are checked
	handed         // the transport has it
	over           // Do has returned, and nothing was sent
)

// errSentOnce ends a request that net/http or middleware tries to repeat.
var errSentOnce = errors.New("a request is sent once, and only package guard repeats calls")

// sendingKey finds the sending in a context.
type sendingKey struct{}

// Value returns the sending for sendingKey.
func (s *sending) Value(key any) any {
	if key == (sendingKey{}) {
		return s
	}
	return s.Context.Value(key)
}

// Template returns the path of the request that the context belongs to, such as "/v2/links/{id}".
// It is the path of the BaseURL and [Request.Path] without a query. It is for transports that name
// requests without their parameters, which may be credentials. It is "" if the request is not one
// of [Client.Do].
func Template(ctx context.Context) string {
	s, ok := ctx.Value(sendingKey{}).(*sending)
	if !ok {
		return ""
	}
	base, err := url.Parse(s.client.base)
	if err != nil {
		return s.template
	}
	return base.EscapedPath() + s.template
}

// start returns a sending. The caller must call release.
func (c *Client) start(ctx context.Context, payload []byte) *sending {
	s := &sending{Context: ctx, client: c, protocolKnown: c.protocolKnown.Load(), payload: payload}
	switch {
	case c.http.Timeout > 0:
		s.Context, s.stop = context.WithTimeout(ctx, c.http.Timeout)
	case len(payload) == 0:
		s.Context, s.stop = context.WithCancel(ctx)
	}
	s.trace.GetConn, s.trace.GotConn, s.trace.WroteHeaders = s.getConn, s.gotConn, s.wroteHeaders
	if !s.protocolKnown { // only then, since it costs a slice per field
		s.trace.WroteHeaderField = s.wroteField
	}
	s.traced = httptrace.WithClientTrace(s, &s.trace)
	return s
}

// send sends the request by net/http and reads the response.
func (c *Client) send(s *sending, req *Request, address string) (*http.Response, []byte, error) {
	r, err := s.request(req, address)
	if err != nil {
		return nil, nil, err
	}
	res, err := c.transport.roundTrip(s, r)
	if err != nil {
		return nil, nil, err
	}
	body, err := c.body(res)
	return res, body, err
}

// request returns the request of net/http.
func (s *sending) request(req *Request, address string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(s.traced, req.Method, address, nil)
	if err != nil {
		return nil, err
	}
	if len(req.Query) > 0 {
		r.URL.RawQuery = joinQuery(r.URL.RawQuery, req.Query.Encode())
	}
	req.setHeader(r.Header, s)
	if len(s.payload) > 0 {
		r.Body, r.ContentLength = s.body(), int64(len(s.payload))
	}
	return r, nil
}

// errNoResponse is the error of a transport that returns neither a response nor an error.
var errNoResponse = errors.New("the transport returned no response")

// body returns a reader of the payload. net/http recognizes its type, and sends header and body in
// one packet.
func (s *sending) body() io.ReadCloser {
	s.reader.Reset(s.payload)
	return io.NopCloser(&s.reader)
}

// joinQuery adds a query to another one.
func joinQuery(query, more string) string {
	if query == "" {
		return more
	}
	return query + "&" + more
}

// errUnprepared refuses a request that is not one of Client.Do, or that a hook of resty's hides
// from this package.
var errUnprepared = errors.New("the request has another context")

// sendingTransport is the transport of a client. It prepares each request and notes its response.
type sendingTransport struct{ http.RoundTripper }

// RoundTrip sends a request of resty's.
func (t sendingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	s, ok := r.Context().Value(sendingKey{}).(*sending)
	switch {
	case !ok && r.Context().Value(apartKey{}) != nil:
		return t.RoundTripper.RoundTrip(r)
	case !ok: // neither its body nor its signature is known
		return nil, errUnprepared
	}
	ctx, release := s.together(r.Context())
	defer release()
	res, err := t.roundTrip(s, r.WithContext(ctx))
	if err != nil {
		err = s.ended(r.Context(), err)
		s.lost = cmp.Or(s.lost, err)
		return nil, err
	}
	return s.receive(r.Context(), res), nil
}

// roundTrip sends the request by the transport. Without redirects, cookies and a Timeout, nothing
// is left for http.Client to do. Its copies of headers and its frames on the stack are not needed.
func (t sendingTransport) roundTrip(s *sending, r *http.Request) (*http.Response, error) {
	if !s.state.CompareAndSwap(waiting, prepared) {
		return nil, errSentOnce
	}
	r, err := s.prepare(r)
	if s.refused = err; err != nil {
		return nil, err
	}
	s.state.Store(handed)
	res, err := t.RoundTripper.RoundTrip(r)
	switch {
	case err != nil:
		return nil, err
	case res == nil, res.Body == nil && res.ContentLength > 0:
		return nil, errNoResponse
	case res.Body == nil:
		res.Body = http.NoBody
	}
	s.responded.Store(true)
	return res, nil
}

// prepare returns the request as it is sent. It sets GetBody and signs the request. The request is
// one of this package or resty's, so it may be changed.
func (s *sending) prepare(r *http.Request) (*http.Request, error) {
	if s.byResty != nil {
		composed, err := s.compose(r)
		if err != nil {
			return nil, err
		}
		r = composed
	}
	if len(s.payload) > 0 {
		r.GetBody = s.getBody
	}
	if s.client.sign != nil {
		if err := s.sign(r); err != nil {
			return nil, err
		}
	}
	s.replayed.Store(replays(r))
	return r, nil
}

// release releases the context.
func (s *sending) release() {
	if s.stop != nil {
		s.stop()
	}
}

// traces reports whether a trace is of this request. Middleware and a signer may give its context
// to another HTTP client, such as one that fetches a token.
func (s *sending) traces() bool { return s.state.Load() == handed }

// getConn runs before net/http takes a connection. A second one means a repeat.
func (s *sending) getConn(string) {
	if !s.traces() {
		return
	}
	s.asked.Store(true)
	if s.left.Load() {
		s.release()
	}
}

// gotConn runs when net/http has a connection. It ends a repeat before anything is written.
func (s *sending) gotConn(got httptrace.GotConnInfo) {
	if !s.traces() {
		return
	}
	s.connected.Store(true)
	before := s.http1.Load()
	secure, stated := got.Conn.(interface{ ConnectionState() tls.ConnectionState })
	if stated {
		s.http1.Store(secure.ConnectionState().NegotiatedProtocol != "h2")
		s.client.learnProtocol(true)
	} else { // a second connection has the protocol of the first one
		s.http1.Store((s.protocolKnown && s.client.plainHTTP1) || (before && s.left.Load()))
	}
	s.reused.Store(got.Reused)
	if !s.left.Load() {
		return
	}
	s.release()
	if s.http1.Load() { // no other request uses it, and net/http might still write on it
		_ = got.Conn.Close()
	}
}

// wroteField runs for each written field if neither the transport nor the connection shows the
// protocol. Only HTTP/1.1 writes the name "Host" with a capital letter.
func (s *sending) wroteField(name string, _ []string) {
	if !s.traces() {
		return
	}
	switch name {
	case "Host":
		s.http1.Store(true)
		s.client.learnProtocol(false)
	case keyField, otherKeyField: // added by middleware
		s.replayed.Store(true)
	}
}

// wroteHeaders runs before anything leaves the buffer. It marks the request as left, unless
// net/http repeats it only if nothing was written.
func (s *sending) wroteHeaders() {
	if s.traces() && (!s.reused.Load() || !s.http1.Load() || s.replayed.Load()) {
		s.left.Store(true)
	}
}

// A request with one of these header fields is idempotent for net/http.
const (
	keyField      = "Idempotency-Key"
	otherKeyField = "X-Idempotency-Key"
)

// replays reports whether net/http repeats a request over HTTP/1.1 that the server may have read.
func replays(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return r.Header[keyField] != nil || r.Header[otherKeyField] != nil
}

// stale reports whether the request was lost on a connection that had been idle. That connection
// may have been dead, and then the other idle ones may be dead too.
func (s *sending) stale() bool {
	return s.reused.Load() && s.http1.Load() && !s.responded.Load()
}

// getBody is the request's GetBody. It refuses a repeat, also by a transport that traces nothing,
// since such a transport cannot show that nothing was sent. After a response http.Client calls it,
// for a redirect that is not followed.
func (s *sending) getBody() (io.ReadCloser, error) {
	if !s.responded.Load() && (s.left.Load() || !s.asked.Load()) {
		return nil, errSentOnce
	}
	return io.NopCloser(bytes.NewReader(s.payload)), nil
}

// unsent reports whether the request is known not to be sent. A transport that traces nothing
// proves nothing.
func (s *sending) unsent() bool { return s.asked.Load() && !s.connected.Load() }

// inspectTransport notes which protocol a transport uses. A caller's transport may use HTTP/2
// without TLS, or on connections that hide their TLS. Its type does not show that: see
// learnProtocol.
func (c *Client) inspectTransport(rt http.RoundTripper) {
	t, ok := rt.(*http.Transport)
	c.direct = ok
	if c.own != nil {
		c.plainHTTP1 = t.Protocols == nil || !t.Protocols.UnencryptedHTTP2()
	} else {
		c.plainHTTP1 = strings.HasPrefix(c.base, "http://")
	}
}

// learnProtocol notes that the connections of a transport show their protocol. With TLS the
// connection shows it. Without TLS a transport of net/http uses one protocol, so one use of
// HTTP/1.1 shows it. Middleware may add header fields, so its fields are always inspected.
func (c *Client) learnProtocol(secure bool) {
	if c.direct && secure != c.plainHTTP1 && !c.protocolKnown.Load() {
		c.protocolKnown.Store(true)
	}
}
