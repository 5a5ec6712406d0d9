package providertest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// The fault matrix: every fault of the list crossed with every operation the adapter has. What must
// come of a cell is concluded from two small tables: what the fault is (matrix_faults.go) and what
// sending the call twice would do (the effect). Nothing is taken from what the adapter does.

var (
	printMatrix  = flag.Bool("matrix", false, "print the fault matrix as a table")
	updateMatrix = flag.Bool("matrix.update", false, "write the fault matrix to the harness's file")
)

// Table says where an adapter keeps its fault matrix.
type Table struct {
	File  string // relative to the test's package; the part between the adapter's two marks is checked to be current
	Title string // names the part
}

// Operation is one of an adapter's own, to be crossed with the faults as well. A function of an
// adapter's package is one.
type Operation struct {
	Name   string
	Effect bankmux.Effect
	Public bool // it is sent without the application's credentials
	// Counts selects the requests that are the operation, where it sends others before or after: of
	// a one-shot only they must be sent once, and the faults strike from the first of them on. nil
	// means that all requests of the call are.
	Counts func(*http.Request) bool
	// Prepare returns the call. It is called again for each, with the wire whole, and may do what
	// the call needs.
	Prepare func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) (func(context.Context) error, error)
}

// The guard of the matrix: deadlines that the suite knows, and breakers that count everything and
// open never.
const (
	matrixDeadline = 40 * time.Second
	matrixAttempts = 3
)

func matrixGuard() guard.Options {
	return guard.Options{
		Retry:        guard.RetryOptions{MaxAttempts: matrixAttempts},
		Deadline:     guard.DeadlineOptions{Link: matrixDeadline, Data: matrixDeadline, Pay: matrixDeadline},
		Breaker:      guard.BreakerOptions{Consecutive: 1 << 30, MinRequests: 1 << 30, Window: 1000 * time.Hour},
		Institutions: guard.InstitutionOptions{Consecutive: 1 << 30},
	}
}

// matrix runs all cells and compares the table with the one that is kept.
func matrix(t *testing.T, newHarness func(*testing.T) Harness, has capabilities) {
	table := &matrixTable{}
	var doc Table
	var ops []operation
	inBubble(t, newHarness, func(t *testing.T, b *bench) {
		doc = b.Table
		ops = crossable(b, has)
	})
	if doc.Title == "" {
		doc.Title = "an adapter"
	}
	t.Run("cells", func(t *testing.T) {
		for i, op := range ops {
			t.Run(op.name, func(t *testing.T) {
				t.Parallel()
				inBubble(t, newHarness, func(t *testing.T, b *bench) {
					crossed(t, b, crossable(b, has)[i], table)
				})
			})
		}
	})
	if t.Failed() || table.size() != len(ops)*len(matrixFaults()) {
		return // a part was run, or there is no truth to write down
	}
	table.keep(t, doc)
}

// crossed is one operation under the faults of the run.
func crossed(t *testing.T, b *bench, op operation, table *matrixTable) {
	b.reclient(matrixGuard(), overPlain)
	op.setUp(b)
	idle := b.goroutines() // with no client at work; to count them takes long
	for _, f := range struckBy() {
		b.reclient(matrixGuard(), f.carrier())
		f.stateless = op.decides
		cell := &matrixCell{bench: b, t: t, op: op, fault: f, idle: idle}
		table.add(cell.run())
		if t.Failed() {
			return // what follows would only repeat it
		}
	}
}

// matrixCell is one operation under one fault.
type matrixCell struct {
	*bench
	t     *testing.T
	op    operation
	fault matrixFault
	idle  int        // goroutines of the bubble between two cells
	seen  bankmux.Op // by the guard, of the last call
}

func (c *matrixCell) name() string { return c.op.name + " under " + c.fault.name }

// call prepares, and returns the operation and what it needs to be told apart. net/http keeps an
// HTTP/2 connection for the next request only after it gave it to the first, which may be done by
// then: who does not wait makes a second one now and then.
func (c *matrixCell) call() func(context.Context) error {
	c.t.Helper()
	synctest.Wait()
	call, err := c.op.begin(c.bench)
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

	// What the right answer looks like, once whatever an adapter keeps for later calls is there.
	require.NoError(c.t, c.call()(c.t.Context()), "%s: the first call", c.name())
	call := c.call()
	mark := c.answeredSoFar()
	require.NoError(c.t, call(c.t.Context()), "%s: before any fault", c.name())
	effect := c.seen.Effect
	require.Contains(c.t, c.op.effects, effect, "%s: the effect of the call", c.name())
	whole := c.answersSince(mark, c.op.counts)
	want := expect(
		c.fault,
		circumstances{
			effect: effect,
			whole:  whole,
			public: c.op.public,
			atBank: c.AtInstitution != nil && c.AtInstitution(c.seen),
			words:  c.Words,
		},
	)
	// The fault stays.
	call = c.call()
	c.transport.CloseIdleConnections()
	before := c.verdicts()
	c.strike(c.fault, -1, c.op.counts)
	began := time.Now()
	err := call(c.t.Context())
	took := time.Since(began)
	got := c.outcome(err, effect)
	got.attempts, got.dialled = c.struck(), c.dialsSinceStrike()
	if c.op.counts != nil {
		got.attempts = c.struckOn(c.op.counts)
	}
	after := c.verdicts()
	got.verdict, got.bank = after.since(before, effect), after.bank > before.bank
	c.check(got, want, err, took)

	// The provider is back.
	c.heal()
	call = c.call()
	require.NoError(c.t, call(c.t.Context()), "%s: after the fault", c.name())
	if effect != bankmux.Local {
		fresh := want.attempts + 1
		if want.keeps {
			fresh = 1
		}
		if c.op.counts == nil { // else other requests are under way as well
			assert.Equal(
				c.t,
				fresh,
				c.dialsSinceStrike(),
				"%s: connections that were made, with the one after the fault",
				c.name(),
			)
		}
	}

	// The fault passes.
	if want.survives {
		call = c.call()
		c.transport.CloseIdleConnections()
		c.strike(c.fault, 1, c.op.counts)
		require.NoError(c.t, call(c.t.Context()), "%s: a fault that passes", c.name())
		c.heal()
	}
	c.leftNothing()
	return got
}

// check compares a cell with what the rules say.
func (c *matrixCell) check(got outcome, want expectation, err error, took time.Duration) {
	c.t.Helper()
	c.show(err)
	name := c.name()
	assert.Equal(c.t, want.kind, got.kind, "%s: kind; %v", name, err)
	assert.Equal(c.t, want.scope, got.scope, "%s: scope; %v", name, err)
	assert.Equal(c.t, want.attempts, got.attempts, "%s: how often it was sent; %v", name, err)
	assert.Equal(c.t, want.verdict, got.verdict, "%s: what the breaker made of it; %v", name, err)
	assert.Equal(c.t, want.bank, got.bank, "%s: whether it counts against the bank; %v", name, err)
	assert.LessOrEqual(
		c.t,
		took,
		time.Duration(max(want.attempts, 1))*(matrixDeadline+12*time.Second),
		"%s: it lasted",
		name,
	)
	if err == nil {
		return
	}
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(c.t, ok, "%s: %v", name, err)
	assert.Equal(c.t, want.kind.Remedy(), e.Remedy(), "%s: remedy", name)
	assert.Equal(c.t, want.repeatable, got.repeatable, "%s: whether it may be repeated; %v", name, err)
	assert.Equal(c.t, want.notSent, e.NotSent, "%s: proof that nothing was sent", name)
	assert.Equal(c.t, want.unlisted, e.Unlisted, "%s: unlisted", name)
	assert.InDelta(
		c.t,
		want.retryAfter,
		e.RetryAfter,
		float64(time.Second),
		"%s: how long to wait; a date has whole seconds",
		name,
	)
	assert.False(c.t, e.UserMustAct(), "%s: no user can mend it", name)
	assert.Equal(
		c.t,
		want.kind != bankmux.ErrOutcomeUnknown,
		bankmux.OutcomeKnown(err) || got.effect != bankmux.OneShot,
		"%s: whether the outcome is known",
		name,
	)
	if want.kind == bankmux.ErrOutcomeUnknown {
		assert.NotEmpty(c.t, e.FindOut, "%s: how to find out", name)
		assert.Contains(c.t, err.Error(), e.FindOut, name)
	}
	assert.NotContains(c.t, err.Error(), "?", "%s: a query", name)
	assert.NotContains(c.t, err.Error(), "://", "%s: an address", name)
}

// leftNothing checks that no connection and no goroutine is left of the calls before.
func (c *matrixCell) leftNothing() {
	c.t.Helper()
	c.transport.CloseIdleConnections()
	synctest.Wait()
	assert.Zero(c.t, c.open(), "%s: connections that nobody closed", c.name())
	assert.Equal(c.t, c.idle, c.goroutines(), "%s: goroutines", c.name())
}

// outcome is what came of a cell.
type outcome struct {
	op, fault  string
	effect     bankmux.Effect
	kind       bankmux.Kind // "" is success
	scope      bankmux.Scope
	repeatable bool
	attempts   int
	dialled    int
	verdict    verdict
	bank       bool // it counted as a failure of the bank too
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

// verdict is what a breaker makes of a call.
type verdict string

const (
	verdictFailed  verdict = "failure"
	verdictSuccess verdict = "success"
	verdictNone    verdict = "not counted"
)

// counts are what the breakers counted: those of the provider, and the failures of banks.
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

// goroutines counts those of this bubble, when all that is going on has come to rest.
func (b *bench) goroutines() int {
	b.transport.CloseIdleConnections()
	synctest.Wait()
	all := stacks(b.stacks)
	b.stacks = all[:cap(all)]
	stack := string(all)
	header, _, _ := strings.Cut(stack, "\n")
	_, bubble, found := strings.Cut(header, "synctest bubble ")
	if !found {
		return -1
	}
	bubble, _, _ = strings.Cut(bubble, "]")
	return strings.Count(stack, "synctest bubble "+bubble+"]")
}

// answered is an answer of the backend that no fault touched.
type answered struct {
	status  int
	bytes   int
	request *http.Request
}

// answersSince are the answers since the mark to the requests that on selects; nil selects all.
func (b *bench) answersSince(mark int, on func(*http.Request) bool) []answered {
	synctest.Wait() // a client may have its answer before the server knows that it is done
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []answered
	for _, a := range b.answers[mark:] {
		if on == nil || on(a.request) {
			all = append(all, a)
		}
	}
	return all
}

// meter notes what a handler answers.
type meter struct {
	http.ResponseWriter
	answered
}

func (m *meter) WriteHeader(status int) {
	if m.status == 0 {
		m.status = status
	}
	m.ResponseWriter.WriteHeader(status)
}

func (m *meter) Write(p []byte) (int, error) {
	if m.status == 0 {
		m.status = http.StatusOK
	}
	n, err := m.ResponseWriter.Write(p)
	m.bytes += n
	return n, err
}

// Unwrap lets faults flush and backends hijack.
func (m *meter) Unwrap() http.ResponseWriter { return m.ResponseWriter }
