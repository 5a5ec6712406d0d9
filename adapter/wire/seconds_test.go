package wire_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/wire"
)

// TestSeconds specifies which values are durations.
func TestSeconds(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]time.Duration{
		`{"n":3600}`: time.Hour, `{"n":"3600"}`: time.Hour, `{"n":3600.0}`: time.Hour, `{"n":3.6e3}`: time.Hour,
		`{"n":" 3600 "}`: time.Hour, `{"n":"3600.0"}`: time.Hour,
		`{"n":90.5}`: 90*time.Second + 500*time.Millisecond, `{"n":9.3e9}`: 24 * time.Hour,
		`{"n":1e400}`: 24 * time.Hour, `{"n":99999999999999999999999}`: 24 * time.Hour,
		`{"n":-1e400}`: time.Minute, `{"n":-1e18}`: time.Minute, `{"n":0}`: time.Minute, `{"n":-5}`: time.Minute,
		`{"n":null}`: time.Minute, `{}`: time.Minute, `{"n":""}`: time.Minute, `{"n":"soon"}`: time.Minute,
		`{"n":"NaN"}`: time.Minute, `{"n":true}`: time.Minute, `{"n":{}}`: time.Minute, `{"n":[3600]}`: time.Minute,
	} {
		var in struct {
			N wire.Seconds `json:"n"`
		}
		require.NoError(t, wire.Unmarshal([]byte(raw), &in), raw)
		assert.Equal(t, want, in.N.Within(time.Minute, 24*time.Hour), raw)
	}
}
