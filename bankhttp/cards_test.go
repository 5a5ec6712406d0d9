package bankhttp_test

// This file tests providers that keep cards apart from accounts.

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/providers/dapi"
)

// cardHarbor is a harbor with one card beside its two accounts.
type cardHarbor struct{ *harbor }

func (p cardHarbor) Cards(ctx context.Context, req bankmux.CardsRequest) (bankmux.CardsResult, error) {
	if err := p.enter(ctx, bankmux.OpCards, req.Answers); err != nil {
		return bankmux.CardsResult{}, err
	}
	card := bankmux.Card{ID: planted + "card", Name: "Gold", Number: planted + "9", Currency: "USD"}
	return bankmux.CardsResult{Cards: []bankmux.Card{card, card}}, nil
}

// cardBalances is the name of the call for balances of cards.
const cardBalances = "balances of cards"

func (p cardHarbor) Balances(ctx context.Context, req bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	if len(req.Cards) == 0 {
		return p.harbor.Balances(ctx, req)
	}
	if err := p.enter(ctx, cardBalances, req.Answers); err != nil {
		return bankmux.BalancesResult{}, err
	}
	owed, err := bankmux.NewMoney("-784.60", "USD")
	booked := []bankmux.Balance{{Kind: bankmux.BalanceBooked, Money: owed}}
	return bankmux.BalancesResult{Balances: []bankmux.AccountBalances{
		{Account: req.Cards[0], Card: true, Balances: booked},
	}}, err
}

// TestCards specifies that a card is an account with a balance of its own.
func TestCards(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) (*app, *harbor, string) {
		t.Helper()
		p := newHarbor()
		registry, err := bankmux.NewRegistry([]*bankmux.Client{bankmux.NewClient("harbor", cardHarbor{p})},
			[]bankmux.Route{{Client: "harbor"}})
		require.NoError(t, err)
		a := newHarborApp(t, p, func(c *bankhttp.Config) { c.Registry = registry })
		return a, p, a.harborLink(t, "rosa")
	}
	// balances returns the first balance of each account, "" if it has none.
	balances := func(got accounts) (all []string) {
		for _, account := range got.Accounts {
			text := ""
			if len(account.Balances) > 0 {
				text = account.Balances[0].Money.Amount()
			}
			all = append(all, text)
		}
		return all
	}
	t.Run("of Dapi", func(t *testing.T) {
		t.Parallel()
		a := newApp(t)
		conn := a.link(t, "user-rosa", dapi.Name)
		read := a.read(t, "user-rosa")
		assert.Empty(t, read.Failed)
		cards := 0
		for _, account := range read.Accounts {
			assert.NotEmpty(t, account.Balances, account.Kind)
			if account.Kind == bankmux.AccountCreditCard {
				cards++
			}
		}
		assert.Positive(t, cards)
		a.send(t, "user-rosa", "POST", "/connections/"+conn.ID+"/sync", "")
		again := object[accounts](t, a.send(t, "user-rosa", "GET", "/accounts", ""), 200)
		assert.Equal(t, read.Accounts, again.Accounts, "a sync names it as the reading did")
	})
	t.Run("it is read after the accounts, once", func(t *testing.T) {
		t.Parallel()
		a, p, _ := open(t)
		got := a.read(t, "rosa")
		assert.Equal(t, []string{"10.00", "", "-784.60"}, balances(got))
		assert.Equal(t, bankmux.AccountCreditCard, got.Accounts[2].Kind)
		assert.Equal(t, 1, p.count(bankmux.OpCards))
		assert.Equal(t, 1, p.count(cardBalances))
	})
	for op, before := range map[string][]string{
		bankmux.OpAccounts: nil,
		bankmux.OpBalances: {"", ""},
		bankmux.OpCards:    {"10.00", ""},
		cardBalances:       {"10.00", "", ""},
	} {
		t.Run("the bank asks, then everything is read: "+op, func(t *testing.T) {
			t.Parallel()
			a, p, _ := open(t)
			p.ask(op, otp)
			got := a.read(t, "rosa")
			assert.Equal(t, before, balances(got))
			var question *bankhttp.Challenge
			for _, f := range got.Failed {
				if f.Problem.Challenge != nil {
					question = f.Problem.Challenge
				}
			}
			require.NotNil(t, question)
			w := a.send(t, "rosa", "POST", "/challenges/"+question.ID, `{"answers":["123456"]}`)
			assert.Equal(t, []string{"10.00", "", "-784.60"}, balances(object[accounts](t, w, 200)))
			calls := 1
			if op == bankmux.OpCards {
				calls = 2 // the one that was interrupted, and the one with the answer
			}
			assert.Equal(t, calls, p.count(bankmux.OpCards))
		})
	}
	for name, c := range map[string]struct {
		kind   bankmux.Kind
		failed int // of the connection
	}{
		"a bank without cards":                {bankmux.ErrUnsupported, 0},
		"cards that cannot be read are named": {bankmux.ErrInstitution, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, p, conn := open(t)
			p.failing(bankmux.OpCards, c.kind)
			got := a.read(t, "rosa")
			assert.Equal(t, []string{"10.00", ""}, balances(got))
			require.Len(t, got.Failed, 1+c.failed)
			assert.Equal(t, conn, got.Failed[c.failed].Connection)
			require.Equal(t, 200, a.send(t, "rosa", "POST", "/connections/"+conn+"/sync", "").Code)
			err := a.service.ReadBalances(t.Context(), a.stored(t, "rosa", conn), bankmux.SyncAllResult{})
			assert.Equal(t, c.failed > 0, err != nil)
		})
	}
	t.Run("a worker reads its balance too, unless the bank wants the user", func(t *testing.T) {
		t.Parallel()
		a, p, id := open(t)
		require.Equal(t, 200, a.send(t, "rosa", "POST", "/connections/"+id+"/sync", "").Code)
		conn := a.stored(t, "rosa", id)
		require.NoError(t, a.service.ReadBalances(t.Context(), conn, bankmux.SyncAllResult{}))
		got := object[accounts](t, a.send(t, "rosa", "GET", "/accounts", ""), 200)
		assert.Equal(t, []string{"10.00", "", "-784.60"}, balances(got))
		before := p.count(bankmux.OpCards)
		synced, err := a.service.SyncConnection(t.Context(), conn)
		require.NoError(t, err)
		read := p.count(cardBalances)
		require.NoError(t, a.service.ReadBalances(t.Context(), conn, synced))
		assert.Equal(t, before+1, p.count(bankmux.OpCards), "only the sync lists the cards")
		assert.Equal(t, read+1, p.count(cardBalances))
		before = p.count(bankmux.OpCards)
		p.failing(bankmux.OpBalances, bankmux.ErrReauth)
		require.NoError(t, a.service.ReadBalances(t.Context(), conn, bankmux.SyncAllResult{}))
		assert.Equal(t, before, p.count(bankmux.OpCards))
	})
}
