package main

// This file tests what users meet in the morning, and the start in a database, without workers.

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/schedule"
)

// linked returns three linked connections that are due, and no worker that would run them.
func linked(t *testing.T) *nights {
	t.Helper()
	o := small(t)
	n, err := newNights(t.Context(), o, os.Getenv("BANKMUX_POSTGRES"), 1, new(bytes.Buffer))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.stop()) })
	require.NoError(t, n.link(t.Context(), len(providers)))
	require.NoError(t, n.start(t.Context(), 0))
	for _, conn := range n.conns {
		require.NoError(t, n.member.fleet.Nudge(t.Context(), conn))
	}
	return n
}

func TestMorning(t *testing.T) {
	t.Run("a user whose consent ended before any run noticed it renews it", func(t *testing.T) {
		n := linked(t)
		require.NoError(t, n.bank.Lapse(n.conns[0].Reference()))
		plans, err := n.plans(t.Context())
		require.NoError(t, err)
		require.Equal(t, schedule.Due, plans[n.conns[0].ID].State)
		require.NoError(t, n.morning(t.Context()))
		assert.Equal(t, 1, n.renewed)
		client, err := n.member.registry.For(n.conns[0])
		require.NoError(t, err)
		_, err = client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: n.conns[0]})
		assert.NoError(t, err)
	})
	t.Run("the second refresh of a user is refused before it is sent", func(t *testing.T) {
		n := linked(t)
		require.NoError(t, n.morning(t.Context()))
		assert.Equal(t, 1, n.pressed)
		assert.Zero(t, n.renewed)
	})
}

func TestMigrate(t *testing.T) {
	n := linked(t)
	schema := n.schema(t)
	t.Run("a schema that the program did not make is refused", func(t *testing.T) {
		_, err := n.member.db.ExecContext(t.Context(), "COMMENT ON SCHEMA "+schema+" IS NULL")
		require.NoError(t, err)
		require.ErrorContains(t, n.member.migrate(t.Context(), schema), "this program did not make the schema "+schema)
		plans, err := n.plans(t.Context())
		require.NoError(t, err)
		assert.Len(t, plans, len(n.conns), "its tables stay")
	})
	t.Run("the schema of an earlier run is replaced", func(t *testing.T) {
		_, err := n.member.db.ExecContext(t.Context(), "COMMENT ON SCHEMA "+schema+" IS '"+marker+"'")
		require.NoError(t, err)
		require.NoError(t, n.member.migrate(t.Context(), schema))
		plans, err := n.plans(t.Context())
		require.NoError(t, err)
		assert.Empty(t, plans)
	})
}

// schema returns the schema of the tables.
func (n *nights) schema(t *testing.T) (name string) {
	t.Helper()
	require.NoError(t, n.member.db.QueryRowContext(t.Context(), "SELECT current_schema()").Scan(&name))
	return name
}
