package dapi_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestPresence specifies what is sent without a user.
func TestPresence(t *testing.T) {
	t.Parallel()
	t.Run("a bank that asked is not called without a user", aBankThatAskedIsNotCalledWithoutAUser)
	t.Run("an answer means that the user is present", anAnswerMeansThatTheUserIsPresent)
}

func aBankThatAskedIsNotCalledWithoutAUser(t *testing.T) {
	t.Parallel()
	t.Run("no read is sent, and each is sent when the user is present", func(t *testing.T) {
		t.Parallel()
		s := start(t, nil)
		conn := s.asked(s.connect())
		sent := len(s.bank.Requests())
		for name, read := range reads(s.client, conn) {
			refusedAsAbsent(t, read(bankmux.WithoutUser(t.Context())), name)
			assert.Len(t, s.bank.Requests(), sent, name)
		}
		for _, name := range []string{"Accounts", "Balances", "Transactions", "Sync"} {
			require.NoError(t, reads(s.client, conn)[name](t.Context()), name)
			require.NoError(t, reads(s.client, conn)[name](bankmux.WithPresence(t.Context(), bankmux.Presence{})), name)
		}
	})
	t.Run("another process knows it from the connection", func(t *testing.T) {
		t.Parallel()
		s := start(t, nil)
		conn := s.asked(s.connect())
		ring, err := bankmux.NewKeyring(
			bankmux.Key{ID: "k", Material: bankmux.NewSecret(string(bytes.Repeat([]byte{7}, 32)))},
		)
		require.NoError(t, err)
		row, err := conn.Seal(ring)
		require.NoError(t, err)
		stored, err := bankmux.Open(ring, conn.Ref(), row)
		require.NoError(t, err)
		other, sent := s.another(nil), len(s.bank.Requests())
		refusedAsAbsent(t, reads(other, stored)["Balances"](bankmux.WithoutUser(t.Context())), "Balances")
		assert.Len(t, s.bank.Requests(), sent)
		got, err := other.ConnectionStatus(bankmux.WithoutUser(t.Context()), bankmux.StatusRequest{Connection: stored})
		require.NoError(t, err, "a status asks no user")
		assert.Equal(t, stored.Status.AskedAt, got.Connection.Status.AskedAt)
		_, err = dapi.BankMetadata(bankmux.WithoutUser(t.Context()), other, stored)
		require.NoError(t, err)

		renew := request
		renew.Reconnect = &stored
		renewed, err := single.Connection(
			other.ExchangeToken(
				bankmux.WithoutUser(t.Context()),
				s.post(other, renew, virtualbank.DapiLink{InstitutionID: stored.Institution.ID}),
			),
		)
		require.NoError(t, err)
		refusedAsAbsent(t, reads(other, renewed)["Accounts"](bankmux.WithoutUser(t.Context())), "after a reconnect")
		renewed.Status.AskedAt = time.Time{} // the application knows that the bank no longer asks
		require.NoError(t, reads(s.another(nil), renewed)["Accounts"](bankmux.WithoutUser(t.Context())))
		_, err = other.Disconnect(bankmux.WithoutUser(t.Context()), bankmux.DisconnectRequest{Connection: renewed})
		require.NoError(t, err)
	})
	t.Run("a process that stored nothing knows its own calls", func(t *testing.T) {
		t.Parallel()
		s := start(t, nil)
		conn, never := s.connect(), s.connect()
		s.asked(conn) // and does not store the status
		refusedAsAbsent(t, reads(s.client, conn)["Sync"](bankmux.WithoutUser(t.Context())), "Sync")
		require.NoError(t, reads(s.client, never)["Sync"](bankmux.WithoutUser(t.Context())), "its bank never asked")
	})
	t.Run("a bank that asks for the first time is asked once", func(t *testing.T) {
		t.Parallel()
		s := start(t, nil)
		conn := s.connect()
		require.NoError(t, s.bank.RequireInput(conn.Reference(), "", []string{"otp"}))
		err := reads(s.client, conn)["Accounts"](bankmux.WithoutUser(t.Context()))
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok)
		require.NotNil(t, e.Challenge, "the process could not know")
		sent := len(s.bank.Requests())
		for name, read := range reads(s.client, conn) {
			refusedAsAbsent(t, read(bankmux.WithoutUser(t.Context())), name)
		}
		assert.Len(t, s.bank.Requests(), sent)
		again := reads(s.client, conn)["Accounts"](t.Context())
		e, ok = errors.AsType[*bankmux.Error](again)
		require.True(t, ok)
		assert.NotNil(t, e.Challenge, "the user who is present is asked")
	})
}

func anAnswerMeansThatTheUserIsPresent(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	all, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	require.Greater(t, len(all.Accounts), 1)
	challenge := func(
		t *testing.T, path string, call func(context.Context, *bankmux.Answers) error,
	) *bankmux.Challenge {
		t.Helper()
		require.NoError(t, s.bank.RequireInput(conn.Reference(), path, []string{"otp"}))
		e, ok := errors.AsType[*bankmux.Error](call(t.Context(), nil))
		require.True(t, ok)
		require.NotNil(t, e.Challenge)
		return e.Challenge
	}
	balances := func(ctx context.Context, answers *bankmux.Answers) error {
		res, err := s.client.Balances(
			ctx,
			bankmux.BalancesRequest{Connection: conn, Known: all.Accounts, Answers: answers},
		)
		if err == nil {
			assert.Len(t, res.Balances, len(all.Accounts))
			assert.Empty(t, res.Failed)
		}
		return err
	}
	pages := 0
	list := func(ctx context.Context, answers *bankmux.Answers) error {
		for _, err := range s.client.TransactionPages(ctx,
			bankmux.TransactionsRequest{Connection: conn, Answers: answers}) {
			if err != nil {
				return err
			}
			pages++
		}
		return nil
	}
	absent := bankmux.WithoutUser(t.Context())
	t.Run("balances of all accounts are read", func(t *testing.T) {
		require.NoError(t, balances(absent, challenge(t, "/data/balance/get", balances).Answer("123456")))
	})
	t.Run("a list is read to its end", func(t *testing.T) {
		ch := challenge(t, "/data/transactions/get", list)
		pages = 0
		require.NoError(t, list(absent, ch.Answer("123456")))
		assert.Greater(t, pages, len(all.Accounts))
	})
	t.Run("an operation that drops its challenge has no user", func(t *testing.T) {
		ch := challenge(t, "/data/balance/get", balances)
		require.Error(t, balances(absent, &bankmux.Answers{Challenge: *ch, Abandoned: true}))
		refusedAsAbsent(t, balances(absent, nil), "Balances")
	})
	t.Run("the next operation asks again whether a user is present", func(t *testing.T) {
		refusedAsAbsent(t, balances(absent, nil), "Balances")
		refusedAsAbsent(t, list(absent, nil), "Transactions")
	})
}

// reads are the calls that the bank may interrupt with a question.
func reads(client *bankmux.Client, conn bankmux.Connection) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Accounts": func(ctx context.Context) error {
			_, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
			return err
		},
		"Balances": func(ctx context.Context) error {
			_, err := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
			return err
		},
		"AccountNumbers": func(ctx context.Context) error {
			_, err := client.AccountNumbers(ctx, bankmux.AccountNumbersRequest{Connection: conn})
			return err
		},
		"Identity": func(ctx context.Context) error {
			_, err := client.Identity(ctx, bankmux.IdentityRequest{Connection: conn})
			return err
		},
		"Cards": func(ctx context.Context) error {
			_, err := client.Cards(ctx, bankmux.CardsRequest{Connection: conn})
			return err
		},
		"Transactions": func(ctx context.Context) error {
			for _, err := range client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"Sync": func(ctx context.Context) error {
			_, err := client.Sync(ctx, bankmux.SyncRequest{Connection: conn})
			return err
		},
		"CompleteAccounts": func(ctx context.Context) error {
			_, _, err := dapi.CompleteAccounts(ctx, client, conn, nil)
			return err
		},
		"CategorizedTransactions": func(ctx context.Context) error {
			_, err := dapi.CategorizedTransactions(
				ctx,
				client,
				bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"a"}},
			)
			return err
		},
	}
}

// asked lets the bank ask the user once and answers it. It returns the connection that an
// application stores.
func (s *setup) asked(conn bankmux.Connection) bankmux.Connection {
	s.t.Helper()
	require.NoError(s.t, s.bank.RequireInput(conn.Reference(), "", []string{"otp"}))
	req := bankmux.AccountsRequest{Connection: conn}
	_, err := s.client.Accounts(s.t.Context(), req)
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(s.t, ok)
	require.NotNil(s.t, e.Challenge)
	conn.Status = conn.Status.After(err)
	req.Answers = e.Challenge.Answer("123456")
	_, err = s.client.Accounts(bankmux.WithoutUser(s.t.Context()), req)
	require.NoError(s.t, err, "the user's answer is sent by any process")
	conn.Status = conn.Status.After(err)
	return conn
}

// refusedAsAbsent checks that a call was refused because no user waits for it.
func refusedAsAbsent(t *testing.T, err error, name string) {
	t.Helper()
	require.ErrorIs(t, err, bankmux.ErrUserAction, name)
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok, name)
	assert.Equal(t, bankmux.CodeUserAbsent, e.Code, name)
	assert.True(t, e.NotSent, name)
	assert.Nil(t, e.Challenge, name)
	assert.Equal(t, "make the call again when the user is there", e.Remedy(), name)
}
