package e2e_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestSync specifies that the rows of an application stay those of the bank.
func TestSync(t *testing.T) {
	t.Parallel()
	t.Run("half a year of syncs keeps the table in step with the bank", halfAYearOfSyncsKeepsTheTableInStepWithTheBank)
	t.Run("a page that was not stored is returned again, and no row twice", aPageThatWasNotStoredIsReturnedAgain)
	t.Run("a cursor of another connection is refused, and nothing is sent", aCursorOfAnotherConnectionIsRefused)
	t.Run("a gap is reported and removes nothing", aGapIsReportedAndRemovesNothing)
	t.Run("a challenge in a sync keeps the pages before", aChallengeInASyncKeepsThePagesBefore)
}

func halfAYearOfSyncsKeepsTheTableInStepWithTheBank(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"moneykit", "dapi", "plaid"} {
		synctest.Test(t, func(t *testing.T) {
			s := banktest.Open(t, provider)
			first := bankmux.DateOf(time.Now().UTC()).AddDays(-60).String()
			replaced, removed := 0, 0
			for i := range 40 {
				s.Fetch(t)
				if i == 20 && provider != "dapi" { // whose rows have no ids
					require.NoError(t, s.Bank.Stage(s.Conn.Reference(), virtualbank.IDChurn))
					s.Fetch(t)
				}
				for _, d := range s.Round(t) {
					replaced += len(d.Replaced)
					removed += len(d.Removed)
				}
				time.Sleep(time.Duration(24+i%7*24) * time.Hour)
			}
			s.Fetch(t)
			s.Round(t)
			s.Round(t) // a row that was missing once is missing twice
			s.Agree(t, first)
			t.Log(provider, len(s.Rows), "rows", replaced, "replaced", removed, "removed")
			if provider != "dapi" {
				assert.Greater(t, replaced, 200, "every id changed once")
			}
		})
	}
}

func aPageThatWasNotStoredIsReturnedAgain(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"moneykit", "dapi", "plaid"} {
		synctest.Test(t, func(t *testing.T) {
			s := banktest.Open(t, provider)
			s.Fetch(t)
			req := bankmux.SyncRequest{Connection: s.Conn, Known: s.Known, PageSize: 100}
			first, err := s.Client.Sync(t.Context(), req)
			require.NoError(t, err)
			again, err := s.Client.Sync(t.Context(), req)
			require.NoError(t, err)
			assert.Equal(t, keysOf(first), keysOf(again), "after a crash the page is returned again")
			s.Store(first)
			again, err = s.Client.Sync(t.Context(), req)
			require.NoError(t, err)
			assert.Empty(t, again.Added, "a cursor that was not stored repeats nothing")
			s.Cursor = first.Next
			s.Round(t)
			for _, d := range s.Round(t) {
				assert.Empty(t, d.Added)
				assert.Empty(t, d.Replaced)
			}
			blind, err := s.Client.Sync(t.Context(), bankmux.SyncRequest{Connection: s.Conn})
			require.NoError(t, err)
			assert.Equal(t, provider == "dapi", blind.AddedOnly)
		})
	}
}

func keysOf(d bankmux.Delta) (keys []string) {
	for _, a := range d.Added {
		keys = append(keys, a.Known.Key)
	}
	return keys
}

func aCursorOfAnotherConnectionIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, other := banktest.Open(t, "dapi"), banktest.Open(t, "dapi")
		d, err := other.Client.Sync(t.Context(), bankmux.SyncRequest{Connection: other.Conn, Known: other.Known})
		require.NoError(t, err)
		before := len(s.Bank.Requests())
		for name, cursor := range map[string]string{
			"of another connection": d.Next, "changed": "A" + d.Next[1:], "cut": d.Next[:len(d.Next)-3],
			"made up": "cursor", "huge": strings.Repeat("A", 20_000),
		} {
			_, err := s.Client.Sync(
				t.Context(),
				bankmux.SyncRequest{Connection: s.Conn, Cursor: cursor, Known: s.Known},
			)
			require.ErrorIs(t, err, bankmux.ErrInvalid, name)
		}
		assert.Len(t, s.Bank.Requests(), before)
	})
}

func aGapIsReportedAndRemovesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := banktest.Open(t, "dapi")
		s.Round(t)
		n := len(s.Rows)
		require.Positive(t, n)
		require.NoError(t, s.Bank.ServeDays(s.Conn.Institution.ID, 30))
		time.Sleep(50 * 24 * time.Hour)
		var gaps []bankmux.Covered
		for _, d := range s.Round(t) {
			gaps = append(gaps, d.Gaps...)
			assert.Empty(t, d.Removed)
			assert.Empty(t, d.Missing, "what the bank does not serve any more is not missing")
		}
		require.NotEmpty(t, gaps)
		assert.GreaterOrEqual(t, len(s.Rows), n)
	})
}

func aChallengeInASyncKeepsThePagesBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := banktest.Open(t, "dapi")
		req := bankmux.SyncRequest{Connection: s.Conn, Known: s.Known}
		d, err := s.Client.Sync(t.Context(), req)
		require.NoError(t, err)
		require.True(t, d.More)
		s.Store(d)
		n := len(s.Rows)
		require.NoError(t, s.Bank.RequireInput(s.Conn.Reference(), "/data/transactions/get", []string{"otp"}))
		req.Cursor = s.Cursor
		_, err = s.Client.Sync(t.Context(), req)
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok)
		require.NotNil(t, e.Challenge, fmt.Sprint(err))
		req.Answers = e.Challenge.Answer("123456")
		d, err = s.Client.Sync(t.Context(), req)
		require.NoError(t, err)
		s.Store(d)
		assert.Greater(t, len(s.Rows), n)
		s.Round(t)
		s.Agree(t, bankmux.DateOf(time.Now().UTC()).AddDays(-80).String())
	})
}
