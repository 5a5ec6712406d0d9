package store_test

// This file tests the first sync after a link.

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/store"
)

// linkedEvent is the event with which package bankhttp announces a link.
func linkedEvent(conn bankmux.Connection) bankmux.Event {
	announced := event(conn, "linked/"+conn.ID)
	announced.Name = bankhttp.EventLinked
	return announced
}

// TestFirstSync specifies that a worker syncs a connection once after it was linked.
func TestFirstSync(t *testing.T) {
	onEach(t, "before the event, after it, or without it", func(t *testing.T, db *database) {
		s := db.open(t)
		j := newJobs()
		stop := j.start(t, s)
		for _, token := range []string{"1", "2", "3"} {
			conn := connection(t, s, "rosa", token)
			if token == "2" {
				j.wait()
			}
			if token != "3" {
				require.NoError(t, s.Queue(t.Context(), linkedEvent(conn)))
			}
			if token != "2" {
				j.wait()
			}
		}
		for count(t, s, "bankmux_events") > 0 {
			runtime.Gosched() // until the worker has taken the last one
		}
		stop()
		takeDue(t, s, 0)
		for name, n := range j.count {
			assert.Equal(t, 1, n, name)
		}
	})
	onBubbles(t, "a process that dies with it loses nothing", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		conn := connection(t, s, "rosa", "1")
		require.NoError(t, s.Queue(t.Context(), linkedEvent(conn)))
		j, goOn := newJobs(), make(chan struct{})
		j.poll = time.Hour
		j.sync = func(context.Context) (bankmux.SyncAllResult, error) {
			<-goOn
			return bankmux.SyncAllResult{}, nil
		}
		stop := j.start(t, s)
		synctest.Wait() // the sync has started, and the worker has found no more work
		assert.Zero(t, count(t, s, "bankmux_events"))
		takeDue(t, s, 0)
		c.advance(lease)
		takeDue(t, s, 1)
		close(goOn)
		stop()
	})
}
