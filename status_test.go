package bankmux_test

// This file tests what the client adds to the status of a connection.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// forgetful is an adapter that makes a new status at each call.
type forgetful struct {
	statusFake
	asked time.Time
}

func (f *forgetful) ConnectionStatus(
	_ context.Context, req bankmux.StatusRequest,
) (bankmux.StatusResult, error) {
	req.Connection.Status = bankmux.Status{State: bankmux.StateActive, AskedAt: f.asked}
	return bankmux.StatusResult{Connection: req.Connection}, nil
}

// TestConnectionStatus specifies that no adapter loses what it does not know.
func TestConnectionStatus(t *testing.T) {
	t.Parallel()
	f := &forgetful{}
	c := bankmux.NewClient("mk", f)
	_, conn := linked(t, c, "u-1")
	before := bankmux.Moment(time.Now())
	conn.Status.AskedAt = before
	t.Run("that the bank asked before is kept", func(t *testing.T) {
		got, err := c.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		require.NoError(t, err)
		assert.Equal(t, before, got.Connection.Status.AskedAt)
	})
	t.Run("what the adapter says is kept too", func(t *testing.T) {
		f.asked = before.Add(time.Hour)
		got, err := c.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		require.NoError(t, err)
		assert.Equal(t, f.asked, got.Connection.Status.AskedAt)
	})
}

// clocked is an adapter with a clock of its own.
type clocked struct {
	reader
	at time.Time
}

func (c *clocked) Describe() bankmux.Description {
	return bankmux.Description{Provider: "mk", PerAccount: true, Now: func() time.Time { return c.at }}
}

// TestClock specifies that the adapter's clock says which day is in the future.
func TestClock(t *testing.T) {
	t.Parallel()
	later := time.Now().AddDate(0, 0, 30)
	today := bankmux.DateOf(later.UTC())
	adapter := &clocked{at: later}
	adapter.accounts = []bankmux.Account{{ID: "a"}}
	adapter.page = func(bankmux.TransactionsRequest) (page bankmux.TransactionPage, err error) { return page, nil }
	c := bankmux.NewClient("mk", adapter)
	_, conn := linked(t, c, "u-1")
	read := func(from bankmux.Date) (err error) {
		req := bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"a"}, From: from}
		for _, err = range c.TransactionPages(t.Context(), req) {
			break
		}
		return err
	}
	require.NoError(t, read(today.AddDays(-5)))
	require.ErrorIs(t, read(today.AddDays(3)), bankmux.ErrInvalid)
	adapter.at = time.Now()
	require.ErrorIs(t, read(today.AddDays(-5)), bankmux.ErrInvalid)
}
