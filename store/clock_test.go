package store_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// TestClock specifies what a worker does after the clock was ahead for a while.
func TestClock(t *testing.T) {
	const years = 10 * 365 * 24 * time.Hour
	// run runs a worker until it has done the jobs. It calls more, and waits for the jobs again.
	run := func(t *testing.T, s *store.Store, jobs chan string, want []string, more func()) (logged string) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var log bytes.Buffer
		w := store.Worker{
			Store: s, Poll: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Follow: func(_ context.Context, e bankmux.Event, _ bankmux.Connection) error {
				jobs <- e.Key
				return nil
			},
			Sync: func(context.Context, bankmux.Connection) (bankmux.SyncAllResult, error) {
				jobs <- "sync"
				return bankmux.SyncAllResult{}, nil
			},
		}
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		for done := false; !done; {
			var got []string
			for range want {
				got = append(got, <-jobs)
			}
			assert.ElementsMatch(t, want, got)
			if done = more == nil; !done {
				more()
				more = nil
			}
		}
		cancel()
		require.NoError(t, <-ended)
		return log.String()
	}
	const text = "the clock was ahead"
	onEach(t, "a sync that was set for too late is done now, and is logged", func(t *testing.T, db *database) {
		c, jobs := newClock(), make(chan string)
		s := db.open(t, store.WithNow(c.now))
		connection(t, s, "rosa", "1")
		c.advance(years)
		assert.NotContains(t, run(t, s, jobs, []string{"sync"}, nil), text)
		c.advance(-years)
		assert.Contains(t, run(t, s, jobs, []string{"sync"}, nil), text)
		c.advance(25 * time.Hour)
		assert.NotContains(t, run(t, s, jobs, []string{"sync"}, nil), text, "the time is right again")
	})
	onEach(t, "a worker that runs meanwhile goes on", func(t *testing.T, db *database) {
		c, jobs := newClock(), make(chan string)
		s := db.open(t, store.WithNow(c.now))
		connection(t, s, "rosa", "1")
		c.advance(years)
		given := func() {
			for until := int64(0); until < c.now().Add(23*time.Hour).UnixMilli(); {
				row := s.DB().QueryRowContext(t.Context(), "SELECT due_at FROM bankmux_connections")
				require.NoError(t, row.Scan(&until))
			}
			c.advance(-years)
		}
		assert.Contains(t, run(t, s, jobs, []string{"sync"}, given), text)
	})
	onEach(t, "an event is free again, and one that waits for its connection gets older",
		func(t *testing.T, db *database) {
			c, jobs := newClock(), make(chan string)
			s := db.open(t, store.WithNow(c.now))
			conn := connection(t, s, "rosa", "1")
			require.NoError(t, s.SetDue(t.Context(), takeDue(t, s, 1)[0], c.now().Add(time.Hour)))
			require.NoError(t, s.Queue(t.Context(), event(conn, "a")))
			c.advance(years)
			require.NoError(t, s.Queue(t.Context(), strange("b")))
			require.NoError(t, s.Postpone(t.Context(), dequeue(t, s, 1)[0], c.now().Add(time.Hour)))
			c.advance(-years)
			run(t, s, jobs, []string{"a"}, nil)
			assert.Equal(t, 1, count(t, s, "bankmux_events"))
			c.advance(73 * time.Hour)
			assert.Empty(t, dequeue(t, s, 1))
			assert.Zero(t, count(t, s, "bankmux_events"))
		})
	onEach(t, "a connection whose process died while it changed it can be changed again",
		func(t *testing.T, db *database) {
			c, jobs := newClock(), make(chan string)
			s := db.open(t, store.WithNow(c.now))
			conn := connection(t, s, "rosa", "1")
			hold := func(until time.Time) {
				_, err := s.DB().ExecContext(t.Context(),
					"UPDATE bankmux_connections SET holder = 'dead', held_until = $1", until.UnixMilli())
				require.NoError(t, err)
			}
			held := func() (until int64) {
				row := s.DB().QueryRowContext(t.Context(), "SELECT held_until FROM bankmux_connections")
				require.NoError(t, row.Scan(&until))
				return until
			}
			hold(c.now().Add(years))
			assert.Contains(t, run(t, s, jobs, []string{"sync"}, nil), text)
			require.LessOrEqual(t, held(), c.now().UnixMilli())
			require.NoError(t, s.Update(t.Context(), conn,
				func(_ context.Context, stored bankmux.Connection) (bankmux.Connection, error) { return stored, nil }))

			c.advance(25 * time.Hour)
			live := c.now().Add(time.Hour)
			hold(live)
			assert.NotContains(t, run(t, s, jobs, []string{"sync"}, nil), text)
			assert.Equal(t, live.UnixMilli(), held(), "a lease of a process with more patience stays")
		})
	onEach(t, "a time that the application has set for later stays", func(t *testing.T, db *database) {
		c, jobs := newClock(), make(chan string)
		s := db.open(t, store.WithNow(c.now))
		later := connection(t, s, "rosa", "1")
		require.NoError(t, s.SetDue(t.Context(), takeDue(t, s, 1)[0], c.now().Add(years)))
		connection(t, s, "rosa", "2")
		assert.NotContains(t, run(t, s, jobs, []string{"sync"}, nil), text)
		var due int64
		require.NoError(t, s.DB().QueryRowContext(t.Context(),
			"SELECT due_at FROM bankmux_connections WHERE id = $1", later.ID).Scan(&due))
		assert.Equal(t, c.now().Add(years).UnixMilli(), due)
	})
}
