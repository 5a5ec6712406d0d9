package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// linked opens a client and links a bank with it.
func (p *tampered) linked(f *testing.F, provider string, bank *virtualbank.Bank) (*bankmux.Client, bankmux.Connection) {
	client, err := p.open(provider, bank.Credentials())
	require.NoError(f, err)
	session, err := client.CreateSession(
		f.Context(),
		bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"},
	)
	require.NoError(f, err)
	payload, err := posts(bank, session.Launch)
	require.NoError(f, err)
	conn, err := single.Connection(
		client.ExchangeToken(
			f.Context(),
			bankmux.ExchangeRequest{Session: session, User: "user-1", Payload: bankmux.NewSecret(payload)},
		),
	)
	require.NoError(f, err)
	return client, conn
}

// FuzzPage continues from any page. Every error has a type of this module, and every reading ends.
func FuzzPage(f *testing.F) {
	clients, conns := make([]*bankmux.Client, 3), make([]bankmux.Connection, 3)
	for i, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
		bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 90})
		wire := &tampered{bank: servedBy(bank, provider), heard: map[string][]byte{}}
		clients[i], conns[i] = wire.linked(f, provider, bank)
		if provider != dapi.Name {
			require.NoError(f, bank.Refresh(conns[i].Reference()))
		}
		for page, err := range clients[i].TransactionPages(f.Context(),
			bankmux.TransactionsRequest{Connection: conns[i], PageSize: 30}) {
			require.NoError(f, err)
			f.Add(page.Next)
		}
	}
	f.Add("2.95.10.0.0.1.0.0.0")
	f.Add("9223372036854775807.95.10.0.0.1.0.9223372036854775807.1")
	f.Add("eyJsaXN0ZWQiOnRydWV9")
	f.Add("9223372036854775807.9223372036854775807.0.false")
	f.Fuzz(func(t *testing.T, page string) {
		for i, client := range clients {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			for _, err := range []error{
				some(client.Transactions(ctx,
					bankmux.TransactionsRequest{Connection: conns[i], PageSize: 30, Page: page})),
				some(client.InvestmentTransactions(ctx,
					bankmux.InvestmentTransactionsRequest{Connection: conns[i], Page: page})),
				some(client.Institutions(ctx, bankmux.InstitutionsRequest{Page: page})),
			} {
				if err == nil {
					continue
				}
				e, typed := errors.AsType[*bankmux.Error](err)
				require.True(t, typed, "%T %v", err, err)
				assert.Contains(t, bankmux.Kinds(), e.Kind)
				assert.NotEqual(t, bankmux.ErrContextDone, e.Kind, "a reading that does not end")
				assert.NotContains(t, err.Error(), conns[i].Credential().Reveal())
			}
			cancel()
		}
	})
}

// FuzzChallenge gives an operation any text as the challenge that was stored.
func FuzzChallenge(f *testing.F) {
	bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 90})
	keys := bank.Credentials()
	wire := &tampered{bank: banktest.InProcess{Handler: bank.Dapi()}, heard: map[string][]byte{}}
	_, conn := wire.linked(f, "dapi", bank)
	for i, path := range []string{
		"/data/accounts/get", "/data/balance/get", "/data/transactions/get", "/data/transactions/get",
	} {
		fresh, err := wire.open("dapi", keys)
		require.NoError(f, err)
		require.NoError(f, bank.RequireInput(conn.Reference(), path, []string{"otp"}))
		err = reads[[]int{0, 1, 5, 6}[i]].call(f.Context(), fresh, conn)
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(f, ok)
		require.NotNil(f, e.Challenge)
		raw, err := json.Marshal(e.Challenge)
		require.NoError(f, err)
		f.Add(string(raw), "123456")
		_ = reads[0].call(f.Context(), fresh, conn)
	}
	f.Add(`{"op":"Balances","call":"Accounts","state":null}`, "")
	f.Add(`{"op":"Sync","call":"Sync","state":{"cursor":"x","window":{}}}`, "1")
	wire.say(200, []byte(`{"success":true,"status":"done","operationID":"op","accounts":[],"transactions":[]}`))
	f.Fuzz(func(t *testing.T, stored, answer string) {
		var challenge bankmux.Challenge
		if json.Unmarshal([]byte(stored), &challenge) != nil {
			return
		}
		again, err := json.Marshal(challenge)
		if err == nil {
			var back bankmux.Challenge
			require.NoError(t, json.Unmarshal(again, &back))
		}
		challenge.Connection = conn.ID
		challenge.ExpiresAt = time.Now().Add(time.Minute)
		client, err := wire.open("dapi", keys)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		for _, answers := range []*bankmux.Answers{challenge.Answer(answer), challenge.Abandon()} {
			_, err1 := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn, Answers: answers})
			_, err2 := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn, Answers: answers})
			err3 := some(client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn, Answers: answers}))
			_, err4 := client.Sync(ctx, bankmux.SyncRequest{Connection: conn, Answers: answers})
			for _, err := range []error{err1, err2, err3, err4} {
				if err == nil {
					continue
				}
				_, partial := errors.AsType[*bankmux.PartialError](err)
				_, ours := errors.AsType[*bankmux.Error](err)
				require.True(t, partial || ours, "%T %v", err, err)
				assert.NotContains(t, err.Error(), conn.Credential().Reveal())
			}
		}
	})
}
