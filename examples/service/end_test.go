package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEnd specifies that the end of the service has a limit, although its store hangs.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		started := time.Now()
		err := end(ctx, func(ctx context.Context) error {
			require.NoError(t, ctx.Err(), "it has time although the service ends")
			<-ctx.Done()
			return ctx.Err()
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 30*time.Second, time.Since(started))
	})
}
