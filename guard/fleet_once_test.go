package guard_test

// This file specifies values that one process makes for all.

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
)

// maker makes values, which differ.
type maker struct {
	mu   sync.Mutex
	made int
}

// value gets a value in a process. The process does not use old.
func (m *maker) value(t *testing.T, f *guard.Fleet, old string) string {
	t.Helper()
	got, _, err := f.Once(t.Context(), "token", 8*time.Second,
		func(value []byte, valid time.Duration) bool { return string(value) != old && valid > time.Minute },
		func(context.Context) ([]byte, time.Duration, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.made++
			return []byte("value " + strings.Repeat("I", m.made)), time.Hour, nil
		})
	assert.NoError(t, err)
	return string(got)
}

// TestOnce specifies [guard.Fleet.Once].
func TestOnce(t *testing.T) {
	t.Parallel()
	t.Run("a value that is stored costs one request", aStoredValueCostsOneRequest)
	t.Run("three hundred that need a new value twice in a row make two", threeHundredNeedANewValueTwice)
	t.Run("what is stored cannot be read", whatOnceStoresCannotBeRead)
}

func aStoredValueCostsOneRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, m := newBackend(), &maker{}
		first, second := newProcess(t, b).fleet, newProcess(t, b).fleet
		require.Equal(t, "value I", m.value(t, first, ""))
		synctest.Wait() // it is stored
		before := b.requests.Load()
		require.Equal(t, "value I", m.value(t, second, ""))
		synctest.Wait()
		assert.EqualValues(t, 1, b.requests.Load()-before)
		assert.Equal(t, 1, m.made)
	})
}

// threeHundredNeedANewValueTwice has a slow backend. What the first round leaves there is not gone
// before the second one.
func threeHundredNeedANewValueTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, m := newBackend(), &maker{}
		b.delay.Store(int64(100 * time.Millisecond))
		f := newProcess(t, b).fleet
		old := ""
		for _, want := range []string{"value I", "value II"} {
			var all sync.WaitGroup
			for range 300 {
				all.Go(func() { assert.Equal(t, want, m.value(t, f, old)) })
			}
			all.Wait()
			old = want
		}
		assert.Equal(t, 2, m.made)
		time.Sleep(10 * time.Minute) // what was started ends
	})
}

func whatOnceStoresCannotBeRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, m := newBackend(), &maker{}
		m.value(t, newProcess(t, b).fleet, "")
		synctest.Wait() // it is stored
		values := 0
		b.stored.Range(func(value, _ any) bool {
			values++
			assert.NotContains(t, value, "value I")
			return true
		})
		assert.Equal(t, 1, values)
	})
}
