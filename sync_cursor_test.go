package bankmux_test

// This file tests SyncAll with a cursor that cannot be used any more.

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestSyncAllCursor(t *testing.T) {
	t.Parallel()
	atBothBanks(t, map[string]func(*testing.T, *household){
		"a cursor of a later version is given up": givesUpLaterCursor,
	})
	t.Run("a cursor that the provider lost is given up", givesUpLostCursor)
}

func givesUpLaterCursor(t *testing.T, h *household) {
	_, err := h.sync(t.Context())
	require.NoError(t, err)
	h.put(t, func(s *bankmux.SyncState) {
		s.Cursor, s.More = "a cursor of a later version", true
		s.Failed = []bankmux.Failure{{Account: "b", Err: &bankmux.Error{Kind: bankmux.ErrInstitution}}}
	})
	h.taken()
	res, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Zero(t, res.Added, "known rows are recognized")
	assert.Equal(t, allTexts, h.texts())
	assert.Empty(t, res.State.Failed)
	calls := h.taken()
	assert.Equal(t, 1, strings.Count(calls, "days of b")+strings.Count(calls, "page 2"), "one round reads everything")
	_, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.NotContains(t, h.taken(), "page 0", "the new cursor is stored")
}

func givesUpLostCursor(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, newBranch(false, "a", "b", "c"))
	_, err := h.sync(t.Context())
	require.NoError(t, err)
	lost := &bankmux.Error{Kind: bankmux.ErrInvalid, Code: "cursor_lost"}
	h.fail = func(call string, _ *bankmux.Answers) error {
		if call == "page 6" {
			return lost
		}
		return nil
	}
	h.taken()
	res, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "accounts, page 6, page 0", h.taken()[:len("accounts, page 6, page 0")])
	assert.Zero(t, res.Added)
	assert.Equal(t, allTexts, h.texts())

	h.fail = func(call string, _ *bankmux.Answers) error { // every cursor
		if call == "page 6" || call == "page 2" {
			return lost
		}
		return nil
	}
	h.taken()
	_, err = h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	assert.Contains(t, h.taken(), "page 2")

	h.ledger = bankmux.NewMemoryLedger()
	h.fail = nil
	_, err = h.sync(t.Context())
	require.NoError(t, err)
	h.fail = func(call string, _ *bankmux.Answers) error { // also without a cursor
		if strings.HasPrefix(call, "page") {
			return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "SyncRequest.Cursor"}
		}
		return nil
	}
	h.taken()
	_, err = h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	assert.Equal(t, "accounts, page 6, page 0", h.taken(), "a cursor is given up once per call")
}
