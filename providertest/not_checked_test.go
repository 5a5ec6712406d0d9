package providertest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNotChecked specifies that the suite names what a harness cannot prove.
func TestNotChecked(t *testing.T) {
	t.Parallel()
	t.Run("a field that is nil has a subtest with its name", func(t *testing.T) {
		t.Parallel()
		// The bank of this test never asks and renews nothing.
		const suite = "^TestConformance$/^(a_bank's_challenge|a_wrong,_a_late|an_expired_token)"
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run="+suite)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		for _, said := range []string{
			"a question of the bank: Data.Ask is not set",
			"wrong, late and abandoned answers: Data.Ask is not set",
			"tokens of users that expire: Harness.Rotation is not set",
		} {
			assert.Contains(t, string(out), "/not_checked:_"+strings.ReplaceAll(said, " ", "_"))
		}
	})
	t.Run("a promise that needs two fields names the one that is nil", func(t *testing.T) {
		t.Parallel()
		b := &bench{Harness: Harness{Rotation: &Rotation{}}}
		rotationRefused(t, b)
		assert.Equal(t, []string{"a refused refresh token: Harness.Lapse is not set"}, b.missing)
	})
}
