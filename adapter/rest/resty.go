package rest

// This file sends requests by resty, if a caller uses resty's middleware, hooks or debug output.

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"weak"

	"github.com/go-resty/resty/v2"
)

// configure lets the caller add to resty, and refuses settings that cannot have an effect.
func (c *Client) configure(add func(*resty.Client)) {
	c.http.Jar, c.http.CheckRedirect = nil, nil // so that those of resty are seen
	log := new(silentLogger)
	c.resty = resty.NewWithClient(c.http).SetLogger(log).OnRequestLog(hideRequest).OnResponseLog(hideResponse)
	add(c.resty)
	if c.http.Transport != http.RoundTripper(c.own) {
		c.own = nil
	}
	if c.fault == "" {
		c.field, c.fault = restyField, cmp.Or(unusedSetting(c.resty), c.unusedAtStart(log))
	}
	if c.resty.ResponseBodyLimit == 0 {
		c.resty.SetResponseBodyLimit(c.limit) // for requests of middleware
	}
	c.resty.OnBeforeRequest(c.restrict)
}

// restrict runs after the caller's middleware. It refuses what that must not change, and keeps
// requests of middleware apart from those of [Client.Do].
func (c *Client) restrict(rc *resty.Client, r *resty.Request) error {
	found, _ := r.Context().Value(sendingKey{}).(*sending)
	sent := c.sendingOf(r, found)
	ours := sent != nil
	if ours && sent.state.Load() != waiting {
		r.SetContext(sent.traced) // so that the transport refuses it, and resty's response is not nil
		return nil
	}
	_, direct := rc.GetClient().Transport.(sendingTransport)
	detail := ""
	switch {
	case !direct:
		detail = "has middleware that replaces the transport, as digest authentication does"
	case !ours && found == nil:
		r.SetContext(apart{r.Context(), r.Context()})
	case !ours:
		r.SetContext(apart{r.Context(), found.Context})
	case found != sent:
		detail = "has middleware that replaces the context of a request"
	default:
		detail = cmp.Or(unusedSetting(rc), unusedChange(r))
	}
	if detail == "" {
		return nil
	}
	if ours {
		sent.refused = unusable(detail)
	}
	return unusable(detail)
}

// sendingOf returns the sending of a request of [Client.Do] or of a copy, nil for another request.
// found is that of its context, or nil.
func (c *Client) sendingOf(r *resty.Request, found *sending) *sending {
	known, _ := c.sent.Load(weak.Make(r))
	sent, _ := known.(*sending)
	switch {
	case sent != nil:
	case found != nil && r.Body == any(&found.reader):
		return found
	case r.RawRequest != nil:
		sent, _ = r.RawRequest.Context().Value(sendingKey{}).(*sending)
	}
	return sent
}

// keep lets sendingOf find the sending as long as middleware can send the request, which may be
// after Do.
func (c *Client) keep(r *resty.Request, s *sending) {
	key := weak.Make(r)
	c.sent.Store(key, s)
	runtime.AddCleanup(r, func(key weak.Pointer[resty.Request]) { c.sent.Delete(key) }, key)
}

// apart is the context of a request that middleware sends by the same client. The request is not
// that of [Client.Do]: it has neither its body nor its signature, and is not traced with it.
type apart struct {
	context.Context // of the request

	around context.Context // of the caller
}

// apartKey finds an apart in a context.
type apartKey struct{}

// Value returns what the context has, without the sending and its trace.
func (a apart) Value(key any) any {
	if key == (apartKey{}) {
		return true
	}
	switch found := a.Context.Value(key).(type) {
	case *sending:
		return nil
	case *httptrace.ClientTrace:
		return a.around.Value(key)
	default:
		return found
	}
}

// byResty is the part of a sending that only a request of resty's needs.
type byResty struct {
	own      *http.Request // as it is sent without resty
	defaults []string      // the header fields of own that the adapter has not set

	// What the transport has read.
	got    *http.Response
	text   []byte
	broken error // why the text is not complete
	lost   error // the first error of the transport
}

// sendByResty sends the request by resty and reads the response.
func (c *Client) sendByResty(s *sending, req *Request, address string) (*http.Response, []byte, error) {
	own, err := s.request(req, address)
	if err != nil {
		return nil, nil, err
	}
	s.byResty = &byResty{own: own}
	r := c.resty.R().SetContext(s.traced).SetQueryParamsFromValues(req.Query)
	r.Header = own.Header.Clone() // middleware may write to the values
	for _, name := range []string{"Accept", "User-Agent"} {
		if req.Header[name] != nil {
			continue
		}
		s.defaults = append(s.defaults, name)
		if c.resty.Header[name] != nil { // the client's win over the defaults
			delete(r.Header, name)
		}
	}
	if len(s.payload) > 0 {
		s.reader.Reset(s.payload)
		r.SetBody(&s.reader)
	}
	c.keep(r, s)
	res, err := r.Execute(req.Method, address)
	if s.state.CompareAndSwap(waiting, over) && res != nil && !errors.Is(err, errUnprepared) {
		if r.RawRequest != nil && neverSent(r.RawRequest) {
			s.refused = unusable(movedAway)
		}
		return nil, nil, errElsewhere
	}
	return s.receivedBy(res, err)
}

// receivedBy returns the response that the transport has read. Middleware may have changed its
// body.
func (s *sending) receivedBy(res *resty.Response, err error) (*http.Response, []byte, error) {
	switch {
	case s.got == nil:
		return nil, nil, cmp.Or(s.lost, err)
	case s.broken != nil:
		return s.got, nil, s.broken
	case res == nil || res.RawResponse == nil: // http.Client does not like it, such as its Location
		return s.got, s.text, nil
	case errors.Is(err, resty.ErrResponseBodyTooLarge):
		return s.got, nil, errTooLarge
	case errors.Is(err, errSentOnce): // middleware tried to send the request again
		return s.got, s.text, nil
	case err != nil:
		return s.got, nil, errDisliked
	case res.Body() != nil:
		return s.got, res.Body(), nil
	}
	return s.got, s.text, nil // middleware has it in a file, or reads it itself
}

// errDisliked ends a call whose response middleware refuses.
var errDisliked = errors.New("middleware refused the response")

// errElsewhere ends a call whose request a hook has led to another transport, after restrict.
var errElsewhere = errors.New("another transport has the request")

// receive reads the whole response, so that what middleware does with the body does not matter.
// Middleware gets a copy.
func (s *sending) receive(of context.Context, res *http.Response) *http.Response {
	s.text, s.broken = s.client.body(res)
	s.broken = s.ended(of, s.broken)
	s.got = res
	copied := *res
	copied.Header = res.Header.Clone()
	copied.Body = readAlready{bytes.NewReader(s.text), s.broken}          // which copies
	if strings.EqualFold(copied.Header.Get("Content-Encoding"), "gzip") { // as net/http does
		copied.Header.Del("Content-Encoding")
		copied.Header.Del("Content-Length")
		copied.Uncompressed, copied.ContentLength = true, -1
	}
	return &copied
}

// readAlready is the body of a response that was read. broken is why it is not complete, or nil.
type readAlready struct {
	text   *bytes.Reader
	broken error
}

func (b readAlready) Read(to []byte) (int, error) {
	n, err := b.text.Read(to)
	if errors.Is(err, io.EOF) {
		err = cmp.Or(b.broken, err)
	}
	return n, err
}

func (readAlready) Close() error { return nil }

// silentLogger keeps resty from writing logs, and notes whether a setting failed.
type silentLogger struct{ failed atomic.Bool }

func (l *silentLogger) Errorf(string, ...any) { l.failed.Store(true) }
func (*silentLogger) Warnf(string, ...any)    {}
func (*silentLogger) Debugf(string, ...any)   {}

// hidden replaces what may have credentials.
const hidden = "***"

// shownRequestHeader and shownResponseHeader list the header fields that debug output shows. Each
// other one may have a credential.
var (
	shownRequestHeader  = []string{"Accept", "Content-Type", "User-Agent"}
	shownResponseHeader = []string{
		"Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Date", "Retry-After",
		"Server", "Transfer-Encoding", "Vary",
	}
)

// hideRequest keeps credentials out of resty's debug output.
func hideRequest(l *resty.RequestLog) error {
	hideHeader(l.Header, shownRequestHeader)
	l.Body = hidden
	return nil
}

// hideResponse keeps credentials out of resty's debug output.
func hideResponse(l *resty.ResponseLog) error {
	hideHeader(l.Header, shownResponseHeader)
	l.Body = hidden
	return nil
}

// hideHeader hides the values of all header fields but those that are shown.
func hideHeader(header http.Header, shown []string) {
	for name := range header {
		if !slices.Contains(shown, name) {
			header[name] = []string{hidden} // the old slice is sent
		}
	}
}
