package bankmux_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestMoment(t *testing.T) {
	t.Parallel()
	t.Run("a time equals itself after it was stored as JSON", func(t *testing.T) {
		t.Parallel()
		at := bankmux.Moment(time.Now().In(time.FixedZone("elsewhere", 4*3600)))
		raw, err := json.Marshal(at)
		require.NoError(t, err)
		var read time.Time
		require.NoError(t, json.Unmarshal(raw, &read))
		assert.Equal(t, at, read)
	})
	t.Run("the zero time stays zero", func(t *testing.T) {
		t.Parallel()
		assert.True(t, bankmux.Moment(time.Time{}).IsZero())
	})
}
