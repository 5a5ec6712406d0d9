package guard_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestInstitutionBreaker specifies the circuit of one institution, without a guard around it.
func TestInstitutionBreaker(t *testing.T) {
	t.Parallel()
	t.Run("each call is a failure, a success or neither", eachCallIsAFailureASuccessOrNeither)
	t.Run("whose failures open the circuit", whoseFailuresOpenTheCircuit)
	t.Run("calls that bypass the circuit", callsThatBypassTheCircuit)
	t.Run("the institutions used last are remembered", theInstitutionsUsedLastAreRemembered)
	t.Run("a forgotten institution is not reported again", aForgottenInstitutionIsNotReportedAgain)
}

// circuits are the breakers of banks alone.
type circuits struct {
	*guard.Institutions
	t  *testing.T
	do bankmux.Interceptor
}

func banksAlone(t *testing.T, o guard.InstitutionOptions, listen func(guard.BreakerState)) circuits {
	in := guard.NewInstitutions(o, listen)
	return circuits{in, t, in.Interceptor(func(op bankmux.Op) bool { return op.Name != "Elsewhere" })}
}

func (c circuits) call(op bankmux.Op, err error) error {
	return c.do(c.t.Context(), op, func(context.Context) error { return err })
}

func (c circuits) fail(bank string, n int) {
	for range n {
		_ = c.call(at(bank), errBankDown)
	}
}

func (c circuits) state(bank string) string {
	for _, s := range c.States() {
		if s.Institution == bank {
			return s.State
		}
	}
	return ""
}

func at(bank string) bankmux.Op {
	op := read
	op.Institution = bank
	return op
}

// What an error says of the bank: a failure, a success, which ends a row of failures, or neither.
func eachCallIsAFailureASuccessOrNeither(t *testing.T) {
	t.Parallel()
	start := at("bank")
	start.Effect = bankmux.Idempotent
	late := func(kind bankmux.Kind) error { return &bankmux.Error{Kind: kind, Err: context.DeadlineExceeded} }
	for name, c := range map[string]struct {
		op   bankmux.Op
		err  error
		says string
	}{
		"what was read":                  {at("bank"), nil, "success"},
		"a call that only started there": {start, nil, "nothing"},
		"a question":                     {at("bank"), &bankmux.Error{Kind: bankmux.ErrUserAction}, "success"},
		"a rejected answer":              {at("bank"), &bankmux.Error{Kind: bankmux.ErrAnswerRejected}, "success"},
		"a rejected login":               {at("bank"), &bankmux.Error{Kind: bankmux.ErrReauth}, "success"},
		"a rejected login, not sent": {
			at("bank"), &bankmux.Error{Kind: bankmux.ErrReauth, NotSent: true}, "nothing",
		},
		"a lapsed consent":          {at("bank"), &bankmux.Error{Kind: bankmux.ErrConsent}, "nothing"},
		"a rate limit":              {at("bank"), errLimit, "nothing"},
		"an outage of the provider": {at("bank"), errDown, "nothing"},
		"an error without a kind":   {at("bank"), errors.New("?"), "nothing"},
		"an outage of the bank":     {at("bank"), errBankDown, "failure"},
		"an outage of the bank, not sent": {
			at("bank"), &bankmux.Error{Kind: bankmux.ErrInstitution, NotSent: true}, "nothing",
		},
		"an outage that it started with":      {start, errBankDown, "failure"},
		"silence":                             {at("bank"), late(bankmux.ErrUnavailable), "failure"},
		"silence of a call that only started": {start, late(bankmux.ErrUnavailable), "nothing"},
		"the application's own end":           {at("bank"), late(bankmux.ErrApplication), "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := banksAlone(t, guard.InstitutionOptions{}, nil)
				b.fail("bank", 4)
				says := "failure"
				assert.Equal(t, c.err, b.call(c.op, c.err))
				if b.state("bank") != "open" {
					says = "success"
					if b.fail("bank", 1); b.state("bank") == "open" {
						says = "nothing"
					}
				}
				assert.Equal(t, c.says, says)
			})
		})
	}
}

func whoseFailuresOpenTheCircuit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		connections string // a letter for each call; a capital one is declared to be the bank's fault
		open        bool
	}{
		"one connection":                          {"aaaaaaaa", false},
		"two in turn":                             {"ababa", true},
		"two, of which one came back":             {"abaaa", true},
		"two, of which one came first":            {"abbbb", true},
		"two, of which one came last":             {"aaaab", true},
		"too few":                                 {"abcd", false},
		"one, and the first was declared":         {"Aaaaa", true},
		"one, and the last was declared":          {"aaaaA", true},
		"one, and one between was declared":       {"aaAaa", true},
		"too few, declared":                       {"AAAA", false},
		"what was declared before an answer":      {"A-aaaaaa", false},
		"whose connections differ from before it": {"a-bbbbbb", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := banksAlone(t, guard.InstitutionOptions{}, nil)
			for _, who := range c.connections {
				op := at("bank")
				op.Connection = string(who | 0x20)
				switch {
				case who == '-':
					require.NoError(t, b.call(op, nil))
				case who < 'a':
					_ = b.call(op, errBankDown)
				default:
					_ = b.call(op, errUnexplained)
				}
			}
			assert.Equal(t, c.open, b.state("bank") == "open")
		})
	}
}

func callsThatBypassTheCircuit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*bankmux.Op)
		passes bool
	}{
		"one to the bank":               {func(*bankmux.Op) {}, false},
		"one to another bank":           {func(o *bankmux.Op) { o.Institution = "other" }, true},
		"one to no bank":                {func(o *bankmux.Op) { o.Institution = "" }, true},
		"one that sends nothing":        {func(o *bankmux.Op) { o.Effect = bankmux.Local }, true},
		"one that the provider answers": {func(o *bankmux.Op) { o.Name = "Elsewhere" }, true},
		"one of another client":         {func(o *bankmux.Op) { o.Client = "d" }, true},
		"one of another group":          {func(o *bankmux.Op) { o.Group = bankmux.GroupPay }, true},
		"one of another connection, not reading": {
			func(o *bankmux.Op) { o.Connection, o.Effect = "x", bankmux.OneShot }, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := banksAlone(t, guard.InstitutionOptions{}, nil)
			b.fail("bank", 5)
			op := at("bank")
			c.change(&op)
			assert.Equal(t, c.passes, b.call(op, errDown) == error(errDown)) //nolint:errorlint // the very same
		})
	}
	t.Run("a call without an institution leaves no state", func(t *testing.T) {
		t.Parallel()
		b := banksAlone(t, guard.InstitutionOptions{}, nil)
		b.fail("", 20)
		assert.Empty(t, b.States())
	})
}

func theInstitutionsUsedLastAreRemembered(t *testing.T) {
	t.Parallel()
	for most, want := range map[int]int{0: 1000, 1: 1, 3: 3} {
		b := banksAlone(t, guard.InstitutionOptions{MaxInstitutions: most}, nil)
		for i := range 1100 {
			b.fail("bank-"+strconv.Itoa(i), 1)
		}
		assert.Len(t, b.States(), want)
		assert.Equal(t, "closed", b.state("bank-1099"))
	}
	b := banksAlone(t, guard.InstitutionOptions{MaxInstitutions: 3}, nil)
	b.fail("a", 1)
	b.fail("b", 1)
	b.fail("c", 1)
	require.NoError(t, b.call(at("a"), nil))
	b.fail("d", 1)
	assert.Equal(
		t,
		[]string{"closed", "", "closed", "closed"},
		[]string{b.state("a"), b.state("b"), b.state("c"), b.state("d")},
		"b was used longest ago",
	)
}

func aForgottenInstitutionIsNotReportedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var heard []string
		b := banksAlone(
			t,
			guard.InstitutionOptions{MaxInstitutions: 1},
			func(s guard.BreakerState) { heard = append(heard, s.Institution+" "+s.State) },
		)
		b.fail("a", 4)
		var l late
		l.start(5, func(next func(context.Context) error) error { return b.do(context.Background(), at("a"), next) })
		b.fail("b", 1)
		synctest.Wait()
		assert.Empty(t, heard, "its circuit was closed")
		l.end(5, errBankDown)
		l.wg.Wait()
		assert.Empty(t, heard, "a call under way ends without a report")
		assert.Equal(t, "closed", b.state("b"))

		b.fail("b", 4)
		assert.Equal(t, []string{"b open"}, heard)
		time.Sleep(31 * time.Second)
		l.start(1, func(next func(context.Context) error) error { return b.do(context.Background(), at("b"), next) })
		b.fail("c", 1)
		synctest.Wait()
		assert.Equal(t, []string{"b open", "b half-open", "b closed"}, heard, "calls pass again")
		l.end(1, errBankDown)
		l.wg.Wait()
		assert.Len(t, heard, 3, "also for a probe that was under way")
	})
}
