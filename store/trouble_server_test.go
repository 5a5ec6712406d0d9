package store_test

// This file stops and kills processes of PostgreSQL.

import (
	"context"
	"database/sql/driver"
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/store"
)

// process returns the process of the server that serves a connection. It is on this machine.
func process(conn driver.Conn) (pid int, err error) {
	rows, err := conn.(driver.QueryerContext).QueryContext(context.Background(), "SELECT pg_backend_pid()", nil)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	row := make([]driver.Value, 1)
	if err := rows.Next(row); err != nil {
		return 0, err
	}
	n, ok := row[0].(int64)
	if !ok {
		return 0, io.ErrUnexpectedEOF
	}
	return int(n), nil
}

// newKilled returns the state of a server one of whose processes is killed. PostgreSQL then ends
// the others at once, recovers from its log and starts again.
func newKilled(t *testing.T, _ *database, s *store.Store) *trouble {
	t.Helper()
	killed := false
	f := &fault{onConn: func(conn driver.Conn) error {
		pid, err := process(conn)
		if err != nil {
			return err
		}
		other, err := s.DB().Conn(t.Context())
		if err != nil {
			return err
		}
		defer other.Close()
		killed = true
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return err
		}
		for other.PingContext(t.Context()) == nil { // until the server has noticed
			continue
		}
		return nil
	}}
	return &trouble{fault: f, prepare: func() {}, heal: func() {
		if !killed {
			return
		}
		killed = false
		s.DB().SetMaxIdleConns(0) // they are broken
		s.DB().SetMaxIdleConns(2)
		for s.DB().PingContext(t.Context()) != nil {
			require.NoError(t, t.Context().Err())
		}
	}}
}

// newStopped returns the state of a server whose processes hang. When they go on, they read what
// the store has sent. So they may carry out a statement that the store has given up.
func newStopped(t *testing.T, _ *database, s *store.Store) *trouble {
	t.Helper()
	stopped := map[int]bool{}
	f := &fault{forever: true, onConn: func(conn driver.Conn) error {
		pid, err := process(conn)
		if err != nil {
			return err
		}
		stopped[pid] = true
		return syscall.Kill(pid, syscall.SIGSTOP)
	}}
	return &trouble{fault: f, prepare: func() {}, heal: func() {
		for pid := range stopped {
			require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
		}
		for left := len(stopped); left > 0; { // until each has seen that its client has left
			left = 0
			for pid := range stopped {
				var here int
				err := s.DB().QueryRowContext(t.Context(),
					"SELECT COUNT(*) FROM pg_stat_activity WHERE pid = $1 AND state <> 'idle'", pid).Scan(&here)
				require.NoError(t, err)
				left += here
			}
		}
		clear(stopped)
	}}
}
