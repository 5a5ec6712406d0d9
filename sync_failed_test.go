package bankmux_test

// This file tests which failures SyncAll remembers for the next round.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestSyncAllFailures(t *testing.T) {
	t.Parallel()
	onVirtualTime(t, map[string]func(*testing.T, *household){
		"a round that reads no account counts as failed":          countsFailedRounds,
		"an outage outweighs accounts that never can be read":     outageOutweighs,
		"an account that fails does not hold up the others":       readsTheOthers,
		"an account of a round that broke off is read again":      remembersFailed,
		"a row that cannot be read is named until the next round": reportsRows,
		"an account that was read is not remembered":              forgetsRead,
		"an account that failed in a faster sync is read again":   readsWhatAFasterSyncCouldNot,
		"a call was sent if any of its calls was":                 wasSentIfAnyCallWas,
	})
}

// down fails the accounts of a bank one by one.
func down(ids ...string) func(string, *bankmux.Answers) error {
	return func(call string, _ *bankmux.Answers) error {
		for _, id := range ids {
			if call == "days of "+id {
				return &bankmux.Error{Kind: bankmux.ErrInstitution}
			}
		}
		return nil
	}
}

func countsFailedRounds(t *testing.T, h *household) {
	h.fail = down("a", "b", "c")
	res, err := h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrInstitution)
	assert.Len(t, res.State.Failed, 3)
	assert.Equal(t, 1, res.State.Attempts)
	assert.Zero(t, res.State.SyncedAt)
	assert.Positive(t, time.Until(res.State.NotBefore))
	h.taken()
	_, err = h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrInstitution)
	assert.Empty(t, h.taken())
}

func outageOutweighs(t *testing.T, h *household) {
	for _, last := range []bankmux.Kind{bankmux.ErrUnsupported, bankmux.ErrInstitution} {
		h.ledger = bankmux.NewMemoryLedger()
		h.fail = func(call string, _ *bankmux.Answers) error {
			switch call {
			case "accounts":
				return nil
			case "days of b":
				return &bankmux.Error{Kind: last}
			}
			return &bankmux.Error{Kind: bankmux.ErrUnsupported}
		}
		res, err := h.sync(t.Context())
		require.ErrorIs(t, err, bankmux.ErrUnsupported)
		assert.Equal(t, last, res.State.Err.Kind)
		assert.Equal(t, last == bankmux.ErrInstitution, time.Until(res.State.NotBefore) > 0)
	}
}

func readsTheOthers(t *testing.T, h *household) {
	h.fail = down("b")
	for range 2 {
		res, err := h.sync(t.Context())
		var partial *bankmux.PartialError
		require.ErrorAs(t, err, &partial)
		require.Len(t, res.State.Failed, 1)
		assert.Equal(t, "b", res.State.Failed[0].Account)
		assert.Equal(t, "a one, a two, c one, c two", h.texts())
		assert.NotZero(t, res.State.SyncedAt)
		assert.Zero(t, res.State.NotBefore, "the others are not held up")
	}
	h.fail = nil
	res, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Empty(t, res.State.Failed)
	assert.Equal(t, allTexts, h.texts())
}

func remembersFailed(t *testing.T, h *household) {
	h.fail = func(call string, a *bankmux.Answers) error {
		if call == "days of c" {
			return &bankmux.Error{Kind: bankmux.ErrUnavailable}
		}
		return down("a")(call, a)
	}
	res, err := h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	require.Len(t, res.State.Failed, 1, "remembered although the round broke off")
	assert.Equal(t, "a", h.stored(t).Failed[0].Account)
	assert.Equal(t, bankmux.ErrInstitution, h.stored(t).Failed[0].Err.Kind)

	h.fail = down("a")
	h.taken()
	_, err = h.sync(t.Context(), force)
	require.ErrorIs(t, err, bankmux.ErrInstitution)
	assert.Equal(t, "accounts, days of c, days of a, days of b, days of c", h.taken(),
		"the rest, then a round of its own")
	require.Len(t, h.stored(t).Failed, 1)
}

func forgetsRead(t *testing.T, h *household) {
	h.fail = func(call string, a *bankmux.Answers) error {
		if call == "days of c" {
			return &bankmux.Error{Kind: bankmux.ErrUnavailable}
		}
		return down("a")(call, a)
	}
	_, err := h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	h.fail = nil
	res, err := h.sync(t.Context(), force)
	require.NoError(t, err)
	assert.Empty(t, res.State.Failed)
	assert.Empty(t, h.stored(t).Failed)
	assert.Equal(t, allTexts, h.texts())
}

func readsWhatAFasterSyncCouldNot(t *testing.T, h *household) {
	slow := &overtakenLedger{Ledger: h.ledger, before: func(page int) {
		if page > 0 {
			return
		}
		h.fail = func(call string, a *bankmux.Answers) error {
			if call == "days of b" {
				return &bankmux.Error{Kind: bankmux.ErrUnavailable}
			}
			return down("a")(call, a)
		}
		_, err := h.sync(t.Context()) // another process
		assert.ErrorIs(t, err, bankmux.ErrUnavailable)
		assert.Len(t, h.stored(t).Failed, 1)
		h.fail = nil
	}}
	res, err := h.sync(t.Context(), func(r *bankmux.SyncAllRequest) { r.Ledger = slow })
	require.NoError(t, err)
	assert.Equal(t, allTexts, h.texts())
	assert.Empty(t, res.State.Failed)
}

func reportsRows(t *testing.T, h *household) {
	h.unreadable = "b"
	res, err := h.sync(t.Context())
	require.NoError(t, err)
	require.Len(t, res.Failed, 1)
	assert.Equal(t, "1", res.Failed[0].Transaction)
	assert.Empty(t, res.State.Failed, "it fails no account")
	assert.Equal(t, res.Failed, h.stored(t).FailedRows)
	assert.Equal(t, allTexts, h.texts())
	res, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.Len(t, res.State.FailedRows, 1, "the next round starts a list of its own")
	h.unreadable = ""
	_, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.Empty(t, h.stored(t).FailedRows)
}

func wasSentIfAnyCallWas(t *testing.T, h *household) {
	for call, unsent := range map[string]bool{"accounts": true, "days of a": false} {
		h.ledger = bankmux.NewMemoryLedger()
		h.fail = func(now string, _ *bankmux.Answers) error {
			if now == call {
				return &bankmux.Error{Kind: bankmux.ErrCircuitOpen, NotSent: true}
			}
			return nil
		}
		_, err := h.sync(t.Context())
		require.ErrorIs(t, err, bankmux.ErrCircuitOpen)
		assert.Equal(t, unsent, bankmux.ErrorOf(err).NotSent, call)
		_, err = h.sync(bankmux.WithoutUser(t.Context()))
		require.ErrorIs(t, err, bankmux.ErrCircuitOpen)
		assert.True(t, bankmux.ErrorOf(err).NotSent, "the next call only returns the stored error")
	}
}
