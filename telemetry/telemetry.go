// Package telemetry reports the calls of bankmux clients to OpenTelemetry: a span per operation,
// a child span per HTTP request, and metrics. The client refuses some calls before any interceptor:
// invalid requests, operations that the adapter does not have, and calls whose context has ended.
// Those have no span and are in no metric.
//
//	t, err := telemetry.New(telemetry.Config{})
//	client, err := moneykit.New(moneykit.Config{
//		Guard:      guard,
//		HTTPClient: &http.Client{Transport: t.Transport(nil)},
//		// …
//	})
//	client = t.Client(client)
//	err = t.Watch(guard)
//
// No span and no metric has a user or an address with parameters. Of a response, spans have the
// code and the request id of an error alone. A code that does not look like one is
// [normalize.Masked]. A request id stays as the provider sends it: its form does not show whether
// it is a secret. Providers receive no header field of the tracing.
//
// # Metrics
//
// The attributes are bankmux.client, bankmux.operation and, for a failure, error.type with its
// [bankmux.Kind]. A metric has at most as many series as there are clients, operations and kinds
// (with success) combined. Connections and institutions are on spans only.
//
//   - bankmux.operation.duration: a histogram in seconds, with retries and waits, up to 300 s
//   - bankmux.operation.retries: attempts after the first one that was sent
//   - bankmux.operation.refusals: operations that ended without anything sent
//   - bankmux.operation.rate_limits: attempts that the provider limited ([bankmux.ErrRateLimited])
//   - bankmux.operation.unlisted_codes: operations that ended with an unlisted code
//   - bankmux.breaker.state: 0 for closed, 1 for half-open, 2 for open, per client and group
//   - bankmux.drift: findings of what adapters do not know, per client and kind of
//     [guard.Drift]
//   - bankmux.institution.open: institutions whose breaker is open, per client and group
//   - bankmux.sync.connections: connections by the state of their syncs: [Telemetry.WatchSyncs]
//   - bankmux.sync.latest: how long, in seconds, the connection waits that is late the longest
//   - bankmux.sync.oldest: how long ago, in seconds, the last good run was, of the connection where
//     it was the longest ago
package telemetry

import (
	"errors"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// scope is the name of the instrumentation.
const scope = "github.com/bankmux/bankmux/telemetry"

// The attributes of this package. Those of HTTP are in transport.go.
const (
	clientKey      = attribute.Key("bankmux.client")
	providerKey    = attribute.Key("bankmux.provider")
	operationKey   = attribute.Key("bankmux.operation")
	effectKey      = attribute.Key("bankmux.effect")
	connectionKey  = attribute.Key("bankmux.connection")
	institutionKey = attribute.Key("bankmux.institution")
	codeKey        = attribute.Key("bankmux.code")
	requestIDKey   = attribute.Key("bankmux.request_id")
	attemptsKey    = attribute.Key("bankmux.attempts")
	groupKey       = attribute.Key("bankmux.group")
	driftKindKey   = attribute.Key("bankmux.drift.kind")
	errorTypeKey   = attribute.Key("error.type")
)

// buckets are the bounds of the histogram in seconds. A bank may take minutes.
var buckets = []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300}

// Config configures a [Telemetry]. The zero value uses the global providers of OpenTelemetry.
type Config struct {
	TracerProvider trace.TracerProvider // nil means otel.GetTracerProvider()
	MeterProvider  metric.MeterProvider // nil means otel.GetMeterProvider()
}

// Telemetry makes interceptors and transports. It is safe for concurrent use. It starts no
// goroutine, except for each read of WatchSyncs.
type Telemetry struct {
	tracer trace.Tracer
	meter  metric.Meter

	duration                            metric.Float64Histogram
	retries, refusals, limits, unlisted metric.Int64Counter
	breakerState, institutionOpen       metric.Int64ObservableGauge
	drift                               metric.Int64ObservableCounter
	series                              sync.Map // by seriesName: *series

	watching sync.Mutex // of Watch
	guards   atomic.Pointer[[]*guard.Guard]
}

// New returns a Telemetry. The error is that of the meter provider, [bankmux.ErrInvalid] by kind.
func New(cfg Config) (*Telemetry, error) {
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = otel.GetMeterProvider()
	}
	t := &Telemetry{tracer: cfg.TracerProvider.Tracer(scope), meter: cfg.MeterProvider.Meter(scope)}
	var failed [8]error
	t.duration, failed[0] = t.meter.Float64Histogram("bankmux.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("How long operations took, with retries and waits."),
		metric.WithExplicitBucketBoundaries(buckets...))
	counter := func(name, unit, description string) (c metric.Int64Counter, err error) {
		return t.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
	}
	t.retries, failed[1] = counter("bankmux.operation.retries", "{attempt}",
		"Attempts after the first one that was sent.")
	t.refusals, failed[2] = counter("bankmux.operation.refusals", "{operation}", "Operations that ended unsent.")
	t.limits, failed[3] = counter("bankmux.operation.rate_limits", "{attempt}", "Attempts that were rate limited.")
	t.unlisted, failed[4] = counter("bankmux.operation.unlisted_codes", "{operation}",
		"Operations that ended with a code that bankmux does not list.")
	t.breakerState, failed[5] = t.meter.Int64ObservableGauge("bankmux.breaker.state",
		metric.WithDescription("State of a circuit breaker: 0 closed, 1 half-open, 2 open."))
	t.institutionOpen, failed[6] = t.meter.Int64ObservableGauge("bankmux.institution.open",
		metric.WithUnit("{institution}"), metric.WithDescription("Institutions whose circuit breaker is open."))
	t.drift, failed[7] = t.meter.Int64ObservableCounter("bankmux.drift", metric.WithUnit("{finding}"),
		metric.WithDescription("Members, values and codes of providers that bankmux does not know."))
	if err := errors.Join(failed[:]...); err != nil {
		return nil, &bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: "Config.MeterProvider", Detail: "does not accept an instrument",
			NotSent: true, Err: err,
		}
	}
	return t, nil
}

// Client returns the client with the interceptor of t, which sees each call first.
func (t *Telemetry) Client(client *bankmux.Client) *bankmux.Client {
	return client.With(t.Interceptor())
}

// seriesName names the series of one result of an operation.
type seriesName struct {
	client, operation string
	kind              bankmux.Kind // "" for success
}

// series has the options of a series, which are made once.
type series struct {
	add    []metric.AddOption
	record []metric.RecordOption
	start  []trace.SpanStartOption
}

// seriesOf returns the options of a series.
func (t *Telemetry) seriesOf(op *bankmux.Op, kind bankmux.Kind) *series {
	name := seriesName{op.Client, op.Name, kind}
	if known, ok := t.series.Load(name); ok {
		return known.(*series) // only this function stores
	}
	attrs := []attribute.KeyValue{clientKey.String(op.Client), operationKey.String(op.Name)}
	start := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindInternal), trace.WithAttributes(attrs...),
		trace.WithAttributes(providerKey.String(op.Provider)),
	}
	if kind != "" {
		attrs = append(attrs, errorTypeKey.String(string(kind)))
	}
	set := metric.WithAttributeSet(attribute.NewSet(attrs...))
	made, _ := t.series.LoadOrStore(name, &series{
		add: []metric.AddOption{set}, record: []metric.RecordOption{set}, start: start,
	})
	return made.(*series) // as above
}
