package e2e_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/virtualbank"
)

// testedAlone are the situations in which a sync fails or needs several pages.
var testedAlone = []string{
	virtualbank.CursorForgotten, virtualbank.CursorCircles, virtualbank.MutationDuringPagination, virtualbank.NotReady,
}

func aForgottenCursorIsRefused(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"moneykit", "plaid"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := banktest.Open(t, provider)
				s.Fetch(t)
				s.Round(t)
				n := len(s.Rows)
				require.NoError(t, s.Bank.Stage(s.Conn.Reference(), virtualbank.CursorForgotten))
				_, err := s.Client.Sync(t.Context(),
					bankmux.SyncRequest{Connection: s.Conn, Cursor: s.Cursor, Known: s.Known})
				e, ok := errors.AsType[*bankmux.Error](err)
				require.True(t, ok)
				assert.Equal(t, bankmux.ErrInvalid, e.Kind)
				assert.Equal(t, "SyncRequest.Cursor", e.Field)
				assert.Contains(t, e.Detail, "start without one")
				s.Cursor = ""
				again := joined(s.Round(t))
				assert.Empty(t, again.Added)
				assert.Empty(t, again.Replaced)
				assert.Len(t, s.Rows, n)
				s.Agree(t, "2000-01-01")
			})
		})
	}
}

func pagesThatRepeatEndWithAnError(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"moneykit", "plaid"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := banktest.Open(t, provider)
				s.Fetch(t)
				s.Round(t)
				require.NoError(t, s.Bank.Stage(s.Conn.Reference(), virtualbank.CursorCircles))
				for range 20 {
					d, err := s.Client.Sync(
						t.Context(),
						bankmux.SyncRequest{Connection: s.Conn, Cursor: s.Cursor, Known: s.Known},
					)
					if err != nil {
						require.ErrorIs(t, err, bankmux.ErrMalformed)
						return
					}
					require.True(t, d.More)
					s.Store(d)
				}
				t.Fatal("the pages repeat")
			})
		})
	}
}

func aRoundThatChangesIsReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := banktest.Open(t, "plaid")
		s.Fetch(t)
		s.Round(t)
		n := len(s.Rows)
		require.Greater(t, n, 100, "a round of all rows has several pages of a hundred")
		since := len(s.Bank.Requests())
		for _, situation := range []string{virtualbank.IDChurn, virtualbank.MutationDuringPagination} {
			require.NoError(t, s.Bank.Stage(s.Conn.Reference(), situation))
		}
		time.Sleep(time.Minute)
		s.Fetch(t)
		d, err := s.Client.Sync(
			t.Context(),
			bankmux.SyncRequest{Connection: s.Conn, Cursor: s.Cursor, Known: s.Known, PageSize: 100},
		)
		require.NoError(t, err)
		var refused int
		for _, r := range s.Bank.Requests()[since:] {
			if r.Path == "/transactions/sync" && r.Status == http.StatusBadRequest {
				refused++
			}
		}
		assert.Equal(t, 1, refused)
		s.Store(d)
		churned(t, "plaid", d, bankmux.Delta{})
		assert.Len(t, s.Rows, n)
		s.Agree(t, "2000-01-01")
	})
}

func transactionsThatAreNotReadyAreNotMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := banktest.Open(t, "plaid")
		s.Fetch(t)
		s.Round(t)
		require.NoError(t, s.Bank.Stage(s.Conn.Reference(), virtualbank.NotReady))
		d, err := s.Client.Sync(
			t.Context(),
			bankmux.SyncRequest{Connection: s.Conn, Cursor: s.Cursor, Known: s.Known},
		)
		require.ErrorIs(t, err, bankmux.ErrNotReady)
		assert.Empty(t, d.Next)
		assert.Empty(t, slices.Concat(d.Missing, d.Removed))
		time.Sleep(2 * time.Hour)
		s.Fetch(t)
		d = joined(s.Round(t))
		assert.Empty(t, slices.Concat(d.Missing, d.Removed))
		s.Agree(t, "2000-01-01")
	})
}
