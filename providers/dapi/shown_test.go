package dapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/shown"
	"github.com/bankmux/bankmux/providers/dapi"
)

// TestSecrets specifies that results hide credentials.
func TestSecrets(t *testing.T) {
	t.Parallel()
	t.Run("no result of the package shows the grant", noResultOfThePackageShowsTheGrant)
}

func noResultOfThePackageShowsTheGrant(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	ctx := t.Context()
	results := map[string]any{}
	add := func(name string, result any, err error) {
		t.Helper()
		require.NoError(t, err, name)
		results[name] = result
	}
	bank, err := dapi.BankMetadata(ctx, s.client, conn)
	add("BankMetadata", bank, err)
	accounts, balances, err := dapi.CompleteAccounts(ctx, s.client, conn, nil)
	add("CompleteAccounts", []any{accounts, balances}, err)
	page, err := dapi.CategorizedTransactions(
		ctx,
		s.client,
		bankmux.TransactionsRequest{Connection: conn, Accounts: []string{accounts[0].ID}},
	)
	add("CategorizedTransactions", page, err)
	delta, err := s.client.Sync(ctx, bankmux.SyncRequest{Connection: conn})
	add("Sync", delta, err)
	_, err = dapi.ReadOperation(ctx, s.client, conn, "unknown")
	require.Error(t, err)
	results["the error of ReadOperation"] = err
	secrets := []string{conn.Reference()}
	var parts map[string]string
	require.NoError(t, json.Unmarshal([]byte(conn.Credential().Reveal()), &parts))
	for name, part := range parts {
		if !strings.HasSuffix(name, "_id") {
			secrets = append(secrets, part)
		}
	}
	require.Greater(t, len(secrets), 2)
	for name, result := range results {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, secret := range secrets {
				assert.Empty(t, shown.Find(result, secret))
			}
		})
	}
}
