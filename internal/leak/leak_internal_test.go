package leak

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFind(t *testing.T) {
	t.Parallel()
	errLeft := errors.New("a goroutine is left")
	t.Run("a goroutine that ends late is not an error", func(t *testing.T) {
		t.Parallel()
		looks := 0
		require.NoError(t, find(func() error {
			if looks++; looks < maxLooks {
				return errLeft
			}
			return nil
		}))
		assert.Equal(t, maxLooks, looks)
	})
	t.Run("a goroutine that stays is an error", func(t *testing.T) {
		t.Parallel()
		require.ErrorIs(t, find(func() error { return errLeft }), errLeft)
	})
}
