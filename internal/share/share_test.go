package share_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/internal/share"
)

// TestOf specifies how long calls take that follow each other.
func TestOf(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	quick := func(ctx context.Context) error { return ctx.Err() }
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		start := time.Now()
		for i, call := range []func(context.Context) error{hang, quick, hang, hang} {
			err := share.Of(ctx, 4-i, call)
			assert.Equal(t, i == 1, err == nil)
		}
		assert.Equal(t, 30*time.Second, time.Since(start), "what one does not use is for the others")
	})
	synctest.Test(t, func(t *testing.T) {
		assert.NoError(t, share.Of(t.Context(), 2, func(ctx context.Context) error {
			_, limited := ctx.Deadline()
			assert.False(t, limited)
			return nil
		}))
	})
}
