package moneykit_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/shown"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestSecrets specifies that results hide credentials.
func TestSecrets(t *testing.T) {
	t.Parallel()
	t.Run("no result of the package shows the link's id", noResultOfThePackageShowsTheLinksId)
	t.Run("a cursor has nothing readable of the link", aCursorHasNothingReadableOfTheLink)
}

func noResultOfThePackageShowsTheLinksId(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	ctx, id := t.Context(), conn.Reference()
	require.NoError(t, s.bank.Refresh(id))
	hook := "https://app.example.com/hooks"
	results := map[string]any{"LinkUpdate": moneykit.LinkUpdate{Webhook: &hook}}
	add := func(name string, result any, err error) {
		t.Helper()
		require.NoError(t, err, name)
		results[name] = result
	}
	links, err := moneykit.UserLinks(ctx, s.client, conn.User)
	add("UserLinks", links, err)
	accounts, err := moneykit.UserAccounts(ctx, s.client, conn.User)
	add("UserAccounts", accounts, err)
	for link, err := range moneykit.Links(ctx, s.client) {
		add("Links", link, err)
		assert.Equal(t, conn.ReferenceKey, link.ReferenceKey)
		assert.Equal(t, id, link.ID.Reveal(), "the deliberate way to read it")
	}
	rows := 0
	for row, err := range moneykit.UserTransactions(ctx, s.client, conn.User, bankmux.Date{}, bankmux.Date{}) {
		add("UserTransactions", row, err)
		if rows++; rows == 10 {
			break
		}
	}
	require.Positive(t, rows)
	account, err := moneykit.ReadAccount(ctx, s.client, conn, accounts[conn.ReferenceKey][0].ID)
	add("ReadAccount", account, err)
	link, err := moneykit.UpdateLink(ctx, s.client, conn, moneykit.LinkUpdate{Webhook: &hook})
	add("UpdateLink", link, err)
	token, err := moneykit.TestWebhook(ctx, s.client, conn, "link.state_changed", "key-1")
	add("TestWebhook", token, err)
	link, err = moneykit.ResetLink(ctx, s.client, conn)
	add("ResetLink", link, err)
	adopted, err := moneykit.Adopt(ctx, s.client, conn.User, link.ID)
	add("Adopt", adopted, err)
	assert.Equal(t, conn.ReferenceKey, adopted.ReferenceKey)
	_, err = moneykit.Adopt(ctx, s.client, conn.User, bankmux.NewSecret(id+"x"))
	require.Error(t, err)
	results["the error about another link"] = err
	delta, err := s.client.Sync(ctx, bankmux.SyncRequest{Connection: conn})
	require.ErrorIs(t, err, bankmux.ErrReauth)
	results["the error of a sync"], results["the delta of a sync"] = err, delta
	imported, err := moneykit.ImportLink(ctx, s.client, moneykit.Import{
		User: conn.User, Institution: conn.Institution.ID,
		Accounts: []moneykit.ImportAccount{{ID: "mine", Name: "Checking", Type: "depository.checking", Mask: "1234"}},
	})
	require.NoError(t, err)
	assert.Empty(t, shown.Find(imported, imported.ID.Reveal()), "ImportLink")
	for name, result := range results {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Empty(t, shown.Find(result, id))
		})
	}
}

func aCursorHasNothingReadableOfTheLink(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	delta, err := s.client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, PageSize: 20})
	require.NoError(t, err)
	assert.Empty(t, shown.Find(delta, conn.Reference()))
	ours, _, _ := strings.Cut(delta.Next, ".")
	raw, err := base64.RawURLEncoding.DecodeString(ours)
	require.NoError(t, err)
	var cursor struct {
		Provider string `json:"p"`
	}
	require.NoError(t, json.Unmarshal(raw, &cursor))
	require.NotEmpty(t, cursor.Provider)
	theirs, err := base64.RawURLEncoding.DecodeString(cursor.Provider)
	require.NoError(t, err)
	for _, text := range []string{string(raw), string(theirs)} {
		for _, form := range shown.Forms(conn.Reference()) {
			assert.NotContains(t, text, form)
		}
	}
	other := s.connect(request)
	require.NoError(t, s.bank.Refresh(other.Reference()))
	_, err = s.client.Sync(t.Context(), bankmux.SyncRequest{Connection: other, Cursor: delta.Next})
	require.ErrorIs(t, err, bankmux.ErrInvalid, "it is of another connection")
}
