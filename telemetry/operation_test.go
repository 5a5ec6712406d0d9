package telemetry_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestSpan specifies what the span of an operation has.
func TestSpan(t *testing.T) {
	t.Run("calls of one operation have their own effects", func(t *testing.T) {
		o := observe(t)
		for _, effect := range []bankmux.Effect{bankmux.Read, bankmux.Local} {
			op := readAccounts
			op.Effect = effect
			require.NoError(t, o.Interceptor()(t.Context(), op, func(context.Context) error { return nil }))
		}
		spans := o.spans.GetSpans()
		require.Len(t, spans, 2)
		assert.Equal(t, string(bankmux.Read), valueOf(spans[0], "bankmux.effect"))
		assert.Equal(t, string(bankmux.Local), valueOf(spans[1], "bankmux.effect"))
	})
}
