package telemetry

// This file reports operations.

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/normalize"
)

// Interceptor returns the interceptor for [bankmux.Client.With]. It returns the result of the call
// unchanged. If the code of an exporter, sampler or meter panics, the call continues.
func (t *Telemetry) Interceptor() bankmux.Interceptor {
	return func(ctx context.Context, op bankmux.Op, next func(context.Context) error) (err error) {
		ctx, record := guard.WithOwnRecord(ctx)
		ctx, span := t.start(ctx, &op)
		started := time.Now()
		err = bankmux.ErrApplication // if the adapter panics, which passes through
		defer func() { t.end(ctx, span, &finished{&op, record, time.Since(started), err}) }()
		err = next(ctx)
		return err
	}
}

// inOperation marks the context of an operation whose span is recorded.
type inOperation struct{}

// start starts the span of an operation.
func (t *Telemetry) start(ctx context.Context, op *bankmux.Op) (with context.Context, span trace.Span) {
	defer func() {
		if recover() != nil {
			with, span = ctx, noop.Span{}
		}
	}()
	with, span = t.tracer.Start(ctx, op.Name, t.seriesOf(op, "").start...)
	if span.IsRecording() {
		with = context.WithValue(with, inOperation{}, true)
		span.SetAttributes(attributesOf(op)...)
	}
	return with, span
}

// attributesOf returns the attributes that only spans have, and that differ from call to call.
func attributesOf(op *bankmux.Op) []attribute.KeyValue {
	attrs := []attribute.KeyValue{effectKey.String(string(op.Effect))}
	if id := op.StoredConnection(); id != "" {
		attrs = append(attrs, connectionKey.String(id))
	}
	if op.Institution != "" {
		attrs = append(attrs, institutionKey.String(op.Institution))
	}
	return attrs
}

// finished is an operation that has ended.
type finished struct {
	op     *bankmux.Op
	record *guard.Record
	took   time.Duration
	err    error
}

// end counts the operation and ends the span. A panic of either leaves the other.
func (t *Telemetry) end(ctx context.Context, span trace.Span, done *finished) {
	attempts := sent(done.record)
	t.count(ctx, done, attempts)
	defer func() { _ = recover() }()
	defer span.End()
	if span.IsRecording() {
		span.SetAttributes(attemptsKey.Int(len(attempts)))
		describe(span, kindOf(done.err), bankmux.ErrorOf(done.err))
	}
}

// count counts the operation.
func (t *Telemetry) count(ctx context.Context, done *finished, attempts []guard.Attempt) {
	defer func() { _ = recover() }()
	s := t.seriesOf(done.op, kindOf(done.err))
	t.duration.Record(ctx, done.took.Seconds(), s.record...)
	if more := len(attempts) - 1; more > 0 {
		t.retries.Add(ctx, int64(more), s.add...)
	}
	limited := int64(0)
	for _, a := range attempts {
		if a.Kind == bankmux.ErrRateLimited {
			limited++
		}
	}
	if limited > 0 {
		t.limits.Add(ctx, limited, s.add...)
	}
	e := bankmux.ErrorOf(done.err)
	if e != nil && e.NotSent {
		t.refusals.Add(ctx, 1, s.add...)
	}
	if e != nil && e.Unlisted {
		t.unlisted.Add(ctx, 1, s.add...)
	}
}

// sent returns the attempts that may have reached the provider. A budget, an open circuit or a hold
// refuses the others, and such a refusal is not the provider's.
func sent(record *guard.Record) []guard.Attempt {
	return slices.DeleteFunc(record.Attempts(), func(a guard.Attempt) bool { return a.NotSent })
}

// kinds are those that the library knows. Any other text of an adapter or an interceptor would be
// another series.
var kinds = func() map[bankmux.Kind]bool {
	all := map[bankmux.Kind]bool{}
	for _, kind := range bankmux.Kinds() {
		all[kind] = true
	}
	return all
}()

// kindOf returns the kind of an error, "" for nil. A kind that is not listed is ErrUnknown.
func kindOf(err error) bankmux.Kind {
	kind := bankmux.KindOf(err)
	if err != nil && !kinds[kind] {
		return bankmux.ErrUnknown
	}
	return kind
}

// describe writes the failure of an operation to its span: kind, code and request id. An adapter
// passes on what the provider sends as a code, also a token. It is masked unless it looks like a
// code, even where the adapter lists its class.
func describe(span trace.Span, kind bankmux.Kind, e *bankmux.Error) {
	if kind == "" {
		return
	}
	span.SetStatus(codes.Error, string(kind))
	span.SetAttributes(errorTypeKey.String(string(kind)))
	if e == nil {
		return
	}
	if e.Code != "" {
		span.SetAttributes(codeKey.String(normalize.Name(e.Code)))
	}
	if e.RequestID != "" {
		span.SetAttributes(requestIDKey.String(e.RequestID))
	}
}
