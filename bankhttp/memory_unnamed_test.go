package bankhttp_test

// This file specifies that a Memory names the accounts of one user while it deletes those of
// another.

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// interrupted is a context that starts a function when it is first asked whether it has ended, and
// lets it run for a while.
type interrupted struct {
	context.Context
	start func()
}

func (c *interrupted) Err() error {
	if c.start != nil {
		go c.start()
		c.start = nil
		for range 1000 {
			runtime.Gosched()
		}
	}
	return c.Context.Err()
}

// unnamedOf stores two connections of a user: one that has lapsed, and one with an account that may
// be that of the first. It returns the second one and the account's id.
func unnamedOf(t *testing.T, m *bankhttp.Memory, user string) (conn bankmux.Connection, id string) {
	t.Helper()
	account := bankmux.Account{ID: "a", Kind: bankmux.AccountChecking, Currency: "USD", Mask: "0001"}
	for _, conn = range []bankmux.Connection{
		{ID: user + " 1", User: user, Status: bankmux.Status{State: bankmux.StateReauth}}, {ID: user + " 2", User: user},
	} {
		require.NoError(t, keepIn(t.Context(), m, conn))
		_, err := m.NameAccounts(t.Context(), conn, []bankmux.Account{account})
		require.NoError(t, err)
	}
	all, err := m.Unnamed(t.Context(), user)
	require.NoError(t, err)
	require.Len(t, all, 1)
	return conn, all[0].ID
}

// TestMemoryIdentifyAccount specifies a user who identifies an account while connections are
// deleted.
func TestMemoryIdentifyAccount(t *testing.T) {
	t.Parallel()
	m := bankhttp.NewMemory()
	first, _ := unnamedOf(t, m, "omar")
	conn, id := unnamedOf(t, m, "rosa")
	unnamedOf(t, m, "zoe")
	// not parallel: in order
	t.Run("a connection of another user that is deleted meanwhile", func(t *testing.T) {
		var deleted sync.WaitGroup
		deleted.Add(1)
		ctx := &interrupted{t.Context(), func() {
			defer deleted.Done()
			assert.NoError(t, m.DeleteConnection(context.Background(), first.User, first.ID))
		}}
		of, name, err := m.IdentifyAccount(ctx, "rosa", id, "")
		require.NoError(t, err)
		assert.Equal(t, conn.ID, of.ID)
		deleted.Wait()
		for user, left := range map[string]int{"omar": 0, "rosa": 0, "zoe": 1} {
			all, err := m.Unnamed(t.Context(), user)
			require.NoError(t, err)
			assert.Len(t, all, left, user)
		}
		_, again, err := m.IdentifyAccount(t.Context(), "rosa", id, name)
		require.NoError(t, err)
		assert.Equal(t, name, again)
	})
	t.Run("the connection itself, whose deletion comes after it", func(t *testing.T) { // not parallel: in order
		var deleted sync.WaitGroup
		deleted.Add(1)
		of, id := unnamedOf(t, m, "ada")
		ctx := &interrupted{t.Context(), func() {
			defer deleted.Done()
			assert.NoError(t, m.DeleteConnection(context.Background(), of.User, of.ID))
		}}
		_, _, err := m.IdentifyAccount(ctx, "ada", id, "")
		require.NoError(t, err)
		deleted.Wait()
		accounts, err := m.Accounts(t.Context(), "ada", of.ID)
		require.NoError(t, err)
		assert.Empty(t, accounts)
	})
}
