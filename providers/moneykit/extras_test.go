package moneykit_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestExtras specifies the functions of MoneyKit alone.
func TestExtras(t *testing.T) {
	t.Parallel()
	t.Run("each function calls its endpoint", eachFunctionCallsItsEndpoint)
	t.Run("imported data are a link that can be read and reconnected", importedDataAreALinkThatCanBeReadAndReconnected)
}

func eachFunctionCallsItsEndpoint(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	req := request
	req.WebhookURL = "https://app.example.com/hooks"
	conn := s.connect(req)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	ctx := t.Context()

	accounts, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	one, err := moneykit.ReadAccount(ctx, s.client, conn, accounts.Accounts[0].ID)
	require.NoError(t, err)
	assert.Equal(t, accounts.Accounts[0], one)
	_, err = moneykit.ReadAccount(ctx, s.client, conn, "unknown")
	require.ErrorIs(t, err, bankmux.ErrGone)

	hook := "https://app.example.com/other"
	link, err := moneykit.UpdateLink(
		ctx,
		s.client,
		conn,
		moneykit.LinkUpdate{Webhook: &hook, Tags: []string{"tier:gold"}},
	)
	require.NoError(t, err)
	assert.Equal(t, hook, link.Webhook)
	assert.Equal(t, []string{"tier:gold"}, link.Tags)
	token, err := moneykit.TestWebhook(ctx, s.client, conn, "link.state_changed", "key-1")
	require.NoError(t, err)
	assert.NotEmpty(t, token)
	none := ""
	link, err = moneykit.UpdateLink(ctx, s.client, conn, moneykit.LinkUpdate{Webhook: &none})
	require.NoError(t, err)
	assert.Empty(t, link.Webhook)
	_, err = moneykit.TestWebhook(ctx, s.client, conn, "link.state_changed", "key-2")
	require.ErrorIs(t, err, bankmux.ErrInvalid)

	keys, err := moneykit.WebhookKeys(ctx, s.client)
	require.NoError(t, err)
	assert.Contains(t, string(keys[0]), `"P-256"`)

	var ids []string
	for l, err := range moneykit.Links(ctx, s.client) {
		require.NoError(t, err)
		ids = append(ids, l.ID.Reveal())
		assert.Equal(t, conn.ReferenceKey, l.ReferenceKey)
	}
	assert.Equal(t, []string{conn.Reference()}, ids)
	links, err := moneykit.UserLinks(ctx, s.client, conn.User)
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateActive, links[conn.ReferenceKey].Status.State)
	groups, err := moneykit.UserAccounts(ctx, s.client, conn.User)
	require.NoError(t, err)
	assert.Equal(t, accounts.Accounts, groups[conn.ReferenceKey])

	today := bankmux.DateOf(time.Now().UTC())
	var all []moneykit.UserTransaction
	for row, err := range moneykit.UserTransactions(ctx, s.client, conn.User, today.AddDays(-300), today) {
		require.NoError(t, err)
		all = append(all, row)
	}
	require.Greater(t, len(all), 100)
	assert.Equal(t, conn.ReferenceKey, all[0].ReferenceKey)
	corrected, err := moneykit.CorrectEnrichment(ctx, s.client, conn, moneykit.Correction{
		Transaction: all[0].ID, Category: "shopping", Subcategory: "other_shopping",
	})
	require.NoError(t, err)
	require.NotEmpty(t, corrected)
	assert.Equal(t, "shopping", corrected[0].Enrichment.Category.Name)

	link, err = moneykit.ResetLink(ctx, s.client, conn)
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateReauth, link.Status.State)
}

func importedDataAreALinkThatCanBeReadAndReconnected(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	ctx := t.Context()
	owed, err := bankmux.NewMoney("100.25", "USD")
	require.NoError(t, err)
	spent, err := bankmux.NewMoney("-3.20", "USD")
	require.NoError(t, err)
	day := bankmux.DateOf(time.Now().UTC()).AddDays(-5)
	link, err := moneykit.ImportLink(ctx, s.client, moneykit.Import{
		User:        "user-1",
		Provider:    "mx",
		Institution: "mx.northwind",
		Accounts: []moneykit.ImportAccount{
			{ID: "mine", Name: "Old", Type: "depository.checking", Mask: "4410", Balance: owed},
			{ID: "card", Name: "Card", Type: "liability.credit_card", Mask: "9907", Balance: spent},
		},
		Transactions: []moneykit.ImportTransaction{
			{Account: "mine", ID: "row-1", Amount: spent, Date: day, Description: "Coffee"},
		},
	})
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateReauth, link.Status.State)
	conn, err := moneykit.Adopt(ctx, s.client, "user-1", link.ID)
	require.NoError(t, err)
	assert.Equal(t, link.ID.Reveal(), conn.Reference())
	assert.Equal(t, link.ReferenceKey, conn.ReferenceKey)
	_, err = moneykit.ImportTransactions(
		ctx,
		s.client,
		conn,
		[]moneykit.ImportTransaction{{Account: "mine", Amount: owed, Date: day}},
	)
	require.NoError(t, err)
	balances, err := s.client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
	require.NoError(t, err, "before it is reconnected")
	require.Len(t, balances.Balances, 2)
	for i, want := range []bankmux.Money{owed, spent} {
		got, ok := balances.Balances[i].Of(bankmux.BalanceBooked)
		require.True(t, ok)
		assert.Equal(t, want.String(), got.String())
	}

	req := request
	req.Reconnect = &conn
	renewed, err := single.Connection(s.client.ExchangeToken(ctx, s.post(req)))
	require.NoError(t, err)
	var rows []bankmux.Transaction
	for row, err := range s.client.Transactions(ctx, bankmux.TransactionsRequest{Connection: renewed}) {
		require.NoError(t, err)
		rows = append(rows, row)
	}
	require.Len(t, rows, 2)
	amounts := []string{rows[0].Amount.Amount(), rows[1].Amount.Amount()}
	assert.ElementsMatch(t, []string{"-3.20", "100.25"}, amounts)
	var sent struct {
		Accounts []struct{ Balances json.RawMessage }
	}
	require.NoError(t, json.Unmarshal(s.sent("POST /links/import")[0], &sent))
	assert.JSONEq(t, `{"currency":"USD","current":100.25}`, string(sent.Accounts[0].Balances))
	assert.JSONEq(
		t,
		`{"currency":"USD","current":3.20}`,
		string(sent.Accounts[1].Balances),
		"what is owed is positive at MoneyKit",
	)
}

// TestNothingBesideAnError specifies that an unusable response gives no part of itself.
func TestNothingBesideAnError(t *testing.T) {
	t.Parallel()
	const link = `{"link_id":"planted","institution_name":"planted","state":"connected","state":"error"}`
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		body := link
		switch {
		case strings.HasPrefix(r.URL.Path, "/auth/"):
			return false
		case strings.HasPrefix(r.URL.Path, "/webhooks/"):
			body = `{"delivery_token":"planted","delivery_token":"other"}`
		case strings.HasSuffix(r.URL.Path, "/jwks.json"):
			body = `{"keys":[{"kid":"planted"}],"keys":[]}`
		case strings.HasSuffix(r.URL.Path, "/accounts/a"):
			body = `{"link":{"link_id":"x","state":"deleted"},"account":{"account_id":"a"}}`
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
		return true
	})
	ctx := t.Context()
	for name, call := range map[string]func() (any, error){
		"ResetLink":   func() (any, error) { return moneykit.ResetLink(ctx, client, conn) },
		"UpdateLink":  func() (any, error) { return moneykit.UpdateLink(ctx, client, conn, moneykit.LinkUpdate{}) },
		"ImportLink":  func() (any, error) { return moneykit.ImportLink(ctx, client, moneykit.Import{User: "user-1"}) },
		"TestWebhook": func() (any, error) { return moneykit.TestWebhook(ctx, client, conn, "link.state_changed", "key-1") },
		"WebhookKeys": func() (any, error) { return moneykit.WebhookKeys(ctx, client) },
		"ReadAccount": func() (any, error) { return moneykit.ReadAccount(ctx, client, conn, "a") },
	} {
		got, err := call()
		require.Error(t, err, name)
		require.NotErrorIs(t, err, bankmux.ErrInvalid, name)
		assert.Zero(t, got, name)
	}
}
