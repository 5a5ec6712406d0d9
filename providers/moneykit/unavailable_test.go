package moneykit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestARefreshOfAnUnavailableProductIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	ctx := t.Context()
	conn := s.connect(request)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	require.NoError(
		t,
		s.bank.SetUnavailable(conn.Reference(), "transactions", "The institution moves to another provider."),
	)
	status, err := s.client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
	require.NoError(t, err)
	for _, p := range status.Products {
		assert.Equal(t, p.Product == bankmux.ProductTransactions, p.Unavailable, p.Product)
	}
	started, err := s.client.Refresh(
		ctx,
		bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions}},
	)
	require.NoError(t, err)
	s.bank.Advance(time.Minute)
	_, err = s.client.AwaitRefresh(ctx, started)
	require.ErrorIs(t, err, bankmux.ErrUnavailable, "at once, not when the context ends")
	n := 0
	for _, err := range s.client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn}) {
		require.NoError(t, err)
		n++
	}
	assert.Positive(t, n, "what was fetched can be read")
}
