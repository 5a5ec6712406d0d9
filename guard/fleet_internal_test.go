package guard

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestFleetTake specifies how a budget is shared.
func TestFleetTake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
		require.NoError(t, err)
		f, err := NewFleet(NewMemory(), keys, FleetOptions{})
		require.NoError(t, err)
		chunk := Take{Key: "b", N: 6, Limit: 10, Window: time.Minute}
		for _, want := range []int64{6, 4, 0} {
			taken, ok := f.take(t.Context(), chunk)
			assert.True(t, ok)
			assert.Equal(t, want, taken.N)
		}
		f.failed(errNoResponse)
		_, ok := f.take(t.Context(), chunk)
		assert.False(t, ok, "the process judges alone")
		synctest.Wait()
	})
}

func TestPlace(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "4:turn/1:c/2:id", place("turn", "c", "id"))
	assert.NotEqual(t, place("turn", "c", "id"), place("turn", "ci", "d"))
	for _, odd := range []string{strings.Repeat("x", 300), "a\x00b", "a\xffb"} {
		name := place("turn", odd)
		assert.Regexp(t, "^sha256:[0-9a-f]{64}$", name)
		assert.NotEqual(t, name, place("turn", odd+"x"))
	}
}
