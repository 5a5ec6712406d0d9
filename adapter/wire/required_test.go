package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/adapter/wire"
)

func TestNeed(t *testing.T) {
	t.Parallel()
	t.Run("a member that is present has no name to report", func(t *testing.T) {
		t.Parallel()
		assert.Empty(t, wire.Need(true, "rows"))
	})
	t.Run("a missing member is named", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, "rows", wire.Need(false, "rows"))
	})
}
