package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// TestWorkerBalances specifies when a worker reads balances.
func TestWorkerBalances(t *testing.T) {
	for name, c := range map[string]struct {
		synced error
		reads  bool
	}{
		"after a sync that reached its end":           {nil, true},
		"after a sync that could not read an account": {&bankmux.PartialError{Op: bankmux.OpSync}, true},
		"not after a sync that failed":                {errors.New("away"), false},
	} {
		onEach(t, name, func(t *testing.T, db *database) {
			s := db.open(t)
			conn := connection(t, s, "rosa", "1")
			ctx, stop := context.WithCancel(t.Context())
			var read []string
			w := store.Worker{
				Store: s, Poll: time.Millisecond, Parallel: 1,
				Follow: func(context.Context, bankmux.Event, bankmux.Connection) error { return nil },
				Sync: func(context.Context, bankmux.Connection) (bankmux.SyncAllResult, error) {
					if !c.reads {
						stop()
					}
					return bankmux.SyncAllResult{Accounts: []bankmux.Account{{ID: "listed"}}}, c.synced
				},
				Balances: func(ctx context.Context, conn bankmux.Connection, synced bankmux.SyncAllResult) error {
					assert.Equal(t, "listed", synced.Accounts[0].ID)
					presence, _ := bankmux.PresenceOf(ctx)
					assert.True(t, presence.Absent)
					read = append(read, conn.ID)
					stop()
					panic("a fault of the application is logged")
				},
			}
			require.NoError(t, w.Run(ctx))
			if c.reads {
				assert.Equal(t, []string{conn.ID}, read)
			} else {
				assert.Empty(t, read)
			}
			takeDue(t, s, 0)
		})
	}
}
