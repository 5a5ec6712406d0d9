package bankhttp_test

// This file tests that a user does not wait for a budget that refused a call of the worker.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestOwnBudget(t *testing.T) {
	t.Parallel()
	a := newHarborApp(t, newHarbor())
	conn := a.stored(t, "rosa", a.harborLink(t, "rosa"))
	from, err := a.store.SyncState(t.Context(), conn)
	require.NoError(t, err)
	state := bankmux.SyncState{
		Version: from.Version + 1, LinkedAt: conn.LinkedAt, NotBefore: time.Now().Add(time.Hour),
		Err: &bankmux.Error{
			Kind: bankmux.ErrRateLimited, Code: bankmux.CodeBudget, NotSent: true, RetryAfter: time.Hour,
		},
	}
	stored, err := a.store.StoreSyncState(t.Context(), conn, from, state)
	require.NoError(t, err)
	require.True(t, stored)
	path := "/connections/" + conn.ID + "/sync"
	assert.NotContains(t, object[map[string]any](t, a.send(t, "rosa", "GET", path, ""), 200), "not_before")
	assert.NotZero(t, object[syncState](t, a.send(t, "rosa", "POST", path, ""), 200).SyncedAt)
}
