package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/guard"
)

func TestTransport(t *testing.T) {
	t.Run("a request is named by its template and counts its resends", aRequestIsNamedByItsTemplate)
	t.Run("a request outside of an operation has no span", aRequestOutsideOfAnOperationHasNoSpan)
	t.Run("a request without a template has no path", aRequestWithoutATemplateHasNoPath)
	t.Run("a method that no standard has is not in the name of a span", anOddMethodIsNotInAName)
	t.Run("a response that refuses is an error of its span", aResponseThatRefusesIsAnError)
	t.Run("idle connections of the base are closed", idleConnectionsOfTheBaseAreClosed)
}

// network answers with the statuses in turn; 0 is a failure whose text has a secret.
type network []int

func (n *network) RoundTrip(*http.Request) (*http.Response, error) {
	status := (*n)[0]
	*n = (*n)[1:]
	if status == 0 {
		return nil, errors.New("dial https://api.test/links/planted-link?key=planted-key")
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), ProtoMajor: 1,
	}, nil
}

func aRequestIsNamedByItsTemplate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := observe(t)
		client := rest.New(rest.Config{
			BaseURL: "https://api.test/v2", HTTPClient: &http.Client{Transport: o.Transport(&network{0, 503, 200})},
		})
		retry := guard.Retry(guard.RetryOptions{})
		err := o.Interceptor()(t.Context(), readAccounts, func(ctx context.Context) error {
			return retry(ctx, readAccounts, func(ctx context.Context) error {
				res, err := client.Do(ctx, rest.Request{
					Method: http.MethodGet, Path: "/links/{id}/accounts/{account}?more=planted-query",
					Query:      map[string][]string{"key": {"planted-key"}},
					PathParams: map[string]string{"id": "planted-link", "account": "planted-account"},
					Bearer:     "planted-bearer", Header: http.Header{"X-Api-Key": {"planted-header"}},
				})
				if err == nil && res.Status != http.StatusOK {
					return errorOf(res.Status)
				}
				return err
			})
		})
		require.NoError(t, err)
		spans := o.spans.GetSpans()
		require.Len(t, spans, 4)
		assert.NotContains(t, everything(spans), "planted")
		operation := spans[3]
		assert.Equal(t, "3", valueOf(operation, "bankmux.attempts"))
		for i, want := range []struct{ resent, status, kind string }{
			{"", "", "no_response"}, {"1", "503", "503"}, {"2", "200", ""},
		} {
			s := spans[i]
			assert.Equal(t, "GET /v2/links/{id}/accounts/{account}", s.Name)
			assert.Equal(t, trace.SpanKindClient, s.SpanKind)
			assert.Equal(t, operation.SpanContext.SpanID(), s.Parent.SpanID())
			assert.Equal(t, want.resent, valueOf(s, "http.request.resend_count"))
			assert.Equal(t, want.status, valueOf(s, "http.response.status_code"))
			assert.Equal(t, want.kind, valueOf(s, "error.type"))
			assert.Equal(t, "https://api.test/v2/links/REDACTED/accounts/REDACTED", valueOf(s, "url.full"))
			assert.Equal(t, "443", valueOf(s, "server.port"))
		}
	})
}

func aRequestOutsideOfAnOperationHasNoSpan(t *testing.T) {
	o := observe(t)
	client := &http.Client{Transport: o.Transport(&network{200, 200})}
	ctx, span := o.traces.Tracer("application").Start(t.Context(), "of the application")
	for _, ctx := range []context.Context{t.Context(), ctx} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.test/links/planted-link", nil)
		require.NoError(t, err)
		res, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}
	span.End()
	assert.Len(t, o.spans.GetSpans(), 1, "that of the application")
}

func aRequestWithoutATemplateHasNoPath(t *testing.T) {
	o := observe(t)
	client := &http.Client{Transport: o.Transport(&network{200})}
	err := o.Interceptor()(t.Context(), readAccounts, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.test:8443/links/planted-link", nil)
		require.NoError(t, err)
		res, err := client.Do(req)
		require.NoError(t, err)
		return res.Body.Close()
	})
	require.NoError(t, err)
	spans := o.spans.GetSpans()
	require.Len(t, spans, 2)
	assert.Equal(t, "GET", spans[0].Name)
	assert.Equal(t, "https://api.test:8443", valueOf(spans[0], "url.full"))
	assert.Equal(t, "8443", valueOf(spans[0], "server.port"))
	assert.NotContains(t, everything(spans), "planted")
}

func anOddMethodIsNotInAName(t *testing.T) {
	for sent, want := range map[string]struct{ name, method, original string }{
		"":               {"GET", "GET", ""},
		http.MethodPatch: {"PATCH", "PATCH", ""},
		"get":            {"HTTP", "_OTHER", "get"},
		"PURGE":          {"HTTP", "_OTHER", "PURGE"},
	} {
		o := observe(t)
		transport := o.Transport(&network{200})
		require.NoError(t, o.Interceptor()(t.Context(), readAccounts, func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, sent, "https://api.test/", nil)
			require.NoError(t, err)
			req.Method = sent
			res, err := transport.RoundTrip(req)
			require.NoError(t, err)
			return res.Body.Close()
		}))
		s := o.spans.GetSpans()[0]
		assert.Equal(t, want.name, s.Name)
		assert.Equal(t, want.method, valueOf(s, "http.request.method"))
		assert.Equal(t, want.original, valueOf(s, "http.request.method_original"))
	}
}

func aResponseThatRefusesIsAnError(t *testing.T) {
	for _, c := range []struct {
		address, port string
		status        int
		kind          string
	}{
		{"http://api.test/", "80", 399, ""},
		{"http://api.test/", "80", 400, "400"},
		{"https://api.test/", "443", 404, "404"},
		{"https://api.test/", "443", 500, "500"},
	} {
		o := observe(t)
		client := &http.Client{Transport: o.Transport(&network{c.status})}
		require.NoError(t, o.Interceptor()(t.Context(), readAccounts, func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address, nil)
			require.NoError(t, err)
			res, err := client.Do(req)
			require.NoError(t, err)
			return res.Body.Close()
		}))
		s := o.spans.GetSpans()[0]
		assert.Equal(t, c.kind, valueOf(s, "error.type"))
		assert.Equal(t, c.kind != "", s.Status.Code == codes.Error)
		assert.Equal(t, c.port, valueOf(s, "server.port"))
	}
}

// closing is a base that counts how often its idle connections are closed.
type closing struct {
	network

	closed int
}

func (c *closing) CloseIdleConnections() { c.closed++ }

func idleConnectionsOfTheBaseAreClosed(t *testing.T) {
	o, base := observe(t), &closing{}
	(&http.Client{Transport: o.Transport(base)}).CloseIdleConnections()
	assert.Equal(t, 1, base.closed)
	(&http.Client{Transport: o.Transport(&network{})}).CloseIdleConnections()
}
