package bankmux_test

// This file ends SyncAll, or its ledger, at each step.

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestSyncAllCrash(t *testing.T) {
	t.Parallel()
	atBothBanks(t, map[string]func(*testing.T, *household){
		"a crash between any two steps loses and doubles no row": survivesEveryCrash,
		"a failing ledger leaves no wait":                        leavesBrokenLedger,
	})
}

// crashing is a ledger whose process ends at a step.
type crashing struct {
	bankmux.Ledger
	left   int  // steps before the crash
	behind bool // the step is carried out before the process ends
}

var errCrash = errors.New("the process ended")

func (c *crashing) step(do func() error) error {
	if c.left--; c.left >= 0 {
		return do()
	}
	if c.behind && c.left == -1 {
		if err := do(); err != nil {
			return err
		}
	}
	return errCrash
}

func (c *crashing) SyncState(ctx context.Context, conn bankmux.Connection) (s bankmux.SyncState, err error) {
	err = c.step(func() error { s, err = c.Ledger.SyncState(ctx, conn); return err })
	return s, err
}

func (c *crashing) NameAccounts(
	ctx context.Context, conn bankmux.Connection, accounts []bankmux.Account,
) (names map[string]string, err error) {
	err = c.step(func() error { names, err = c.Ledger.NameAccounts(ctx, conn, accounts); return err })
	return names, err
}

func (c *crashing) StoreDelta(
	ctx context.Context, conn bankmux.Connection, from bankmux.SyncState, d bankmux.Delta, to bankmux.SyncState,
) (ok bool, err error) {
	err = c.step(func() error { ok, err = c.Ledger.StoreDelta(ctx, conn, from, d, to); return err })
	return ok && err == nil, err
}

func (c *crashing) Known(
	ctx context.Context, account string, from, to bankmux.Date,
) iter.Seq2[bankmux.Known, error] {
	if err := c.step(func() error { return nil }); err != nil {
		return func(yield func(bankmux.Known, error) bool) { yield(bankmux.Known{}, err) }
	}
	return c.Ledger.Known(ctx, account, from, to)
}

// survivesEveryCrash ends the process at each step in turn, and continues in another process.
func survivesEveryCrash(t *testing.T, h *household) {
	crashes := 0
	for _, behind := range []bool{false, true} {
		for steps := 0; ; steps++ {
			h.ledger = bankmux.NewMemoryLedger()
			dying := &crashing{Ledger: h.ledger, left: steps, behind: behind}
			_, err := h.sync(t.Context(), func(r *bankmux.SyncAllRequest) { r.Ledger = dying })
			if err == nil {
				break
			}
			crashes++
			require.ErrorIs(t, err, bankmux.ErrApplication)
			require.ErrorIs(t, err, errCrash, "the cause is in the error")
			_, err = h.sync(t.Context())
			require.NoError(t, err)
			require.Equal(t, allTexts, h.texts(), "after a crash at step %d", steps)
		}
	}
	assert.Greater(t, crashes, 10)
}

func leavesBrokenLedger(t *testing.T, h *household) {
	for steps := range 4 {
		dying := &crashing{Ledger: h.ledger, left: steps}
		_, err := h.sync(t.Context(), func(r *bankmux.SyncAllRequest) { r.Ledger = dying })
		require.ErrorIs(t, err, bankmux.ErrApplication)
		assert.Zero(t, h.stored(t).Attempts)
		assert.Zero(t, h.stored(t).NotBefore)
	}
}
