package normalize_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// TestUnsent specifies errors before a one-shot.
func TestUnsent(t *testing.T) {
	t.Parallel()
	t.Run("a failure before a one-shot was not sent", aFailureBeforeAOneShotWasNotSent)
}

func aFailureBeforeAOneShotWasNotSent(t *testing.T) {
	t.Parallel()
	require.NoError(t, normalize.Unsent(nil))
	plain := errors.New("of another package")
	for name, c := range map[string]struct {
		err  error
		kind bankmux.Kind
	}{
		"an error of a request":    {&bankmux.Error{Kind: bankmux.ErrUnavailable, Status: 503}, bankmux.ErrUnavailable},
		"one that is wrapped":      {fmt.Errorf("x: %w", &bankmux.Error{Kind: bankmux.ErrReauth}), bankmux.ErrReauth},
		"one that was not sent":    {&bankmux.Error{Kind: bankmux.ErrInvalid, NotSent: true}, bankmux.ErrInvalid},
		"an error of another kind": {plain, bankmux.ErrUnknown},
		"a kind":                   {bankmux.ErrGone, bankmux.ErrGone},
		"a context that ended":     {context.DeadlineExceeded, bankmux.ErrContextDone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := normalize.Unsent(c.err)
			var e *bankmux.Error
			require.ErrorAs(t, got, &e)
			assert.Equal(t, c.kind, e.Kind)
			assert.True(t, e.NotSent)
			assert.True(t, e.Repeatable(bankmux.OneShot) || e.Kind != bankmux.ErrUnavailable)
			if before, ok := c.err.(*bankmux.Error); ok && !before.NotSent { //nolint:errorlint // the value itself
				assert.Equal(t, before.Status, e.Status)
				assert.NotSame(t, before, e, "an error may be shared")
			}
		})
	}
	assert.ErrorIs(t, normalize.Unsent(plain), plain)
}
