package telemetry_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/telemetry"
)

var update = flag.Bool("update", false, "write the scrape under testdata")

// TestMain fails if a goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// observed is a Telemetry whose spans and metrics can be read.
type observed struct {
	*telemetry.Telemetry

	spans    *tracetest.InMemoryExporter
	traces   *sdktrace.TracerProvider
	registry *prometheus.Registry
	reader   *sdkmetric.ManualReader // of the same metrics
}

func observe(t *testing.T) *observed {
	t.Helper()
	o := &observed{spans: tracetest.NewInMemoryExporter(), registry: prometheus.NewRegistry()}
	o.reader = sdkmetric.NewManualReader()
	o.traces = sdktrace.NewTracerProvider(sdktrace.WithSyncer(o.spans))
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(o.registry))
	require.NoError(t, err)
	o.Telemetry, err = telemetry.New(telemetry.Config{
		TracerProvider: o.traces,
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithReader(o.reader)),
	})
	require.NoError(t, err)
	return o
}

// units returns the unit of each metric. A scrape shows those of time only.
func (o *observed) units(t *testing.T) map[string]string {
	t.Helper()
	var got metricdata.ResourceMetrics
	require.NoError(t, o.reader.Collect(t.Context(), &got))
	units := map[string]string{}
	for _, s := range got.ScopeMetrics {
		for _, m := range s.Metrics {
			units[m.Name] = m.Unit
		}
	}
	return units
}

// scrape returns what Prometheus reads, without what is not of this package.
func (o *observed) scrape(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	body, err := io.ReadAll(w.Result().Body)
	require.NoError(t, err)
	var b strings.Builder
	for line := range strings.Lines(string(body)) {
		if strings.Contains(line, "bankmux_") {
			b.WriteString(line)
		}
	}
	return b.String()
}

var readAccounts = bankmux.Op{
	Name: bankmux.OpAccounts, Group: bankmux.GroupData, Effect: bankmux.Read, Client: "mk", Provider: "moneykit",
	Connection: "CONN-1", Institution: "chase", User: "planted-user",
}

// attempts runs an operation whose attempts end as given, one per second.
func (o *observed) attempts(t *testing.T, op bankmux.Op, results ...error) error {
	t.Helper()
	retry := guard.Retry(guard.RetryOptions{})
	return o.Interceptor()(t.Context(), op, func(ctx context.Context) error {
		n := -1
		return retry(ctx, op, func(context.Context) error {
			time.Sleep(time.Second)
			n++
			return results[min(n, len(results)-1)]
		})
	})
}

func TestTelemetry(t *testing.T) {
	t.Run("a scrape by Prometheus is as expected", aScrapeIsAsExpected)
	t.Run("a span has the ids, the kind and the attempts of its operation", aSpanHasTheIDsOfItsOperation)
	t.Run("the result of a call is not changed", theResultOfACallIsNotChanged)
	t.Run("a panic of a sampler or an exporter does not reach the call", aPanicDoesNotReachTheCall)
	t.Run("a panic of a meter leaves the spans", aPanicOfAMeterLeavesTheSpans)
	t.Run("the number of series is bounded", theNumberOfSeriesIsBounded)
	t.Run("half-open is 1", halfOpenIsOne)
	t.Run("a half-open bank is not open", aHalfOpenBankIsNotOpen)
	t.Run("a meter provider that refuses an instrument is invalid", aRefusedInstrumentIsInvalid)
	t.Run("the module bankmux does not import OpenTelemetry", theMainModuleDoesNotImportOpenTelemetry)
}

func aScrapeIsAsExpected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := observe(t)
		g := guard.New(guard.Options{Breaker: guard.BreakerOptions{Consecutive: 1}})
		require.NoError(t, o.Watch(g))
		require.NoError(t, o.WatchSyncs(func(context.Context) (telemetry.Syncs, error) {
			states := map[string]int{"late": 2, "blocked": 0}
			return telemetry.Syncs{States: states, Latest: 90 * time.Second, Oldest: 26 * time.Hour}, nil
		}))
		down := &bankmux.Error{Kind: bankmux.ErrUnavailable}
		limited := &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 2 * time.Second}
		require.NoError(t, o.attempts(t, readAccounts, nil))
		require.NoError(t, o.attempts(t, readAccounts, limited, limited, nil))
		require.Error(t, o.attempts(t, readAccounts, &bankmux.Error{Kind: bankmux.ErrReauth}))
		unlisted := &bankmux.Error{Kind: bankmux.ErrUnknown, Code: "new", Unlisted: true}
		require.Error(t, o.attempts(t, readAccounts, unlisted))
		sent := readAccounts
		sent.Name, sent.Group, sent.Effect = bankmux.OpExchangeToken, bankmux.GroupLink, bankmux.OneShot
		require.Error(t, o.attempts(t, sent, &bankmux.Error{Kind: bankmux.ErrInvalid, NotSent: true}))
		through := g.Interceptors(func(o *guard.Options) {
			o.AtInstitution = func(op bankmux.Op) bool { return op.Institution != "" }
			o.Retry.MaxAttempts = 1
		})
		for _, op := range []bankmux.Op{readAccounts, sent} {
			op.Institution = ""
			_ = chain(t.Context(), through, op, func(context.Context) error { return down })
		}
		atBank := readAccounts // of another client, whose provider works
		atBank.Client = "dp"
		for range 20 {
			_ = chain(t.Context(), through, atBank, func(context.Context) error {
				return &bankmux.Error{Kind: bankmux.ErrInstitution}
			})
		}
		for _, member := range []string{"accounts[].planted_name", "planted_other"} {
			d := guard.Drift{Client: "mk", Provider: "moneykit", Endpoint: "GET /links/{id}/accounts"}
			d.Kind, d.Member = guard.DriftMember, member
			g.ReportDrift(t.Context(), d)
		}
		synctest.Wait()
		golden := filepath.Join("testdata", "scrape.txt")
		got := o.scrape(t)
		if *update {
			require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		assert.Equal(t, string(want), got)
		assert.Equal(t, map[string]string{
			"bankmux.operation.duration": "s", "bankmux.operation.retries": "{attempt}",
			"bankmux.operation.refusals": "{operation}", "bankmux.operation.rate_limits": "{attempt}",
			"bankmux.operation.unlisted_codes": "{operation}", "bankmux.breaker.state": "",
			"bankmux.institution.open": "{institution}", "bankmux.drift": "{finding}",
			"bankmux.sync.connections": "{connection}", "bankmux.sync.latest": "s",
			"bankmux.sync.oldest": "s",
		}, o.units(t))
	})
}

// aHalfOpenBankIsNotOpen specifies that only banks count whose calls are refused.
func aHalfOpenBankIsNotOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := observe(t)
		g := guard.New(guard.Options{
			AtInstitution: func(op bankmux.Op) bool { return op.Institution != "" },
			Retry:         guard.RetryOptions{MaxAttempts: 1},
		})
		require.NoError(t, o.Watch(g))
		open := func() []string { return metricsOf(o.scrape(t), "bankmux_institution_open") }
		call := func(result error) (during []string) {
			_ = chain(t.Context(), g.Interceptors(), readAccounts, func(context.Context) error {
				during = open()
				return result
			})
			return during
		}
		for range 20 {
			call(&bankmux.Error{Kind: bankmux.ErrInstitution})
		}
		assert.Equal(t, []string{"1"}, open())
		time.Sleep(time.Hour)
		assert.Equal(t, []string{"0"}, call(nil), "while the probe runs")
		synctest.Wait()
	})
}

func halfOpenIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := observe(t)
		g := guard.New(guard.Options{
			Breaker: guard.BreakerOptions{Consecutive: 1, OpenFor: time.Minute},
			Retry:   guard.RetryOptions{MaxAttempts: 1},
		})
		require.NoError(t, o.Watch(g))
		var during []string
		call := func(result error) {
			_ = chain(t.Context(), g.Interceptors(), readAccounts, func(context.Context) error {
				during = metricsOf(o.scrape(t), "bankmux_breaker_state")
				return result
			})
		}
		call(&bankmux.Error{Kind: bankmux.ErrUnavailable})
		assert.Equal(t, []string{"0"}, during)
		assert.Equal(t, []string{"2"}, metricsOf(o.scrape(t), "bankmux_breaker_state"))
		time.Sleep(2 * time.Minute)
		call(nil)
		assert.Equal(t, []string{"1"}, during, "while the probe runs")
		synctest.Wait()
	})
}

// refusing is a meter provider that accepts no histogram.
type refusing struct{ noop.MeterProvider }

func (refusing) Meter(string, ...metric.MeterOption) metric.Meter { return refusingMeter{} }

type refusingMeter struct{ noop.Meter }

var errRefused = errors.New("no histograms")

func (refusingMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return nil, errRefused
}

func aRefusedInstrumentIsInvalid(t *testing.T) {
	_, err := telemetry.New(telemetry.Config{MeterProvider: refusing{}})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	require.ErrorIs(t, err, errRefused)
	assert.Equal(t, "Config.MeterProvider", bankmux.ErrorOf(err).Field)
}

// errorOf is the error that an adapter makes of a status.
func errorOf(status int) error { return &bankmux.Error{Kind: bankmux.ErrUnavailable, Status: status} }

// chain runs a call through interceptors, outermost first.
func chain(ctx context.Context, all []bankmux.Interceptor, op bankmux.Op, call func(context.Context) error) error {
	if len(all) == 0 {
		return call(ctx)
	}
	return all[0](ctx, op, func(ctx context.Context) error { return chain(ctx, all[1:], op, call) })
}

func valueOf(s tracetest.SpanStub, key attribute.Key) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}

func aSpanHasTheIDsOfItsOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := observe(t)
		failed := &bankmux.Error{
			Kind: bankmux.ErrReauth, Code: "auth_expired", RequestID: "req-1", Detail: "planted detail",
		}
		require.Error(t, o.attempts(t, readAccounts, &bankmux.Error{Kind: bankmux.ErrUnavailable}, failed))
		spans := o.spans.GetSpans()
		require.Len(t, spans, 1)
		s := spans[0]
		assert.Equal(t, bankmux.OpAccounts, s.Name)
		assert.Equal(t, trace.SpanKindInternal, s.SpanKind)
		assert.Equal(t, codes.Error, s.Status.Code)
		for key, want := range map[attribute.Key]string{
			"bankmux.client": "mk", "bankmux.provider": "moneykit", "bankmux.operation": bankmux.OpAccounts,
			"bankmux.effect": "read", "bankmux.connection": "CONN-1", "bankmux.institution": "chase",
			"bankmux.attempts": "2", "bankmux.code": "auth_expired", "bankmux.request_id": "req-1",
			"error.type": string(bankmux.ErrReauth),
		} {
			assert.Equal(t, want, valueOf(s, key), string(key))
		}
		assert.Len(t, s.Attributes, 10)
	})
}

func theResultOfACallIsNotChanged(t *testing.T) {
	o := observe(t)
	want := errors.New("of the adapter")
	err := o.Interceptor()(t.Context(), readAccounts, func(context.Context) error { return want })
	assert.Same(t, want, err)
	assert.PanicsWithValue(t, "planted", func() {
		_ = o.Interceptor()(t.Context(), readAccounts, func(context.Context) error { panic("planted") })
	})
	spans := o.spans.GetSpans()
	require.Len(t, spans, 2, "also after a panic")
	assert.Equal(t, string(bankmux.ErrApplication), valueOf(spans[1], "error.type"))
}

// broken is a sampler and an exporter of the application, which panics.
type broken struct{ sampler bool }

func (b broken) ShouldSample(sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if b.sampler {
		panic("planted")
	}
	return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample}
}

func (b broken) Description() string { return "broken" }

func (b broken) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { panic("planted") }

func (b broken) Shutdown(context.Context) error { return nil }

func aPanicDoesNotReachTheCall(t *testing.T) {
	for _, b := range []broken{{sampler: true}, {sampler: false}} {
		tel, err := telemetry.New(telemetry.Config{
			TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSampler(b), sdktrace.WithSyncer(b)),
			MeterProvider:  sdkmetric.NewMeterProvider(),
		})
		require.NoError(t, err)
		client, called := &http.Client{Transport: tel.Transport(&network{200})}, false
		require.NoError(t, tel.Interceptor()(t.Context(), readAccounts, func(ctx context.Context) error {
			called = true
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.test/", nil)
			require.NoError(t, err)
			res, err := client.Do(req)
			require.NoError(t, err)
			return res.Body.Close()
		}))
		assert.True(t, called)
	}
}

// panicking is a meter provider whose histogram panics.
type panicking struct{ noop.MeterProvider }

func (panicking) Meter(string, ...metric.MeterOption) metric.Meter { return panickingMeter{} }

type panickingMeter struct{ noop.Meter }

func (panickingMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return panickingHistogram{}, nil
}

type panickingHistogram struct{ noop.Float64Histogram }

func (panickingHistogram) Record(context.Context, float64, ...metric.RecordOption) { panic("planted") }

func aPanicOfAMeterLeavesTheSpans(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)), MeterProvider: panicking{},
	})
	require.NoError(t, err)
	require.ErrorIs(t, tel.Interceptor()(t.Context(), readAccounts, func(context.Context) error {
		return bankmux.ErrReauth
	}), bankmux.ErrReauth)
	require.Len(t, spans.GetSpans(), 1)
	assert.Equal(t, string(bankmux.ErrReauth), valueOf(spans.GetSpans()[0], "error.type"))
}

func theNumberOfSeriesIsBounded(t *testing.T) {
	o := observe(t)
	kinds := []bankmux.Kind{"", bankmux.ErrReauth, bankmux.ErrRateLimited, bankmux.ErrUnavailable}
	clients, operations := []string{"a", "b", "c"}, []string{bankmux.OpAccounts, bankmux.OpExchangeToken}
	for n := range 300 {
		op := readAccounts
		op.Client, op.Name = clients[n%3], operations[n%2]
		op.Connection = "CONN-" + strings.Repeat("x", n)
		op.Institution, op.User = strings.Repeat("y", n), strings.Repeat("z", n)
		_ = o.Interceptor()(t.Context(), op, func(context.Context) error {
			if kind := kinds[n%4]; kind != "" {
				return &bankmux.Error{
					Kind: kind, Code: strings.Repeat("c", n), RequestID: strings.Repeat("r", n),
					Status: 400 + n, NotSent: true, Unlisted: true,
				}
			}
			return nil
		})
	}
	families, err := o.registry.Gather()
	require.NoError(t, err)
	most := len(clients) * len(operations) * len(kinds)
	seen := 0
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "bankmux_") {
			seen++
			assert.LessOrEqual(t, len(f.GetMetric()), most, f.GetName())
			assert.NotEmpty(t, f.GetMetric())
		}
	}
	assert.GreaterOrEqual(t, seen, 3)
}

func theMainModuleDoesNotImportOpenTelemetry(t *testing.T) {
	for _, file := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("..", file))
		require.NoError(t, err)
		for _, word := range []string{"opentelemetry", "prometheus"} {
			assert.NotContains(t, string(text), word, file)
		}
	}
}

// unsampled returns an operation through a Telemetry whose spans are not sampled.
func unsampled(tb testing.TB) func() {
	tb.Helper()
	t, err := telemetry.New(telemetry.Config{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
	})
	require.NoError(tb, err)
	intercept, next := t.Interceptor(), func(context.Context) error { return nil }
	return func() { _ = intercept(context.Background(), readAccounts, next) }
}

// TestUnsampledAllocations is not parallel: it counts allocations.
func TestUnsampledAllocations(t *testing.T) {
	t.Run("an unsampled operation has at most ten", func(t *testing.T) {
		assert.LessOrEqual(t, testing.AllocsPerRun(100, unsampled(t)), 10.0)
	})
}

// BenchmarkUnsampled is what an operation costs whose span is not sampled, with its metrics.
func BenchmarkUnsampled(b *testing.B) {
	call := unsampled(b)
	b.ReportAllocs()
	for b.Loop() {
		call()
	}
}
