package telemetry

// This file reports HTTP requests.

import (
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/guard"
)

// The attributes of HTTP, all of them stable:
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/
const (
	methodKey   = attribute.Key("http.request.method")
	originalKey = attribute.Key("http.request.method_original")
	resendKey   = attribute.Key("http.request.resend_count")
	statusKey   = attribute.Key("http.response.status_code")
	hostKey     = attribute.Key("server.address")
	portKey     = attribute.Key("server.port")
	urlKey      = attribute.Key("url.full")
)

// Transport returns a transport for the HTTPClient of an adapter's Config. Each request gets a
// span, a child of that of its operation. A request outside of an operation gets none. The span is
// named by the method and the template of the path, such as "GET /links/{id}". The parameters are
// replaced in url.full, and its query is left out, because both may be credentials. The transport
// adds no header field, and removes the trace and its baggage from the context that base gets. So
// base cannot send them either. nil means a new [rest.NewTransport], which is that of an adapter
// without an HTTPClient.
func (t *Telemetry) Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		own := rest.NewTransport()
		return &ownTransport{transport{t, own}, own}
	}
	return &transport{t, base}
}

type transport struct {
	telemetry *Telemetry
	base      http.RoundTripper
}

// ownTransport is a transport whose connections serve no other code.
type ownTransport struct {
	transport

	own *http.Transport
}

// CloseStaleConnections implements [rest.StaleCloser].
func (t *ownTransport) CloseStaleConnections() { t.own.CloseIdleConnections() }

// CloseIdleConnections passes the call on, as [http.Client.CloseIdleConnections] expects.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Context().Value(inOperation{}) == nil || !trace.SpanFromContext(r.Context()).IsRecording() {
		return t.base.RoundTrip(untraced(r))
	}
	var res *http.Response
	var err error
	span := t.start(r)
	defer func() { end(span, res, err) }() // also if base panics
	res, err = t.base.RoundTrip(untraced(r))
	return res, err
}

// untraced returns the request with a context without a trace and its baggage, so that base cannot
// send them to the provider.
func untraced(r *http.Request) *http.Request {
	ctx := r.Context()
	traced, carrying := trace.SpanContextFromContext(ctx).IsValid(), baggage.FromContext(ctx).Len() > 0
	if traced {
		ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	}
	if carrying {
		ctx = baggage.ContextWithoutBaggage(ctx)
	}
	if traced || carrying {
		return r.WithContext(ctx)
	}
	return r
}

// start starts the span of a request.
func (t *transport) start(r *http.Request) (span trace.Span) {
	defer func() {
		if recover() != nil {
			span = noop.Span{}
		}
	}()
	template := rest.Template(r.Context())
	method, named := methodOf(r)
	name := strings.TrimSpace(named + " " + template)
	attrs := []attribute.KeyValue{
		methodKey.String(method), hostKey.String(r.URL.Hostname()), portKey.Int(portOf(r)),
		urlKey.String(r.URL.Scheme + "://" + r.URL.Host + withoutParameters(template)),
	}
	if method == otherMethod {
		attrs = append(attrs, originalKey.String(r.Method))
	}
	if earlier := len(sent(guard.RecordFrom(r.Context()))); earlier > 0 {
		attrs = append(attrs, resendKey.Int(earlier))
	}
	_, span = t.telemetry.tracer.Start(r.Context(), name, //nolint:spancheck // RoundTrip ends it
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	return span //nolint:spancheck // as above
}

// end ends the span of a request. It writes no text of an error, which has the URL. Without a
// response and an error, base has panicked or breaks the rules of [http.RoundTripper].
func end(span trace.Span, res *http.Response, err error) {
	defer func() { _ = recover() }()
	defer span.End()
	switch {
	case err != nil || res == nil:
		span.SetStatus(codes.Error, "no response")
		span.SetAttributes(errorTypeKey.String("no_response"))
	default:
		span.SetAttributes(statusKey.Int(res.StatusCode))
		if res.StatusCode >= http.StatusBadRequest {
			span.SetStatus(codes.Error, "")
			span.SetAttributes(errorTypeKey.String(strconv.Itoa(res.StatusCode)))
		}
	}
}

// otherMethod stands for a method that the conventions do not list.
const otherMethod = "_OTHER"

// methodOf returns the method of a request, and how the name of its span starts.
func methodOf(r *http.Request) (method, named string) {
	switch r.Method {
	case "":
		return http.MethodGet, http.MethodGet
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return r.Method, r.Method
	}
	return otherMethod, "HTTP"
}

// portOf returns the port of a request's address.
func portOf(r *http.Request) int {
	if port, err := strconv.Atoi(r.URL.Port()); err == nil {
		return port
	}
	if r.URL.Scheme == "http" {
		return 80
	}
	return 443
}

// withoutParameters replaces the parameters of a template by "REDACTED", as the conventions for
// url.full ask for.
func withoutParameters(template string) string {
	var b strings.Builder
	for template != "" {
		before, after, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			break
		}
		b.WriteString("REDACTED")
		_, template, _ = strings.Cut(after, "}")
	}
	return b.String()
}
