package providertest

// This file checks that one-shots are sent at most once.

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// oneShots checks that each one-shot is sent at most once: under every fault with several retry
// options, and if the caller cancels at any time.
func oneShots(t *testing.T, newHarness func(*testing.T) Harness, has capabilities) {
	var ops []operation
	inBubble(t, newHarness, func(_ *testing.T, b *bench) { ops = crossable(b, has) })
	for i, op := range ops {
		if !slices.Contains(op.effects, bankmux.OneShot) {
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, newHarness, func(t *testing.T, b *bench) {
				op := crossable(b, has)[i]
				b.newClient(matrixGuard(), overPlain)
				op.setUp(b)
				if b.effectOf(op) != bankmux.OneShot {
					return // this adapter only reads here
				}
				if op.decides { // the requests of a first exchange
					op.counts = b.IsExchange
				}
				underEverySetting(t, b, op)
				givenUpAnywhere(t, b, op)
			})
		})
	}
}

// effectOf makes the call once and returns the effect that the adapter gave it.
func (b *bench) effectOf(op operation) (effect bankmux.Effect) {
	watched := b.client
	defer func() { b.client = watched }()
	b.client = watched.With(func(ctx context.Context, seen bankmux.Op, next func(context.Context) error) error {
		effect = seen.Effect
		return next(ctx)
	})
	call, err := op.prepare(b)
	require.NoError(b.t, err, op.name)
	require.NoError(b.t, call(b.t.Context()), op.name)
	return effect
}

// retrySettings are retry options beside those of the matrix: no retry, and many fast ones.
var retrySettings = []guard.RetryOptions{
	{MaxAttempts: 1},
	{MaxAttempts: 9, Base: time.Millisecond, Cap: time.Second, MaxWait: time.Hour},
}

func underEverySetting(t *testing.T, b *bench, op operation) {
	for _, retry := range retrySettings {
		for _, f := range matrixFaults {
			if f.dial == dialTLS {
				continue // the matrix has it; here it is one more failed connection
			}
			opts := matrixGuard()
			opts.Retry = retry
			b.newClient(opts, f.carrier())
			f.stateless = op.decides
			call, err := op.prepare(b)
			require.NoError(t, err, op.name)
			b.transport.CloseIdleConnections()
			b.injectMatrixFault(f, -1, op.counts)
			err = call(t.Context())
			b.show(err)
			arrived := b.arrived(op)
			most := 1
			if f.class == classExpired && b.Words.Expired != nil {
				most = 2 // the first was refused for its token and was not processed
			}
			assert.LessOrEqual(
				t,
				arrived,
				most,
				"%s under %s with %d attempts: number of requests; %v",
				op.name,
				f.name,
				retry.MaxAttempts,
				err,
			)
			if f.dial != "" {
				assert.Zero(t, arrived, "%s under %s", op.name, f.name)
				assert.True(t, bankmux.OutcomeKnown(err),
					"%s under %s: nothing was sent, so the outcome is known; %v", op.name, f.name, err)
			}
			if !bankmux.OutcomeKnown(err) {
				namesFindOut(t, op.name+" under "+f.name, err)
			}
			b.heal()
		}
	}
}

// arrived returns the number of requests of the operation that arrived with a fault.
func (b *bench) arrived(op operation) int {
	if b.injected.dial != "" {
		return 0
	}
	if op.counts != nil {
		return b.injectionsOn(op.counts)
	}
	return b.injections()
}

func namesFindOut(t *testing.T, name string, err error) {
	t.Helper()
	assert.ErrorIs(t, err, bankmux.ErrOutcomeUnknown, name)
	e, ok := errors.AsType[*bankmux.Error](err)
	if assert.True(t, ok, name) {
		assert.NotEmpty(t, e.FindOut, name)
		assert.Contains(t, err.Error(), e.FindOut, name)
		assert.False(t, e.Repeatable(bankmux.OneShot), name)
	}
}

func givenUpAnywhere(t *testing.T, b *bench, op operation) {
	for after := pace / 4; after < 8*pace; after += pace / 2 {
		for way, cut := range map[string]func(context.Context, time.Duration) (context.Context, context.CancelFunc){
			"cancelled": func(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
				inner, cancel := context.WithCancel(ctx)
				timer := time.AfterFunc(after, cancel)
				return inner, func() { timer.Stop(); cancel() }
			},
			"out of time": context.WithTimeout,
		} {
			name := op.name + " " + way + " after " + after.String()
			b.newClient(matrixGuard(), overPlain)
			call, err := op.prepare(b)
			require.NoError(t, err, name)
			b.transport.CloseIdleConnections()
			b.injectMatrixFault(matrixFault{name: "step by step", paced: true}, -1, nil)
			ctx, done := cut(t.Context(), after)
			began := time.Now()
			err = call(ctx)
			done()
			b.show(err)
			assert.LessOrEqual(t, time.Since(began), after, "%s: it did not stop", name)
			arrived := b.arrived(op)
			assert.LessOrEqual(t, arrived, 1, "%s: number of requests; %v", name, err)
			switch {
			case err == nil:
				assert.Equal(t, 1, arrived, "%s: a result of a call that was never made", name)
			case arrived == 0:
				assert.True(t, bankmux.OutcomeKnown(err),
					"%s: nothing was sent, so the outcome is known; %v", name, err)
			default:
				namesFindOut(t, name, err)
			}
			b.heal()
			time.Sleep(10 * pace) // what was cancelled comes to its end
		}
	}
}
