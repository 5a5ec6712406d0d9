package telemetry_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/telemetry"
)

// TestBase specifies what the base of a transport gets, and what happens if it misbehaves.
func TestBase(t *testing.T) {
	t.Run("a base that sends the trace finds none", aBaseThatSendsTheTraceFindsNone)
	t.Run("a base without a response ends its span", aBaseWithoutAResponseEndsItsSpan)
	t.Run("without a base, connections are kept and dead ones closed", withoutABaseConnectionsAreKept)
}

// injecting is a base that sends the trace of the request's context.
type injecting struct{ headers []http.Header }

func (i *injecting) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}).
		Inject(r.Context(), propagation.HeaderCarrier(r.Header))
	i.headers = append(i.headers, r.Header)
	trace.SpanFromContext(r.Context()).SetStatus(codes.Error, "of the base")
	return (&network{http.StatusOK}).RoundTrip(r)
}

func aBaseThatSendsTheTraceFindsNone(t *testing.T) {
	member, err := baggage.NewMember("user", "planted-user")
	require.NoError(t, err)
	bag, err := baggage.New(member)
	require.NoError(t, err)
	for name, sampler := range map[string]sdktrace.Sampler{
		"sampled": sdktrace.AlwaysSample(), "unsampled": sdktrace.NeverSample(),
	} {
		t.Run(name, func(t *testing.T) {
			traces := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler))
			o, err := telemetry.New(telemetry.Config{
				TracerProvider: traces, MeterProvider: sdkmetric.NewMeterProvider(),
			})
			require.NoError(t, err)
			ctx, span := traces.Tracer("application").Start(t.Context(), "of the application")
			defer span.End()
			ctx = baggage.ContextWithBaggage(ctx, bag)
			base := &injecting{}
			client := &http.Client{Transport: o.Transport(base)}
			get := func(ctx context.Context) error {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.test/", nil)
				require.NoError(t, err)
				res, err := client.Do(req)
				require.NoError(t, err)
				return res.Body.Close()
			}
			require.NoError(t, o.Interceptor()(ctx, readAccounts, get))
			require.NoError(t, get(ctx), "outside of an operation")
			require.NoError(t, o.Interceptor()(baggage.ContextWithBaggage(t.Context(), bag), readAccounts, get))
			assert.Equal(t, []http.Header{{}, {}, {}}, base.headers)
		})
	}
}

// roundTrip is a base.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func aBaseWithoutAResponseEndsItsSpan(t *testing.T) {
	for name, base := range map[string]roundTrip{
		"nothing": func(*http.Request) (*http.Response, error) { return nil, nil }, //nolint:nilnil // on purpose
		"a panic": func(*http.Request) (*http.Response, error) { panic("planted") },
	} {
		t.Run(name, func(t *testing.T) {
			o := observe(t)
			transport := o.Transport(base)
			call := func() {
				_ = o.Interceptor()(t.Context(), readAccounts, func(ctx context.Context) error {
					req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.test/", nil)
					require.NoError(t, err)
					res, err := transport.RoundTrip(req) //nolint:bodyclose // there is none
					require.NoError(t, err)
					assert.Nil(t, res)
					return nil
				})
			}
			if name == "a panic" {
				assert.PanicsWithValue(t, "planted", call)
			} else {
				call()
			}
			spans := o.spans.GetSpans()
			require.Len(t, spans, 2)
			assert.Equal(t, "GET", spans[0].Name)
			assert.Equal(t, "no_response", valueOf(spans[0], "error.type"))
		})
	}
}

// dying is a connection that dies while it is idle.
type dying struct {
	net.Conn

	dead *atomic.Bool
}

func (d dying) Write(p []byte) (int, error) {
	if d.dead.Load() {
		return 0, errors.New("the connection is gone")
	}
	return d.Conn.Write(p)
}

// gathering is a server that responds when as many requests as callers have arrived.
func gathering(t *testing.T, callers int) *httptest.Server {
	t.Helper()
	var mu sync.Mutex
	arrived, all := 0, make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/warm" {
			return
		}
		mu.Lock()
		wait := all
		if arrived++; arrived == callers {
			close(all)
			arrived, all = 0, make(chan struct{})
		}
		mu.Unlock()
		<-wait
	}))
	t.Cleanup(server.Close)
	return server
}

func withoutABaseConnectionsAreKept(t *testing.T) {
	const callers = 8
	server := gathering(t, callers)
	var dead atomic.Bool
	var dials atomic.Int32
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	http.DefaultTransport = &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials.Add(1)
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil || dead.Load() {
				return c, err
			}
			return dying{c, &dead}, nil
		},
	}
	o := observe(t)
	network := &http.Client{Transport: o.Transport(nil)}
	t.Cleanup(network.CloseIdleConnections)
	client := rest.New(rest.Config{BaseURL: server.URL, HTTPClient: network})
	get := func(ctx context.Context, path string) error {
		return o.Interceptor()(ctx, readAccounts, func(ctx context.Context) error {
			_, err := client.Do(ctx, rest.Request{Method: http.MethodGet, Path: path})
			return err
		})
	}
	for range 2 {
		var all sync.WaitGroup
		for range callers {
			all.Go(func() { assert.NoError(t, get(t.Context(), "/warm")) })
		}
		all.Wait()
	}
	assert.EqualValues(t, callers, dials.Load(), "each caller has used its connection twice")
	dead.Store(true)
	require.ErrorIs(t, get(t.Context(), "/"), bankmux.ErrUnavailable)
	require.NoError(t, get(t.Context(), "/"), "all idle connections were dead, and one failure has shown it")
}
