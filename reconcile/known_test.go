package reconcile_test

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

func TestKnownRows(t *testing.T) {
	t.Parallel()
	t.Run("missing functions do not panic", missingFunctionsDoNotPanic)
}

func missingFunctionsDoNotPanic(t *testing.T) {
	t.Parallel()
	req := &bankmux.SyncRequest{Connection: bankmux.Connection{ID: "conn-1"}}
	on := reconcile.AccountDays{Account: "checking", From: today, To: today}
	rows, err := reconcile.KnownRows(t.Context(), req, on, nil)
	require.NoError(t, err)
	assert.Empty(t, rows, "without Known no row is known")
	found, err := reconcile.KnowsAny(t.Context(), req, "checking")
	require.NoError(t, err)
	assert.False(t, found)
	require.NoError(t, reconcile.CheckNames(req, []string{"a", "b"}))

	s := newStore()
	s.rows["k"] = bankmux.Known{Key: "k", Account: "checking", Date: today}
	req.Known = s.known
	rows, err = reconcile.KnownRows(t.Context(), req, on, nil)
	require.NoError(t, err)
	assert.Len(t, rows, 1, "without a filter all rows are wanted")
	req.Known = func(context.Context, string, bankmux.Date, bankmux.Date) iter.Seq2[bankmux.Known, error] { return nil }
	rows, err = reconcile.KnownRows(t.Context(), req, on, nil)
	require.NoError(t, err)
	assert.Empty(t, rows)

	for name, f := range map[string]reconcile.Feed{"nothing": {}, "no list of accounts": {Page: newRecord().read}} {
		_, err := f.Sync(t.Context(), *req)
		_ = refused(t, err, "Feed")
		require.ErrorContains(t, err, "lacks", name)
	}
	r := filled(3)
	bare := reconcile.Feed{Provider: "acme", Page: r.read, Accounts: r.feed().Accounts}
	d, err := bare.Sync(t.Context(), newStore().request(0))
	require.NoError(t, err)
	assert.Len(t, d.Added, 3)
	r.hook = func(r *record, _ int) { r.put(paid(fmt.Sprint(r.seq), "checking", 0, "-1.00", "X")) }
	_, err = bare.Sync(t.Context(), newStore().request(1))
	assert.Equal(t, bankmux.ErrInvalid, bankmux.KindOf(err), "the provider's error is returned as it is")
}
