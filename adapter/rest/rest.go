package rest

// This file has the client, its requests and its responses.

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// defaultBodyLimit is the largest response in bytes, after decompression.
const defaultBodyLimit = 8 << 20

// Config has the address of an API and the way to reach it.
type Config struct {
	// BaseURL is https, or http on loopback, and has no query. See [CheckURL].
	BaseURL string
	// HTTPClient is copied and never changed. nil means a default client.
	HTTPClient *http.Client
	// BodyLimit is the largest response in bytes, after decompression. 0 means 8 MiB.
	BodyLimit int

	// Sign signs each request right before it is sent. [Client.Do] calls it once, so a retry has a
	// new time and a new signature. Method, URL and header are as they are sent, except for Host,
	// Content-Length and Accept-Encoding, which net/http adds. The slice has the bytes that are
	// sent, and is nil if there are none. Changing it or reading r.Body has no effect.
	//
	// Sign sets header fields, and may change path and query. It must not change method, scheme or
	// host. Several goroutines may call it at the same time. nil signs nothing.
	//
	// If Sign fails, nothing is sent. A [*bankmux.Error] is returned unchanged. Any other error
	// becomes [bankmux.ErrInvalid] without its text, which may quote a key.
	Sign func(r *http.Request, body []byte) error

	// Resty adds middleware, hooks, debug output or telemetry. New calls it once. nil adds nothing,
	// and requests then take a shorter way with fewer allocations.
	//
	// A setting works as in resty, or [Client.Fault] refuses it. The limits of this package stay:
	// no retries, no redirects and no cookie jar. Address, body and credential are the adapter's.
	// So are the length and the encoding of the body, the values of the query and the header
	// fields. Middleware may add values and fields, but no Authorization, no Host and no trailer.
	// If it refuses or changes what is the adapter's, the error is [bankmux.ErrInvalid] with
	// NotSent. It is the same if middleware replaces the request's context, or the transport, as
	// digest authentication does. A context that middleware derives
	// ends the call, and the call's own context still ends it too.
	//
	// Middleware may read the response, save it in a file or change it. If it refuses the response,
	// the error is [bankmux.ErrMalformed], and the outcome is unknown.
	//
	// Middleware may send requests of its own by the same client, such as one for a token. They
	// pass the same middleware. They are not signed, and net/http may repeat them. Middleware
	// cannot send the request of a call again, such as with a new token after a 401. That is
	// refused before anything is sent, and the call has the first response or its error.
	//
	// Debug output needs SetDebug and a logger of SetLogger. It hides the bodies, and all header
	// fields but a few that cannot have credentials, unless OnRequestLog or OnResponseLog is set.
	// It has the path and the query, and ids in them may be confidential.
	Resty func(c *resty.Client)

	// Drift reports what responses have and the adapter does not know. Zero reports nothing.
	Drift Drift
}

// Client sends requests to one API. It is safe for concurrent use.
type Client struct {
	http  *http.Client
	resty *resty.Client // nil unless something of resty's was asked for
	base  string
	limit int
	field string   // of the Config, which is invalid
	fault string   // why, or ""
	sent  sync.Map // by weak.Pointer[resty.Request], its *sending
	sign  func(r *http.Request, body []byte) error
	drift sampler

	transport     sendingTransport
	own           *http.Transport // nil where the caller gave one
	direct        bool            // the transport is net/http's, without middleware
	plainHTTP1    bool            // if protocolKnown, a connection without a TLS state is HTTP/1.1
	protocolKnown atomic.Bool     // a connection shows its protocol, without a look at what is written
}

// CheckURL returns why base is not a valid BaseURL, as the end of a sentence such as "is empty". It
// returns "" for a valid one. Credentials are sent only over TLS or over loopback.
func CheckURL(base string) string {
	u, err := url.Parse(base)
	switch {
	case base == "":
		return "is empty"
	case err != nil || u.Host == "":
		return "is not a URL"
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "has a user name, query or fragment"
	case u.Scheme == "https":
		return ""
	case u.Scheme == "http" && loopback(u.Hostname()):
		return ""
	}
	return "is not https (http is allowed on loopback only)"
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// New returns a client. It starts no goroutine. [Client.Fault] says whether the client can be used.
func New(cfg Config) *Client {
	hc := &http.Client{}
	if cfg.HTTPClient != nil {
		copied := *cfg.HTTPClient
		hc = &copied
	}
	c := &Client{
		http:  hc,
		base:  strings.TrimRight(cfg.BaseURL, "/"),
		limit: cfg.BodyLimit,
		field: "Config.BaseURL",
		fault: CheckURL(cfg.BaseURL),
		sign:  cfg.Sign,
		drift: sampler{Drift: cfg.Drift},
	}
	if c.limit <= 0 {
		c.limit = defaultBodyLimit
	}
	if hc.Transport == nil {
		c.own = NewTransport()
		hc.Transport = c.own
	}
	if cfg.Resty != nil {
		c.configure(cfg.Resty)
	}
	hc.Jar = nil
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.protocolKnown.Store(c.own != nil)
	c.inspectTransport(hc.Transport)
	c.transport = sendingTransport{hc.Transport}
	hc.Transport = c.transport
	return c
}

// The content types of requests and responses, as header values. Do not change them.
var (
	jsonType = []string{"application/json"}
	formType = []string{"application/x-www-form-urlencoded"}
)

// userAgent is the header field of every request that does not set it. Do not change it.
var userAgent = []string{"bankmux"}

// Fault returns [bankmux.ErrInvalid] if the configuration cannot work. Its Field is
// "Config.BaseURL" or "Config.Resty". Every call returns it then, and sends nothing. It returns nil
// otherwise.
func (c *Client) Fault() *bankmux.Error {
	if c.fault == "" {
		return nil
	}
	e := invalid(c.fault)
	e.Field = c.field
	return e
}

// Request is one call. Give a one-shot a body: middleware that drops the context could repeat a
// request without one. A printed Request shows only its method.
//
// Path names the endpoint in error tables, telemetry and drift, so it must not have ids itself.
type Request struct {
	Method     string
	Path       string            // "" or starts with a slash; {name} is replaced by a parameter, such as an id
	PathParams map[string]string // values are escaped; "" and values that lead elsewhere are refused
	Query      url.Values
	Header     http.Header // canonical names and valid values; it is not changed
	Bearer     string      // the token for the header field Authorization; see [normalize.Token]
	JSON       any         // the body, if not nil
	Form       url.Values  // the body, if not nil; JSON is then ignored
}

// Response is a complete response with any status. A printed Response shows only its status.
type Response struct {
	method, path string // of the request
	look         *look  // at the first body that is decoded; nil for most responses

	Status     int
	JSON       bool   // the content type is JSON
	Body       []byte // decompressed
	RetryAfter time.Duration
}

// Endpoint returns the request's method and Path, such as "POST /links/{id}/products". Error tables
// use it to distinguish endpoints.
func (r *Response) Endpoint() string { return r.method + " " + r.path }

// Do sends the request once and returns every complete response, including error statuses and
// redirects. It keeps net/http from repeating a request that the server may have read, over
// HTTP/1.1 and HTTP/2. Repeat Do only if the operation may be repeated.
//
// The error is a [*bankmux.Error] without text of the transport, which would have addresses.
// NotSent is set only with proof that nothing was sent. The kinds are:
//
//   - [bankmux.ErrUnavailable]: no response, or none that was complete before a Timeout.
//   - [bankmux.ErrMalformed]: the response broke off or is larger than the limit.
//   - [bankmux.ErrContextDone]: the context ended.
//   - [bankmux.ErrInvalid]: the request cannot be sent.
func (c *Client) Do(ctx context.Context, req Request) (*Response, error) { return c.do(ctx, &req) }

// do is Do without another copy of the request on the stack, since Do is inlined.
func (c *Client) do(ctx context.Context, req *Request) (*Response, error) {
	sent, address, err := c.prepare(ctx, req)
	if err != nil {
		return nil, err
	}
	defer sent.release()
	var res *http.Response
	var body []byte
	if c.resty == nil {
		//nolint:bodyclose // send reads and closes it
		res, body, err = c.send(sent, req, address)
	} else {
		//nolint:bodyclose // resty reads and closes it
		res, body, err = c.sendByResty(sent, req, address)
	}
	if err != nil {
		return nil, sent.failure(ctx, res, err)
	}
	return sent.response(ctx, req.Method, res, body), nil
}

// prepare checks a request and returns its sending and its address. The caller must call
// sending.release.
//
// The parts of Do are functions of their own. What they need is not on the stack while the call
// waits for its response.
func (c *Client) prepare(ctx context.Context, req *Request) (*sending, string, error) {
	switch {
	case c.fault != "":
		return nil, "", c.Fault()
	case req.Path != "" && req.Path[0] != '/': // such a path would change the host
		return nil, "", invalid("the path does not start with a slash")
	case !sendable(req.Header):
		return nil, "", invalid(unsendable)
	}
	path, ok := expand(req.Path, req.PathParams)
	if !ok {
		return nil, "", invalid("a parameter of the path is missing, is empty or leads to another path")
	}
	payload, kind, fault := req.payload()
	if fault != nil {
		return nil, "", fault
	}
	if req.Bearer != "" && !normalize.Token(req.Bearer) { // net/http would call it a failure to send
		return nil, "", invalid("the credential cannot be sent in a header")
	}
	sent := c.start(ctx, payload)
	sent.kind = kind
	sent.template, _, _ = strings.Cut(req.Path, "?")
	return sent, c.base + path, nil
}

// failure returns the error for a request without a complete response.
func (s *sending) failure(ctx context.Context, res *http.Response, err error) error {
	c := s.client
	switch {
	case s.refused != nil:
		return s.refused
	case errors.Is(err, errElsewhere) && ctx.Err() == nil:
		return &bankmux.Error{
			Kind:   bankmux.ErrUnavailable,
			Detail: "the request was sent by another transport that middleware of Config.Resty set",
		}
	case s.state.Load() == over && errors.Is(err, resty.ErrRateLimitExceeded):
		return &bankmux.Error{
			Kind: bankmux.ErrRateLimited, Scope: bankmux.ScopeCall, NotSent: true,
			Detail: "the rate limiter of Config.Resty refused the request",
		}
	case s.state.Load() != handed && ctx.Err() == nil:
		return invalid("the method or the path cannot be sent, or middleware refused or hid the request")
	}
	if ctx.Err() == nil && s.stale() {
		c.closeStale()
	}
	return failure(ctx, res, err, s.unsent())
}

// closeStale closes idle connections, so that a retry does not use the next dead one.
func (c *Client) closeStale() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	} else if t, ok := c.transport.RoundTripper.(StaleCloser); ok {
		t.CloseStaleConnections()
	}
}

// response returns the complete response.
func (s *sending) response(ctx context.Context, method string, res *http.Response, body []byte) *Response {
	return &Response{
		method:     method,
		path:       s.template,
		look:       s.client.drift.take(ctx, method, s.template, res.StatusCode/100 == 2),
		Status:     res.StatusCode,
		JSON:       isJSON(res.Header.Get("Content-Type")),
		Body:       body,
		RetryAfter: normalize.RetryAfterOf(res.Header, time.Now()),
	}
}

// setHeader sets the header fields of the request.
func (req *Request) setHeader(header http.Header, sent *sending) {
	header["Accept"], header["User-Agent"] = jsonType, userAgent
	maps.Copy(header, req.Header)
	if req.Bearer != "" {
		sent.bearer[0] = "Bearer " + req.Bearer
		header["Authorization"] = sent.bearer[:]
	}
	if len(sent.payload) > 0 {
		header["Content-Type"] = sent.kind
	}
}

// payload returns the request's body and its content type, nil if there is none.
func (req *Request) payload() ([]byte, []string, *bankmux.Error) {
	switch {
	case req.Form != nil:
		return []byte(req.Form.Encode()), formType, nil
	case req.JSON != nil:
		body, err := json.Marshal(req.JSON)
		if err != nil {
			return nil, nil, invalid("the request cannot be written as JSON")
		}
		return body, jsonType, nil
	}
	return nil, nil, nil
}

// isJSON reports whether a content type is JSON.
func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	kind, _, _ := mime.ParseMediaType(contentType)
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// failure returns the error for a request without a complete response. It never quotes the
// transport's text, which has addresses.
func failure(ctx context.Context, res *http.Response, err error, notSent bool) *bankmux.Error {
	if cause := ctx.Err(); cause != nil {
		return &bankmux.Error{
			Kind:    bankmux.ErrContextDone,
			Detail:  "no response came in time",
			NotSent: notSent,
			Err:     cause,
		}
	}
	e := &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: notSent}
	if res != nil {
		e.Status = res.StatusCode
	}
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, errTooLarge):
		e.Kind, e.Detail = bankmux.ErrMalformed, "the response is larger than the limit"
	case errors.Is(err, errDisliked):
		e.Kind, e.Detail = bankmux.ErrMalformed, "a response came, and middleware of Config.Resty refused it"
	case errors.As(err, &dns):
		e.Detail = "the host name cannot be resolved"
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Detail = "no response came in time"
		if e.Status != 0 {
			e.Detail = "the response did not end in time"
		}
	case e.Status != 0:
		e.Kind, e.Detail = bankmux.ErrMalformed, "the response broke off or cannot be decompressed"
	case notSent:
		e.Detail = "no connection could be made"
	default:
		e.Detail = "the connection broke before a response arrived"
	}
	return e
}

// Decode reads the response into v, a pointer to a struct, as [wire.Decode] does. It also refuses a
// response whose content type is not JSON. The error is [bankmux.ErrMalformed] with the status.
func (r *Response) Decode(v any) error {
	return r.decode(v, wire.Decode)
}

func (r *Response) decode(v any, read func([]byte, any) error) error {
	if !r.JSON {
		return r.malformed("is not of a JSON content type")
	}
	err := read(r.Body, v)
	if e, ok := errors.AsType[*bankmux.Error](err); ok {
		e.Status = r.Status
	}
	if r.look != nil && err == nil {
		r.look.at(r.Body, v)
	}
	r.look = nil // a later type may be that of a part of the response
	return err
}

// Try returns what [Response.Decode] reads, and the zero value if it fails. It is for a part of a
// response, such as the code of an error, which may be the page of a proxy. Keys that T does not
// have may repeat: see [wire.DecodeLenient].
func Try[T any](r *Response) (v T) {
	if r.decode(&v, wire.DecodeLenient) != nil {
		return *new(T)
	}
	return v
}

// malformed returns the error for an unusable response.
func (r *Response) malformed(what string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrMalformed, Status: r.Status, Detail: "the response " + what}
}

// Lacks returns the error for a well-formed response without a required field. The field is a name
// from the provider's documentation, never text of the response.
func (r *Response) Lacks(field string) *bankmux.Error {
	return r.malformed("lacks " + field)
}

// Require returns nil if a decoded response has every member that it must have. Otherwise the error
// is that of [Response.Lacks]. [wire.Lacks] says how a type declares them.
func (r *Response) Require(v any) error {
	if missing := wire.Lacks(v); missing != "" {
		return r.Lacks(missing)
	}
	return nil
}
