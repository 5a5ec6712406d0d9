// These tests hold the ledger of the page to what it says about syncs that run at once.
package main

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestSync(t *testing.T) {
	t.Parallel()
	t.Run("two syncs of one connection at once end in agreement", agreement)
	t.Run("a new connection of every provider fills the ledger, and a second sync adds nothing", fills)
}

func fills(t *testing.T) {
	for _, provider := range []string{"moneykit", "dapi"} {
		synctest.Test(t, func(t *testing.T) {
			s, l := banktest.Open(t, provider), newLedger()
			s.Fetch(t)
			require.NoError(t, l.sync(t.Context(), s.Client, s.Conn))
			rows := len(l.entries)
			assert.NotZero(t, rows, provider)
			require.NoError(t, l.sync(t.Context(), s.Client, s.Conn))
			assert.Len(t, l.entries, rows, provider)
			require.NoError(t, l.byPage(t.Context(), s.Client, s.Conn))
			assert.Len(t, l.entries, rows, provider)
		})
	}
}

// agreement lets a timer and a webhook start a sync in the same moments of a year.
func agreement(t *testing.T) {
	for _, provider := range []string{"moneykit", "dapi"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, l := banktest.Open(t, provider), newLedger()
				s.WithCards = true
				dice := rand.New(rand.NewPCG(1, 2))
				var mu sync.Mutex
				pages := 0
				// Every page takes a while before and after it is read, so that each sync overtakes
				// the other now and then.
				paced := s.Client.With(
					func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
						wait := func() {
							mu.Lock()
							pause := time.Duration(dice.IntN(5)) * time.Second
							mu.Unlock()
							time.Sleep(pause)
						}
						wait()
						defer wait()
						mu.Lock()
						if op.Name == bankmux.OpSync {
							pages++
						}
						mu.Unlock()
						return next(ctx)
					},
				)
				began := bankmux.DateOf(time.Now().UTC()).AddDays(-60).String()
				surprises := []string{
					virtualbank.Posted,
					virtualbank.Tip,
					virtualbank.Late,
					virtualbank.Twin,
					virtualbank.Withdrawn,
					virtualbank.PendingVanishes,
					virtualbank.DaysIgnored,
					virtualbank.DaysRefused,
					virtualbank.TodayRefused,
					virtualbank.ValueDays,
				}
				for day := 0; day < 365; day += 9 {
					time.Sleep(9*24*time.Hour + time.Duration(dice.IntN(600))*time.Minute)
					if day < 330 {
						// not every one finds a row
						_ = s.Bank.Stage(s.Conn.Reference(), surprises[dice.IntN(len(surprises))])
					}
					s.Fetch(t)
					var both sync.WaitGroup
					for range 2 {
						both.Go(func() { assert.NoError(t, l.sync(t.Context(), paced, s.Conn)) })
					}
					both.Wait()
				}
				state, err := l.SyncState(t.Context(), s.Conn)
				require.NoError(t, err)
				assert.Greater(t, pages, int(state.Version), "a page that came too late was not stored")
				for _, e := range l.entries {
					e.known.Account = strings.TrimPrefix(e.known.Account, "account ")
					assert.NotContains(t, s.Rows, e.known.Key, "a row is there once")
					s.Rows[e.known.Key] = e.known
				}
				s.Agree(t, began)
			})
		})
	}
}
