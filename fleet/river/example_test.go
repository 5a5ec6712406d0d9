package riversync_test

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/riverqueue/river"

	"github.com/bankmux/bankmux"
	riversync "github.com/bankmux/bankmux/fleet/river"
	"github.com/bankmux/bankmux/schedule"
	"github.com/bankmux/bankmux/store"
)

// A process that has the queue works on jobs. One without it, such as a server of webhooks, only
// nudges.
func ExampleOpen() {
	open := func(s *store.Store, registry *bankmux.Registry) (*riversync.Fleet, error) {
		return riversync.Open(s.DB(), &river.Config{
			Queues: map[string]river.QueueConfig{riversync.Queue: {MaxWorkers: 100}},
		}, riversync.Options{
			Connection: s.Connection,
			Ledger:     func(tx *sql.Tx) bankmux.Ledger { return s.In(tx) },
			Sync: func(ctx context.Context, req bankmux.SyncAllRequest) (bankmux.SyncAllResult, error) {
				client, err := registry.For(req.Connection)
				if err != nil {
					return bankmux.SyncAllResult{}, err
				}
				return client.SyncAll(ctx, req)
			},
			Timetable: schedule.Night{},
		})
	}
	_ = open
	fmt.Println(riversync.Queue)
	// Output: bankmux
}
