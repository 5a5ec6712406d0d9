package bankmux_test

// This file tests which accounts and cards SyncAll reads.

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestSyncAllAccounts(t *testing.T) {
	t.Parallel()
	atBothBanks(t, map[string]func(*testing.T, *household){
		"accounts without a name are left out, until they have one": leavesOutUnnamed,
	})
	t.Run("an account that was shared between list and sync is named", namesLateAccount)
	t.Run("cards are named as accounts and read", readsCards)
}

// picky names only some accounts.
type picky struct {
	*bankmux.MemoryLedger
	without string
}

func (p *picky) NameAccounts(
	ctx context.Context, conn bankmux.Connection, accounts []bankmux.Account,
) (map[string]string, error) {
	names, err := p.MemoryLedger.NameAccounts(ctx, conn, accounts)
	delete(names, p.without)
	return names, err
}

func leavesOutUnnamed(t *testing.T, h *household) {
	p := &picky{h.ledger, "b"}
	with := func(r *bankmux.SyncAllRequest) { r.Ledger = p }
	res, err := h.sync(t.Context(), with)
	require.NoError(t, err)
	require.Len(t, res.Unnamed, 1)
	assert.Equal(t, "b", res.Unnamed[0].ID)
	assert.Equal(t, "a one, a two, c one, c two", h.texts())
	p.without = ""
	res, err = h.sync(t.Context(), with)
	require.NoError(t, err)
	assert.Empty(t, res.Unnamed)
	assert.Equal(t, 2, res.Added)
	assert.Equal(t, allTexts, h.texts())

	h.ledger = bankmux.NewMemoryLedger()
	h.accounts = h.accounts[:1]
	p.MemoryLedger, p.without = h.ledger, "a"
	h.taken()
	res, err = h.sync(t.Context(), with)
	require.NoError(t, err)
	assert.Len(t, res.Unnamed, 1)
	assert.Equal(t, "accounts", h.taken(), "nothing is read if no account has a name")
}

func namesLateAccount(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, newBranch(false, "a", "b"))
	shared := false
	h.fail = func(call string, _ *bankmux.Answers) error {
		if call == "page 0" && !shared { // while the first page is read
			shared = true
			h.accounts = append(h.accounts, bankmux.Account{ID: "c"})
			h.rows["c"] = []string{"c one", "c two"}
		}
		return nil
	}
	_, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, allTexts, h.texts())

	h.accounts = append(h.accounts, bankmux.Account{ID: "d"})
	h.rows["d"], h.hidden = []string{"d one"}, "d"
	h.rows["a"] = append(h.rows["a"], "a three")
	_, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "a one, a two, a three, b one, b two, c one, c two", h.texts(), "an unlisted account is left out")
	h.hidden = ""
	_, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "a one, a two, a three, b one, b two, c one, c two, d one", h.texts(), "and read when it is listed")
}

func readsCards(t *testing.T) {
	t.Parallel()
	b := newBranch(true, "a")
	b.rows["card"] = []string{"card one"}
	h := newHousehold(t, b)
	h.client = bankmux.NewClient("heron", &cardBranch{b})
	res, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, res.Added)
	assert.Equal(t, "a one, a two, card one", h.texts())
	require.Len(t, res.Accounts, 1)
	assert.Equal(t, "number of a", res.Accounts[0].Number, "the caller needs no list of its own")
	require.Len(t, res.Cards, 1)
	assert.Equal(t, "card", res.Cards[0].ID)
	assert.Equal(t, bankmux.AccountCreditCard, h.ledger.Accounts(h.conn)["account 2"].Kind)

	b.fail = fails("cards", bankmux.ErrUnsupported)
	_, err = h.sync(t.Context())
	require.NoError(t, err, "a bank without cards")
	b.fail = fails("cards", bankmux.ErrInstitution)
	res, err = h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrInstitution)
	var partial *bankmux.PartialError
	require.ErrorAs(t, err, &partial, "the accounts are read")
	require.Len(t, res.State.Failed, 1)
	assert.Equal(t, bankmux.ProductCards, res.State.Failed[0].Product)
	assert.Equal(t, res.State.Failed, res.Failed, "the result names what could not be listed")
	b.fail = nil
	res, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.Empty(t, res.State.Failed)

	b.fail = fails("cards", bankmux.ErrReauth)
	h.taken()
	_, err = h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrReauth)
	assert.Equal(t, "accounts, cards", h.taken(), "the rows cannot be read either")
}
