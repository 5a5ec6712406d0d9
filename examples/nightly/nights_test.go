package main

// This file tests the first process without its workers.

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRelease(t *testing.T) {
	// No server listens on port 1, so each statement fails.
	db, err := sql.Open("pgx", "postgres://user@127.0.0.1:1/none")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	without := func() *nights {
		return &nights{
			clock:  clock{Start: time.Now(), Night: time.Now(), Minute: time.Millisecond},
			member: &member{db: db}, failed: make(chan error, 1),
		}
	}
	t.Run("an error of the database ends the nights", func(t *testing.T) {
		n := without()
		n.release(t.Context())
		require.Len(t, n.failed, 1)
		require.ErrorContains(t, <-n.failed, "jobs stay unavailable: ")
		t.Run("and a night that waits returns it", func(t *testing.T) {
			n.release(t.Context())
			assert.ErrorContains(t, n.sleep(t.Context(), n.clock.midnight(99)), "jobs stay unavailable: ")
		})
	})
	t.Run("the end of the program is not an error", func(t *testing.T) {
		n := without()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		n.release(ctx)
		assert.Empty(t, n.failed)
	})
}
