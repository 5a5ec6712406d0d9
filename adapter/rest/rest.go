package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// defaultBodyLimit is the most a response may hold after decompression.
const defaultBodyLimit = 8 << 20

// Config says where an API is and how to reach it.
type Config struct {
	BaseURL    string       // https, or http on loopback; no query; see [CheckURL]
	HTTPClient *http.Client // copied, never changed; nil means a client of its own
	BodyLimit  int          // in bytes; 0 means 8 MiB

	// Sign signs or stamps each request right before it leaves: once for each [Client.Do], so a
	// retry has a new time and a new signature. Method, URL and header are as they are sent, save
	// Host, Content-Length and Accept-Encoding, which net/http adds. The body is nil where there is
	// none, and the bytes are those that are sent: changing the slice or reading r.Body has no
	// effect. Sign sets header fields, and may change path and query. It must not change method,
	// scheme or host. Several goroutines call it at once. nil signs nothing.
	//
	// An error ends the call before anything is sent: a [*bankmux.Error] as it is, any other one as
	// [bankmux.ErrInvalid] without its text, which may quote a key.
	Sign func(r *http.Request, body []byte) error
}

// Client sends requests to one API. It is safe for concurrent use.
type Client struct {
	resty *resty.Client
	base  string // resty would parse it with every request
	limit int
	fault string // why base cannot be used
	sign  func(r *http.Request, body []byte) error

	own           *http.Transport // nil where the caller gave one
	direct        bool            // the transport is net/http's, without middleware
	plainHTTP1    bool            // where told, a connection without a TLS state is HTTP/1.1
	protocolKnown atomic.Bool     // the protocol of a connection is seen without looking at what is written
}

// CheckURL returns why base cannot be the address of an API, as the end of a sentence about it, or
// "". Credentials travel only over TLS, or over loopback.
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

// New returns a client. It starts nothing. With a BaseURL that [CheckURL] refuses, every call is
// [bankmux.ErrInvalid] and sends nothing.
func New(cfg Config) *Client {
	hc := &http.Client{}
	if cfg.HTTPClient != nil {
		copied := *cfg.HTTPClient // resty changes the client it is given
		hc = &copied
		hc.Jar = nil
	}
	c := &Client{
		base:  strings.TrimRight(cfg.BaseURL, "/"),
		limit: cfg.BodyLimit,
		fault: CheckURL(cfg.BaseURL),
		sign:  cfg.Sign,
	}
	if hc.Transport == nil {
		c.own = newTransport()
		hc.Transport = c.own
		c.protocolKnown.Store(true)
	}
	c.inspectTransport(hc.Transport)
	if c.limit <= 0 {
		c.limit = defaultBodyLimit
	}
	hc.Transport = markingTransport{hc.Transport}
	c.resty = resty.NewWithClient(hc).
		SetRedirectPolicy(resty.RedirectPolicyFunc(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse })).
		SetDoNotParseResponse(true). // resty reads bodies in small steps; see body
		SetRetryCount(0).
		SetLogger(silentLogger{}).
		SetPreRequestHook(prepare).
		SetHeader("Accept", "application/json").
		SetHeader("User-Agent", "bankmux")
	return c
}

// silentLogger keeps resty from writing anything of its own anywhere.
type silentLogger struct{}

func (silentLogger) Errorf(string, ...any) {}
func (silentLogger) Warnf(string, ...any)  {}
func (silentLogger) Debugf(string, ...any) {}

// The content types of requests, as header values. They must not be changed.
var (
	jsonType = []string{"application/json"}
	formType = []string{"application/x-www-form-urlencoded"}
)

// Request is one call. A one-shot needs a body: middleware that drops the context could send a
// request without one again. Printing a Request shows only its method.
type Request struct {
	Method     string
	Path       string            // "" or starts with a slash; {name} stands for a parameter
	PathParams map[string]string // are escaped; one that is empty or leads out of its place is refused
	Query      url.Values
	Header     http.Header // with canonical names and values that a field can have; it is not changed
	Bearer     string      // a token for the field Authorization; see [normalize.Token]
	JSON       any         // the body, if not nil
	Form       url.Values  // the body, if not nil; it wins over JSON
}

// Response is a response that arrived whole, whatever its status. Printing it shows only the
// status.
type Response struct {
	method, path string // of the request

	Status     int
	JSON       bool   // the content type is JSON
	Body       []byte // decompressed
	RetryAfter time.Duration
}

// Endpoint is the request's method and Path, such as "POST /links/{id}/products", by which an error
// table tells endpoints apart.
func (r *Response) Endpoint() string { return r.method + " " + r.path }

// Do sends the request once, and returns any response that arrived whole, errors and redirects
// included. Over HTTP/1.1 and HTTP/2, net/http does not send it again by itself where the server
// may have read it. So Do may be repeated only where the operation may be.
//
// The error is a [*bankmux.Error]. NotSent is set only with proof that nothing left. Its kinds are
// [bankmux.ErrUnavailable] for no response, [bankmux.ErrMalformed] for one that broke off or is
// larger than the limit, [bankmux.ErrContextDone] where the context ended, and [bankmux.ErrInvalid]
// for a request that cannot be sent. No text of the transport is in it, since that has addresses.
func (c *Client) Do(ctx context.Context, req Request) (*Response, error) {
	switch {
	case c.fault != "":
		return nil, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "Config.BaseURL", Detail: c.fault, NotSent: true}
	case req.Path != "" && req.Path[0] != '/': // it would change the host
		return nil, invalid("the path does not start with a slash")
	case !paramsStayInPath(req.Path, req.PathParams):
		return nil, invalid("a parameter of the path is missing, is empty or leads to another path")
	case !sendable(req.Header):
		return nil, invalid(unsendable)
	}
	payload, kind, fault := req.payload()
	if fault != nil {
		return nil, fault
	}
	if req.Bearer != "" && !normalize.Token(req.Bearer) { // net/http would call it a failure to send
		return nil, invalid("the credential cannot be sent in a header")
	}
	sent, sending := c.start(ctx, payload)
	defer sent.release()
	r := c.resty.R().SetContext(sending)
	if len(req.PathParams) > 0 {
		r.SetPathParams(req.PathParams)
	}
	if len(req.Query) > 0 {
		r.SetQueryParamsFromValues(req.Query)
	}
	maps.Copy(r.Header, req.Header)
	if req.Bearer != "" {
		sent.bearer[0] = "Bearer " + req.Bearer
		r.Header["Authorization"] = sent.bearer[:]
	}
	if len(payload) > 0 {
		r.SetBody(&sent.reader).Header["Content-Type"] = kind
	}
	res, err := r.Execute(req.Method, c.base+req.Path)
	var body []byte
	if err == nil {
		body, err = c.body(res.RawResponse, &sent.limited)
	}
	if sent.unsigned != nil {
		return nil, sent.unsigned
	}
	if err != nil && !sent.prepared && ctx.Err() == nil {
		return nil, invalid("the method or the path cannot be sent")
	}
	if err != nil {
		if c.own != nil && ctx.Err() == nil && sent.stale() {
			c.own.CloseIdleConnections() // so that a retry does not end on the next dead one
		}
		return nil, failure(ctx, res, err, sent.unsent())
	}
	return &Response{
		method:     req.Method,
		path:       req.Path,
		Status:     res.StatusCode(),
		JSON:       isJSON(res.Header().Get("Content-Type")),
		Body:       body,
		RetryAfter: normalize.RetryAfterOf(res.Header(), time.Now()),
	}, nil
}

// payload is the request's body and its type, nil for none.
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

// errTooLarge ends the reading of a body.
var errTooLarge = errors.New("the body is larger than the limit")

// body reads an answer's body up to the limit, which counts after decompression. The transport
// decompresses what it asked for; what a server compresses unasked is decompressed here.
func (c *Client) body(res *http.Response, limited *io.LimitedReader) ([]byte, error) {
	defer res.Body.Close()
	var from io.Reader = res.Body
	size := res.ContentLength
	if !res.Uncompressed && strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") && size != 0 {
		unzip, err := gzip.NewReader(res.Body)
		if err != nil {
			return nil, err
		}
		from, size = unzip, -1
	}
	if size > int64(c.limit) {
		return nil, errTooLarge
	}
	var buffer bytes.Buffer
	if size > 0 {
		buffer.Grow(int(size) + bytes.MinRead) // what ReadFrom wants to see free at the end
	}
	*limited = io.LimitedReader{R: from, N: int64(c.limit) + 1}
	n, err := buffer.ReadFrom(limited)
	if n > int64(c.limit) {
		return nil, errTooLarge
	}
	return buffer.Bytes(), err
}

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	kind, _, _ := mime.ParseMediaType(contentType)
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// failure describes a request without a whole answer, by its class and never by
// the transport's own words, which hold addresses.
func failure(ctx context.Context, res *resty.Response, err error, notSent bool) *bankmux.Error {
	if cause := ctx.Err(); cause != nil {
		return &bankmux.Error{
			Kind:    bankmux.ErrContextDone,
			Detail:  "no answer came in time",
			NotSent: notSent,
			Err:     cause,
		}
	}
	e := &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: notSent}
	if res != nil {
		e.Status = res.StatusCode()
	}
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, errTooLarge):
		e.Kind, e.Detail = bankmux.ErrMalformed, "the answer is larger than the limit"
	case e.Status != 0:
		e.Kind, e.Detail = bankmux.ErrMalformed, "the answer broke off or cannot be decompressed"
	case errors.As(err, &dns):
		e.Detail = "the host name cannot be resolved"
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Detail = "no answer came in time"
	case notSent:
		e.Detail = "no connection could be made"
	default:
		e.Detail = "the connection broke before an answer came"
	}
	return e
}

// Decode reads the answer into v, a pointer to a struct, as [wire.Decode] does. An answer whose
// content type is not JSON is refused too. The error is [bankmux.ErrMalformed] with the status.
func (r *Response) Decode(v any) error {
	if !r.JSON {
		return r.malformed("is not of a JSON content type")
	}
	err := wire.Decode(r.Body, v)
	if e, ok := errors.AsType[*bankmux.Error](err); ok {
		e.Status = r.Status
	}
	return err
}

func (r *Response) malformed(what string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrMalformed, Status: r.Status, Detail: "the answer " + what}
}

// Lacks returns the error for a well-formed answer without a field that it must have. The field is
// a name of the provider's documentation, never text of the answer.
func (r *Response) Lacks(field string) *bankmux.Error {
	return r.malformed("lacks " + field)
}

// Require returns nil if a decoded response has every member that it must have. Otherwise the error
// is that of [Response.Lacks]. A v that does not implement [wire.Required] needs nothing.
func (r *Response) Require(v any) error {
	if needs, ok := v.(wire.Required); ok {
		if missing := needs.Lacks(); missing != "" {
			return r.Lacks(missing)
		}
	}
	return nil
}
