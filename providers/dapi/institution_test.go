package dapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestABankThatIsDownIsNotAskedOnAndOtherBanksAre(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}})
	s := start(t, func(cfg *dapi.Config) { cfg.Guard = g })
	at := func(bank string) bankmux.Connection {
		conn, err := single.Connection(
			s.client.ExchangeToken(t.Context(), s.post(s.client, request, virtualbank.DapiLink{InstitutionID: bank})),
		)
		require.NoError(t, err)
		return conn
	}
	const down, up = "DAPIBANK_AE_ENBD", "DAPIBANK_SA_RAJHI"
	users := []bankmux.Connection{at(down), at(down), at(down)}
	other := at(up)
	require.NoError(t, s.bank.Outage(down, true))
	refused := 0
	for i := range 20 {
		_, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: users[i%3]})
		require.Error(t, err)
		e, _ := err.(*bankmux.Error) //nolint:errorlint // a client's error is one
		assert.Equal(t, bankmux.ScopeInstitution, e.Affects())
		if e.NotSent {
			assert.Equal(t, bankmux.ErrInstitution, e.Kind)
			refused++
		}
		_, err = s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: other})
		require.NoError(t, err)
	}
	assert.Equal(t, 15, refused, "after five in a row")
	for _, b := range g.Breakers() {
		if b.Institution == "" {
			assert.Equal(t, "closed", b.State)
		} else {
			assert.Equal(t, users[0].Institution.ID, b.Institution)
			assert.Equal(t, "open", b.State)
		}
	}
	_, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: users[0]})
	require.NoError(t, err, "what Dapi answers by itself goes on")
}
