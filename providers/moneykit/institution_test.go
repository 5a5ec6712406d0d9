package moneykit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestRefreshesAtABankThatIsDownAreNotBegunAndOthersAre(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}})
	// no token to expire in between
	s := start(t, virtualbank.Options{}, func(cfg *moneykit.Config) { cfg.Guard, cfg.Auth = g, moneykit.AuthHeaders })
	at := func(bank string) bankmux.Connection {
		session, err := s.client.CreateSession(t.Context(), request)
		require.NoError(t, err)
		payload, err := s.bank.LinkMoneyKit(
			virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal(), InstitutionID: bank},
		)
		require.NoError(t, err)
		conn, err := single.Connection(
			s.client.ExchangeToken(
				t.Context(),
				bankmux.ExchangeRequest{Session: session, User: request.User, Payload: bankmux.NewSecret(payload)},
			),
		)
		require.NoError(t, err)
		return conn
	}
	const down, up = "northwind", "harbor_trust"
	broken, well := at(down), at(up)
	require.NoError(t, s.bank.Outage(down, true))
	refresh := func(conn bankmux.Connection) error {
		started, err := s.client.Refresh(
			t.Context(),
			bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductAccounts}},
		)
		if err != nil {
			return err
		}
		s.bank.Advance(time.Minute)
		_, err = s.client.AwaitRefresh(t.Context(), started)
		return err
	}
	sent := func() int { return len(s.sent("POST /links/" + broken.Reference() + "/products")) }
	for i := range 8 {
		s.bank.Advance(65 * time.Minute) // one an hour is allowed
		err := refresh(broken)
		require.ErrorIs(t, err, bankmux.ErrInstitution)
		assert.Equal(t, i >= 5, errors.Is(err, bankmux.ErrCircuitOpen), "the refresh of number %d", i)
		require.NoError(t, refresh(well))
	}
	assert.Equal(t, 5, sent())
	for _, b := range g.Breakers() {
		if b.Institution == "" {
			assert.Equal(t, "closed", b.State)
		} else {
			assert.Equal(t, down, b.Institution)
			assert.Equal(t, "open", b.State)
		}
	}
}
