package providertest

// This file runs one cell of the fault matrix.

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// matrixCell is one operation under one fault.
type matrixCell struct {
	*bench
	t     *testing.T
	op    operation
	fault matrixFault
	idle  int        // goroutines of the bubble between two cells
	seen  bankmux.Op // the last call, as the guard got it
}

func (c *matrixCell) name() string { return c.op.name + " under " + c.fault.name }

// call prepares one call and returns it. It waits before and after, because net/http offers an
// HTTP/2 connection to the next request a little later than to the first. A request that is sent
// earlier would make a second connection.
func (c *matrixCell) call() func(context.Context) error {
	c.t.Helper()
	synctest.Wait()
	call, err := c.op.prepare(c.bench)
	require.NoError(c.t, err, c.name())
	synctest.Wait()
	return call
}

func (c *matrixCell) run() outcome {
	watched := c.client
	c.client = watched.With(func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		c.seen = op
		return next(ctx)
	})
	defer func() { c.client = watched }()
	effect, want := c.expected()
	got := c.staying(effect, want)
	c.afterwards(effect, want)
	if want.survives {
		c.passing()
	}
	c.leftNothing()
	return got
}

// expected makes the call without a fault, and returns the effect and the expected result under the
// fault.
func (c *matrixCell) expected() (bankmux.Effect, expectation) {
	// The first call fills whatever the adapter keeps for later calls.
	require.NoError(c.t, c.call()(c.t.Context()), "%s: the first call", c.name())
	call := c.call()
	mark := c.responseCount()
	require.NoError(c.t, call(c.t.Context()), "%s: before any fault", c.name())
	effect := c.seen.Effect
	require.Contains(c.t, c.op.effects, effect, "%s: the effect of the call", c.name())
	return effect, expect(c.fault, circumstances{
		effect: effect,
		whole:  c.responsesSince(mark, c.op.counts),
		public: c.op.public,
		atBank: c.AtInstitution != nil && c.AtInstitution(c.seen),
		words:  c.Words,
	})
}

// staying makes the call while every request gets the fault.
func (c *matrixCell) staying(effect bankmux.Effect, want expectation) outcome {
	call := c.call()
	c.transport.CloseIdleConnections()
	before := c.verdicts()
	c.injectMatrixFault(c.fault, -1, c.op.counts)
	began := time.Now()
	err := call(c.t.Context())
	took := time.Since(began)
	got := c.outcome(err, effect)
	got.attempts, got.dialled = c.injections(), c.dialsSinceInjection()
	if c.op.counts != nil {
		got.attempts = c.injectionsOn(c.op.counts)
	}
	after := c.verdicts()
	got.verdict, got.bank = after.since(before, effect), after.bank > before.bank
	c.check(got, want, err, took)
	return got
}

// check compares the result of a cell with the expected one.
func (c *matrixCell) check(got outcome, want expectation, err error, took time.Duration) {
	c.t.Helper()
	c.show(err)
	name := c.name()
	assert.Equal(c.t, want.kind, got.kind, "%s: kind; %v", name, err)
	assert.Equal(c.t, want.scope, got.scope, "%s: scope; %v", name, err)
	assert.Equal(c.t, want.attempts, got.attempts, "%s: number of requests; %v", name, err)
	assert.Equal(c.t, want.verdict, got.verdict, "%s: what the breaker counted; %v", name, err)
	assert.Equal(c.t, want.bank, got.bank, "%s: counted against the bank; %v", name, err)
	assert.LessOrEqual(
		c.t,
		took,
		time.Duration(max(want.attempts, 1))*(matrixDeadline+12*time.Second),
		"%s: duration",
		name,
	)
	if err == nil {
		return
	}
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(c.t, ok, "%s: %v", name, err)
	assert.Equal(c.t, want.kind.Remedy(), e.Remedy(), "%s: remedy", name)
	assert.Equal(c.t, want.repeatable, got.repeatable, "%s: Error.Repeatable; %v", name, err)
	assert.Equal(c.t, want.notSent, e.NotSent, "%s: Error.NotSent", name)
	assert.Equal(c.t, want.unlisted, e.Unlisted, "%s: Error.Unlisted", name)
	assert.InDelta(
		c.t,
		want.retryAfter,
		e.RetryAfter,
		float64(time.Second),
		"%s: Error.RetryAfter; a date has whole seconds",
		name,
	)
	assert.False(c.t, e.UserMustAct(), "%s: no user can fix it", name)
	assert.Equal(
		c.t,
		want.kind != bankmux.ErrOutcomeUnknown,
		bankmux.OutcomeKnown(err) || got.effect != bankmux.OneShot,
		"%s: OutcomeKnown",
		name,
	)
	if want.kind == bankmux.ErrOutcomeUnknown {
		assert.NotEmpty(c.t, e.FindOut, "%s: Error.FindOut", name)
		assert.Contains(c.t, err.Error(), e.FindOut, name)
	}
	assert.NotContains(c.t, err.Error(), "?", "%s: a query in the error", name)
	assert.NotContains(c.t, err.Error(), "://", "%s: an address in the error", name)
}

// afterwards makes the call after the fault has ended.
func (c *matrixCell) afterwards(effect bankmux.Effect, want expectation) {
	c.heal()
	call := c.call()
	require.NoError(c.t, call(c.t.Context()), "%s: after the fault", c.name())
	if effect == bankmux.Local || c.op.counts != nil { // with counts, other requests use connections as well
		return
	}
	fresh := want.attempts + 1
	if want.keeps {
		fresh = 1
	}
	assert.Equal(c.t, fresh, c.dialsSinceInjection(),
		"%s: connections made, including the one after the fault", c.name())
}

// passing makes the call while only one request gets the fault.
func (c *matrixCell) passing() {
	call := c.call()
	c.transport.CloseIdleConnections()
	c.injectMatrixFault(c.fault, 1, c.op.counts)
	require.NoError(c.t, call(c.t.Context()), "%s: a fault that passes", c.name())
	c.heal()
}

// leftNothing checks that no connection and no goroutine remains from earlier calls.
func (c *matrixCell) leftNothing() {
	c.t.Helper()
	c.transport.CloseIdleConnections()
	synctest.Wait()
	assert.Zero(c.t, c.open(), "%s: open connections", c.name())
	assert.Equal(c.t, c.idle, c.goroutines(), "%s: goroutines", c.name())
}

// outcome is the result of a cell.
type outcome struct {
	op, fault  string
	effect     bankmux.Effect
	kind       bankmux.Kind // "" is success
	scope      bankmux.Scope
	repeatable bool
	attempts   int
	dialled    int
	verdict    verdict
	bank       bool // it counted as a failure of the bank as well
	keeps      bool
	last       bool
}

func (c *matrixCell) outcome(err error, effect bankmux.Effect) outcome {
	got := outcome{
		op:     c.op.name,
		fault:  c.fault.name,
		effect: effect,
		kind:   bankmux.KindOf(err),
		keeps:  c.fault.keeps,
		last:   c.fault.last,
	}
	if e, ok := errors.AsType[*bankmux.Error](err); ok {
		got.scope, got.repeatable = e.Affects(), e.Repeatable(effect)
	}
	return got
}

// verdict is what the provider's circuit breaker counted for a call.
type verdict string

const (
	verdictFailed  verdict = "failure"
	verdictSuccess verdict = "success"
	verdictNone    verdict = "not counted"
)

// counts are the counters of the provider's breaker, and the failures of banks.
type counts struct{ successes, failures, bank uint32 }

func (b *bench) verdicts() (sum counts) {
	for _, s := range b.guard.Breakers() {
		if s.Institution != "" {
			sum.bank += s.Failures
			continue
		}
		sum.failures += s.Failures
		sum.successes += s.Requests - s.Failures
	}
	return sum
}

func (c counts) since(before counts, effect bankmux.Effect) verdict {
	failed, good := c.failures-before.failures, c.successes-before.successes
	switch {
	case failed > 0 && good == 0:
		return verdictFailed
	case good > 0 && failed == 0:
		return verdictSuccess
	case good == 0 && failed == 0:
		return verdictNone
	}
	return verdict(fmt.Sprintf("%d successes and %d failures of a %s", good, failed, effect))
}
