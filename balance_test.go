package bankmux_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// silent is an adapter whose bank reports one of two balances, for which it keeps the other one.
type silent struct {
	reader

	perAccount bool
	kept       []bankmux.Balance
}

func (s *silent) Describe() bankmux.Description {
	return bankmux.Description{Provider: "silent", Environment: bankmux.Sandbox, PerAccount: s.perAccount}
}

func (s *silent) Balances(context.Context, bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	return bankmux.BalancesResult{Balances: []bankmux.AccountBalances{{Account: "a", Balances: s.kept}}}, nil
}

// TestBalances specifies what the client does with what an adapter returned.
func TestBalances(t *testing.T) {
	t.Parallel()
	for name, perAccount := range map[string]bool{"of all accounts": false, "of one account per call": true} {
		t.Run("a balance without money is absent, "+name, func(t *testing.T) {
			t.Parallel()
			money, err := bankmux.NewMoney("0.00", "USD")
			require.NoError(t, err)
			zero := bankmux.Balance{Kind: bankmux.BalanceAvailable, Money: money}
			s := &silent{perAccount: perAccount, kept: []bankmux.Balance{{Kind: bankmux.BalanceBooked}, zero}}
			s.accounts = []bankmux.Account{{ID: "a"}}
			client := bankmux.NewClient("silent", s)
			_, conn := linked(t, client, "rosa")
			got, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
			require.NoError(t, err)
			require.Len(t, got.Balances, 1)
			assert.Equal(t, []bankmux.Balance{zero}, got.Balances[0].Balances, "an amount of 0 is not absent")
			_, booked := got.Balances[0].Of(bankmux.BalanceBooked)
			assert.False(t, booked)
			assert.Len(t, s.kept, 2, "what the adapter keeps is not changed")
			assert.True(t, s.kept[0].Money.IsZero())
		})
	}
}
