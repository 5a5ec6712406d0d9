package store_test

// This file stops and kills processes of PostgreSQL.

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/store"
)

// errNotHere keeps the tests from a process of this machine that is none of the server.
var errNotHere = errors.New("the server is on another machine")

// process returns the process of the server that serves a connection.
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
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", row[0]))
	if n, ok := row[0].(int64); ok && err == nil && string(name) == "postgres\n" {
		return int(n), nil
	}
	return 0, errNotHere
}

// newKilled returns the state of a server one of whose processes is killed. PostgreSQL then ends
// the others at once, recovers from its log and starts again.
func newKilled(t *testing.T, _ *database, s *store.Store) *trouble {
	t.Helper()
	killed := false
	f := &fault{onConn: func(conn driver.Conn) error {
		pid, err := process(conn)
		if !assert.NoError(t, err) {
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

// newStopped returns the state of a server whose processes hang, until they are ended.
func newStopped(t *testing.T, _ *database, s *store.Store) *trouble {
	t.Helper()
	stopped := map[int]bool{}
	f := &fault{forever: true, onConn: func(conn driver.Conn) error {
		pid, err := process(conn)
		if !assert.NoError(t, err) {
			return err
		}
		stopped[pid] = true
		return syscall.Kill(pid, syscall.SIGSTOP)
	}}
	return &trouble{fault: f, prepare: func() {}, heal: func() {
		for pid := range stopped {
			_, err := s.DB().ExecContext(t.Context(), "SELECT pg_terminate_backend($1)", pid)
			require.NoError(t, err)
			require.NoError(t, syscall.Kill(pid, syscall.SIGCONT)) // it ends before it reads on
			for here := true; here; {
				require.NoError(t, s.DB().QueryRowContext(t.Context(),
					"SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = $1)", pid).Scan(&here))
			}
		}
		clear(stopped)
	}}
}
