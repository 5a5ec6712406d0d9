package moneykit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

// MoneyKit lists cards as accounts, so none can be named as a card.
func TestCardsThatAreNamedAreNotAllAccounts(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	t.Run("in a list", func(t *testing.T) {
		for _, err := range s.client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn, Cards: []string{"card-1"}}) {
			require.ErrorIs(t, err, bankmux.ErrUnsupported)
		}
	})
	t.Run("in a sync", func(t *testing.T) {
		_, err := s.client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Cards: []string{"card-1"}})
		require.ErrorIs(t, err, bankmux.ErrUnsupported)
	})
}
