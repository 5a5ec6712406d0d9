package guard_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestBreakerGeneration specifies that a change of state ends the counting of earlier calls.
func TestBreakerGeneration(t *testing.T) {
	t.Parallel()
	t.Run("a call from before an outage does not count after it", aCallFromBeforeAnOutageDoesNotCountAfterIt)
	t.Run("a forgotten institution is reported as closed", aForgottenInstitutionIsReportedAsClosed)
}

// late has calls that started before an outage, and ends them on request.
type late struct {
	wg   sync.WaitGroup
	ends chan error
}

func (l *late) start(n int, call func(next func(context.Context) error) error) {
	l.ends = make(chan error)
	for range n {
		l.wg.Go(func() { _ = call(func(context.Context) error { return <-l.ends }) })
	}
	synctest.Wait()
}

func (l *late) end(n int, err error) {
	for range n {
		l.ends <- err
	}
	synctest.Wait()
}

func aCallFromBeforeAnOutageDoesNotCountAfterIt(t *testing.T) {
	t.Parallel()
	recovered := func(t *testing.T, b bench) {
		t.Helper()
		b.trip(t, read)
		time.Sleep(31 * time.Second)
		for range 3 {
			require.NoError(t, b.call(t.Context(), read, nil))
		}
		require.Equal(t, "closed", b.state(read))
	}
	start := func(b bench, l *late, n int) {
		l.start(
			n,
			func(next func(context.Context) error) error { return chain(b.chain, read, next)(context.Background()) },
		)
	}
	t.Run("its failure does not open a circuit of a provider that recovered", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := breakers(guard.BreakerOptions{})
			var l late
			start(b, &l, 50)
			recovered(t, b)
			l.end(50, errDown)
			assert.Equal(t, "closed", b.state(read))
			require.Error(t, b.call(t.Context(), read, errDown))
			assert.Equal(t, "closed", b.state(read), "one failure in a row")
			for range 5 {
				require.Error(t, b.call(t.Context(), read, errDown))
			}
			assert.Equal(t, "open", b.state(read), "six are six")
			l.wg.Wait()
		})
	})
	t.Run("its success does not end a row of failures, and does not close an open circuit", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := breakers(guard.BreakerOptions{})
			var l late
			start(b, &l, 3)
			recovered(t, b)
			for range 5 {
				require.Error(t, b.call(t.Context(), read, errDown))
			}
			l.end(1, nil)
			require.Error(t, b.call(t.Context(), read, errDown))
			assert.Equal(t, "open", b.state(read))
			l.end(1, nil)
			assert.Equal(t, "open", b.state(read))
			time.Sleep(31 * time.Second)
			l.end(1, errDown)
			assert.Equal(t, "half-open", b.state(read), "it does not count as a failed probe")
			l.wg.Wait()
		})
	})
	t.Run("a bank that never failed before", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { bankRecovers(t, false) })
	})
	t.Run("a bank that failed before", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { bankRecovers(t, true) })
	})
}

// bankRecovers starts calls before the outage of an institution and lets them fail after it.
func bankRecovers(t *testing.T, known bool) {
	in := guard.NewInstitutions(guard.InstitutionOptions{}, nil)
	do := in.Interceptor(func(bankmux.Op) bool { return true })
	n := 0
	call := func(next func(context.Context) error) error {
		op := read
		n++
		op.Institution, op.Connection = "bank", "conn-"+strconv.Itoa(n)
		return do(context.Background(), op, next)
	}
	down := func(context.Context) error { return errBankDown }
	if known {
		require.Error(t, call(down))
	}
	var l late
	var mu sync.Mutex
	l.start(50, func(next func(context.Context) error) error {
		mu.Lock()
		op := read
		n++
		op.Institution, op.Connection = "bank", "conn-"+strconv.Itoa(n)
		mu.Unlock()
		return do(context.Background(), op, next)
	})
	for range 5 {
		require.Error(t, call(down))
	}
	require.Equal(t, "open", in.States()[0].State)
	time.Sleep(31 * time.Second)
	require.NoError(t, call(func(context.Context) error { return nil }))
	require.Equal(t, "closed", in.States()[0].State)
	l.end(50, errBankDown)
	assert.Equal(t, "closed", in.States()[0].State)
	require.Error(t, call(down))
	assert.Equal(t, "closed", in.States()[0].State, "one failure in a row")
	for range 4 {
		require.Error(t, call(down))
	}
	assert.Equal(t, "open", in.States()[0].State, "five are five")
	l.wg.Wait()
}

func aForgottenInstitutionIsReportedAsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		last := map[string]string{}
		in := guard.NewInstitutions(guard.InstitutionOptions{MaxInstitutions: 2}, func(s guard.BreakerState) {
			mu.Lock()
			defer mu.Unlock()
			last[s.Institution] = s.State
		})
		do := in.Interceptor(func(bankmux.Op) bool { return true })
		call := func(bank string, err error) {
			op := read
			op.Institution = bank
			_ = do(t.Context(), op, func(context.Context) error { return err })
		}
		for i := range 4 {
			for range 5 {
				call("bank-"+strconv.Itoa(i), errBankDown)
			}
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(
			t,
			map[string]string{"bank-0": "closed", "bank-1": "closed", "bank-2": "open", "bank-3": "open"},
			last,
		)
	})
}
