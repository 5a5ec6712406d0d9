package dapi_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
)

// TestExtras specifies the functions of Dapi alone.
func TestExtras(t *testing.T) {
	t.Parallel()
	t.Run("each function calls its endpoint", eachFunctionCallsItsEndpoint)
}

func eachFunctionCallsItsEndpoint(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	ctx := t.Context()
	bank, err := dapi.BankMetadata(ctx, s.client, conn)
	require.NoError(t, err)
	assert.Equal(t, conn.Institution, bank.Institution)
	assert.Equal(t, 90, bank.TransactionDays)
	assert.Equal(t, 24*time.Hour, bank.CoolDown)
	assert.Equal(t, "1.00 AED", bank.Smallest["local"].String())
	assert.True(t, bank.CreateBeneficiaryFirst && bank.ShownInCoolDown)
	assert.Contains(t, bank.Rules["createTransfer"]["same"]["remarks"], `"length":35`)

	accounts, balances, err := dapi.CompleteAccounts(ctx, s.client, conn, nil)
	require.NoError(t, err)
	each, err := s.client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
	require.NoError(t, err)
	require.Len(t, balances.Balances, len(accounts))
	for i := range balances.Balances {
		one, _ := balances.Balances[i].Of(bankmux.BalanceBooked)
		other, _ := each.Balances[i].Of(bankmux.BalanceBooked)
		assert.Equal(t, other, one)
	}
	page, err := dapi.CategorizedTransactions(
		ctx,
		s.client,
		bankmux.TransactionsRequest{Connection: conn, Accounts: []string{accounts[0].ID}},
	)
	require.NoError(t, err)
	categories := 0
	for _, row := range page.Transactions {
		if row.Enrichment != nil {
			categories++
			assert.Empty(t, row.Enrichment.Merchant.Name)
		}
	}
	assert.Positive(t, categories)
	brands := 0
	for row, err := range s.client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn, Accounts: []string{accounts[0].ID}, Enrich: true}) {
		require.NoError(t, err)
		if row.Enrichment != nil && row.Enrichment.Merchant.Name != "" {
			brands++
		}
	}
	assert.Positive(t, brands)

	require.NoError(t, s.bank.RequireInput(conn.Reference(), "", []string{"captcha", "multiple_choice"}))
	_, err = s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	assert.NotEmpty(t, e.Challenge.Inputs[0].Image)
	assert.Equal(t, []string{"Text message", "Phone call"}, e.Challenge.Inputs[1].Options)
	raw, err := json.Marshal(e)
	require.NoError(t, err)
	var back bankmux.Error
	require.NoError(t, json.Unmarshal(raw, &back))
	assert.Equal(t, e.Challenge.ID, back.Challenge.ID)
	_, err = s.client.Accounts(
		ctx,
		bankmux.AccountsRequest{Connection: conn, Answers: e.Challenge.Answer("BANK7", "0")},
	)
	require.NoError(t, err)
}
