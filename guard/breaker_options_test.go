package guard_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestBreakerOptions measures that each option of a circuit has its effect.
func TestBreakerOptions(t *testing.T) {
	t.Parallel()
	t.Run("each option is applied", eachOptionIsApplied)
	t.Run("the failure ratio opens the circuit from MinRequests on", theFailureRatioOpensTheCircuitFromMinRequestsOn)
	t.Run("only attempts in the window count", onlyAttemptsInTheWindowCount)
	t.Run("the window moves by sixths", theWindowMovesBySixths)
	t.Run("states are sorted and have the time of the last change", statesAreSortedAndHaveTheTimeOfTheLastChange)
}

// circuit is a breaker whose options are measured: of the provider or of a bank.
type circuit struct {
	call  func(next func(context.Context) error) error
	state func() guard.BreakerState
}

func ofProvider(t *testing.T, o guard.BreakerOptions) circuit {
	b := guard.NewBreakers(o, nil)
	in := b.Interceptor()
	return circuit{
		func(next func(context.Context) error) error { return in(t.Context(), read, next) },
		func() guard.BreakerState { return b.States()[0] },
	}
}

func ofBank(t *testing.T, o guard.InstitutionOptions) circuit {
	b := guard.NewInstitutions(o, nil)
	in := b.Interceptor(func(bankmux.Op) bool { return true })
	op := read
	op.Institution = "bank"
	return circuit{
		func(next func(context.Context) error) error { return in(t.Context(), op, next) },
		func() guard.BreakerState { return b.States()[0] },
	}
}

var errBankFails = &bankmux.Error{Kind: bankmux.ErrInstitution, Status: 503}

// measured is what the options of a circuit come to.
type measured struct {
	Consecutive int           // failures that open it
	OpenFor     time.Duration // until a probe is let through
	ProbeFor    time.Duration // until a probe that hangs is ended
	Probes      int           // at once
	Closes      int           // successes that close it
}

func measure(t *testing.T, c circuit, failure error) (m measured) {
	t.Helper()
	fail := func(context.Context) error { return failure }
	for m.Consecutive = 1; ; m.Consecutive++ {
		require.ErrorIs(t, c.call(fail), failure)
		if c.state().State == "open" {
			break
		}
	}
	err := c.call(fail)
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	m.OpenFor = e.RetryAfter
	open, probed := "too many calls failed", "the provider is being probed"
	if errors.Is(failure, bankmux.ErrInstitution) {
		open, probed = "too many calls to this bank failed", "the bank is being probed"
	}
	assert.Equal(t, open, e.Detail)
	time.Sleep(m.OpenFor)
	err = c.call(fail)
	require.ErrorIs(t, err, bankmux.ErrCircuitOpen, "still open until OpenFor ends")
	e, _ = errors.AsType[*bankmux.Error](err)
	assert.Equal(t, time.Duration(1), e.RetryAfter, "a moment is left")
	assert.Equal(t, open, e.Detail)
	time.Sleep(time.Nanosecond)
	start := time.Now()
	require.ErrorIs(t, c.call(hang), bankmux.ErrUnavailable)
	m.ProbeFor = time.Since(start)

	time.Sleep(m.OpenFor + 1)
	release := make(chan struct{})
	var all sync.WaitGroup
	for {
		admitted := make(chan struct{}, 1)
		var err error
		all.Go(func() {
			err = c.call(func(context.Context) error { admitted <- struct{}{}; <-release; return errLimit })
		})
		synctest.Wait()
		if len(admitted) == 0 {
			assert.ErrorIs(t, err, bankmux.ErrCircuitOpen)
			e, _ := errors.AsType[*bankmux.Error](err)
			assert.Zero(t, e.RetryAfter)
			assert.Equal(t, probed, e.Detail)
			break
		}
		m.Probes++
	}
	close(release)
	all.Wait()
	for c.state().State == "half-open" {
		require.NoError(t, c.call(func(context.Context) error { return nil }))
		m.Closes++
	}
	assert.Equal(t, "closed", c.state().State)
	return m
}

func eachOptionIsApplied(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts guard.BreakerOptions
		want measured
	}{
		"the defaults of a provider": {guard.BreakerOptions{}, measured{6, 30 * time.Second, 15 * time.Second, 3, 3}},
		"those of an application": {
			guard.BreakerOptions{Consecutive: 2, OpenFor: 7 * time.Second, ProbeFor: 11 * time.Second, Probes: 4},
			measured{2, 7 * time.Second, 11 * time.Second, 4, 4},
		},
		"the least": {
			guard.BreakerOptions{Consecutive: 1, OpenFor: 1, ProbeFor: 1, Probes: 1}, measured{1, 1, 1, 1, 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { assert.Equal(t, c.want, measure(t, ofProvider(t, c.opts), errDown)) })
		})
	}
	for name, c := range map[string]struct {
		opts guard.InstitutionOptions
		want measured
	}{
		"the defaults of a bank": {guard.InstitutionOptions{}, measured{5, 30 * time.Second, 30 * time.Second, 1, 1}},
		"those of an application, of a bank": {
			guard.InstitutionOptions{Consecutive: 3, OpenFor: 7 * time.Second, ProbeFor: 11 * time.Second, Probes: 2},
			measured{3, 7 * time.Second, 11 * time.Second, 2, 2},
		},
		"the least, of a bank": {
			guard.InstitutionOptions{Consecutive: 1, OpenFor: 1, ProbeFor: 1, Probes: 1}, measured{1, 1, 1, 1, 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(
				t,
				func(t *testing.T) { assert.Equal(t, c.want, measure(t, ofBank(t, c.opts), errBankFails)) },
			)
		})
	}
}

func theFailureRatioOpensTheCircuitFromMinRequestsOn(t *testing.T) {
	t.Parallel()
	rare := guard.BreakerOptions{Ratio: 30, MinRequests: 10}
	all := guard.BreakerOptions{Ratio: 100, MinRequests: 100, Consecutive: 1000}
	for name, c := range map[string]struct {
		opts     guard.BreakerOptions
		calls    string // F for a failure, S for a success
		openedBy int    // calls, 0 for never
	}{
		"half of twenty":                  {guard.BreakerOptions{}, strings.Repeat("SF", 20), 20},
		"less than half":                  {guard.BreakerOptions{}, "S" + strings.Repeat("SF", 40), 0},
		"more than half of nineteen":      {guard.BreakerOptions{}, "F" + strings.Repeat("SF", 9), 0},
		"more than half, and one more":    {guard.BreakerOptions{}, "F" + strings.Repeat("SF", 9) + "F", 20},
		"three of ten, as configured":     {rare, "SSSSSSSFFF", 10},
		"two of ten, as configured":       {rare, "SSSSSSSSFF", 0},
		"all of a hundred, as configured": {all, strings.Repeat("F", 200), 100},
		"one of a hundred, as configured": {
			guard.BreakerOptions{Ratio: 1, MinRequests: 1, Consecutive: 1000}, strings.Repeat("S", 99) + "F", 100,
		},
		"all but one, where all are asked": {all, "S" + strings.Repeat("F", 200), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := ofProvider(t, c.opts)
				at := 0
				for i, call := range c.calls {
					err := map[rune]error{'F': errDown, 'S': nil}[call]
					if _ = b.call(func(context.Context) error { return err }); b.state().State == "open" {
						at = i + 1
						break
					}
				}
				assert.Equal(t, c.openedBy, at)
			})
		})
	}
}

func onlyAttemptsInTheWindowCount(t *testing.T) {
	t.Parallel()
	for _, window := range []time.Duration{0, 10 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			b := ofProvider(t, guard.BreakerOptions{Window: window, Consecutive: 1000, MinRequests: 4})
			length := window
			if length == 0 {
				length = time.Minute
			}
			for i := range 3 {
				_ = b.call(func(context.Context) error { return []error{errDown, nil, errLimit}[i] })
			}
			assert.Equal(
				t,
				[2]uint32{2, 1},
				[2]uint32{b.state().Requests, b.state().Failures},
				"a rate limit is neither",
			)
			time.Sleep(length / 2)
			assert.EqualValues(t, 2, b.state().Requests)
			time.Sleep(length/2 + time.Second)
			assert.Zero(t, b.state().Requests)
		})
	}
}

func theWindowMovesBySixths(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := ofProvider(t, guard.BreakerOptions{})
		_ = b.call(func(context.Context) error { return nil })
		time.Sleep(11 * time.Second)
		_ = b.call(func(context.Context) error { return errDown })
		time.Sleep(50 * time.Second)
		assert.EqualValues(
			t,
			1,
			b.state().Requests,
			"what came 61 seconds ago is forgotten, what came 50 seconds ago is not",
		)
		time.Sleep(8 * time.Second)
		assert.EqualValues(t, 1, b.state().Requests)
		time.Sleep(2 * time.Second)
		assert.Zero(t, b.state().Requests)
	})
}

func statesAreSortedAndHaveTheTimeOfTheLastChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBanks(t, guard.Options{})
		b.answer = func(context.Context, bankmux.Op) error { return errBankDown }
		start := time.Now()
		for i := range 20 {
			for _, group := range []bankmux.Group{bankmux.GroupLink, bankmux.GroupData} {
				op := bankmux.Op{
					Name:        "X",
					Group:       group,
					Effect:      bankmux.Read,
					Provider:    "p",
					Client:      "c" + strconv.Itoa(i%4),
					Institution: "b" + strconv.Itoa(i%5),
				}
				_ = b.do(t.Context(), op)
			}
		}
		time.Sleep(time.Minute)
		var got []string
		for _, s := range b.guard.Breakers() {
			assert.Equal(t, start, s.Since)
			assert.Equal(t, "p", s.Provider)
			got = append(got, s.Institution+"/"+s.Client+"/"+string(s.Group))
		}
		var want []string
		for c := range 4 {
			for _, g := range []string{"data", "link"} {
				want = append(want, "/c"+strconv.Itoa(c)+"/"+g)
			}
		}
		for c := range 4 {
			for i := range 5 {
				want = append(want, "b"+strconv.Itoa(i)+"/c"+strconv.Itoa(c)+"/data")
			}
		}
		assert.Equal(t, want, got)
		for range 5 {
			_ = b.do(
				t.Context(),
				bankmux.Op{
					Name:        "X",
					Group:       bankmux.GroupData,
					Effect:      bankmux.Read,
					Provider:    "p",
					Client:      "c0",
					Institution: "b0",
				},
			)
		}
		assert.Equal(t, start.Add(time.Minute), b.guard.Breakers()[8].Since, "it opened then")
		synctest.Wait()
		require.Len(t, b.heard, 1)
		assert.Equal(
			t,
			guard.BreakerState{
				Client:      "c0",
				Provider:    "p",
				Group:       "data",
				Institution: "b0",
				State:       "open",
				Since:       start.Add(time.Minute),
			},
			b.heard[0],
		)
	})
}
