package telemetry

// This file reports operations.

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// Interceptor returns the interceptor for [bankmux.Client.With]. It returns the result of the call
// unchanged. If the code of an exporter or sampler panics, the call continues.
func (t *Telemetry) Interceptor() bankmux.Interceptor {
	return func(ctx context.Context, op bankmux.Op, next func(context.Context) error) (err error) {
		record := guard.RecordFrom(ctx)
		if record == nil {
			ctx, record = guard.WithRecord(ctx)
		}
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
	if op.Connection != "" {
		attrs = append(attrs, connectionKey.String(op.Connection))
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

// end ends the span and counts the operation.
func (t *Telemetry) end(ctx context.Context, span trace.Span, done *finished) {
	defer func() { _ = recover() }()
	kind := bankmux.KindOf(done.err)
	attempts := done.record.Attempts()
	s := t.seriesOf(done.op, kind)
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
	if span.IsRecording() {
		span.SetAttributes(attemptsKey.Int(len(attempts)))
		describe(span, kind, e)
	}
	span.End()
}

// describe writes the failure of an operation to its span: kind, code and request id.
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
		span.SetAttributes(codeKey.String(e.Code))
	}
	if e.RequestID != "" {
		span.SetAttributes(requestIDKey.String(e.RequestID))
	}
}
