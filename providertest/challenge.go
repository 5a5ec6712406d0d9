package providertest

// This file checks how an adapter handles the questions of a bank.

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// challenge returns the challenge of an error.
func (b *bench) challenge(err error) bankmux.Challenge {
	b.t.Helper()
	b.show(err)
	require.ErrorIs(b.t, err, bankmux.ErrUserAction)
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(b.t, ok)
	require.NotNil(b.t, e.Challenge)
	return *e.Challenge
}

// reloaded returns a challenge as another process reads it from a database.
func (b *bench) reloaded(ch bankmux.Challenge) bankmux.Challenge {
	b.t.Helper()
	raw, err := json.Marshal(ch)
	require.NoError(b.t, err)
	var back bankmux.Challenge
	require.NoError(b.t, json.Unmarshal(raw, &back))
	return back
}

func challengeIsAnswered(t *testing.T, b *bench) {
	if b.lacks("Data.Ask", b.Data.Ask == nil, "a question of the bank") {
		conn := b.prepared(t.Context())
		_, err := b.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
		require.NoError(t, err, "Data.Ask is nil, so the provider never asks")
		return
	}
	conn := b.connect(t.Context())
	ids := []string{b.account(conn, bankmux.AccountChecking, "USD"), b.account(conn, bankmux.AccountSavings, "USD")}
	for _, id := range ids {
		require.NoError(t, b.Data.SetBalance(conn, id, "12.50"))
	}
	known, err := b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn, Accounts: ids})
	require.NoError(t, err)
	req := bankmux.BalancesRequest{Connection: conn, Accounts: ids, Known: known.Accounts}

	right, err := b.Data.Ask(conn, bankmux.InputOTP, bankmux.InputPIN)
	require.NoError(t, err)
	before := b.reached()
	_, err = b.client.Balances(t.Context(), req)
	ch := b.challenge(err)
	assert.Equal(t, bankmux.OpBalances, ch.Op)
	assert.Equal(t, conn.ID, ch.Connection)
	assert.Equal(t, ids[0], ch.Account, "it names the account that was interrupted")
	assert.True(t, ch.ExpiresAt.After(ch.At))
	require.Len(t, ch.Inputs, 2)
	assert.Equal(t, bankmux.InputOTP, ch.Inputs[0].Kind)
	assert.Equal(t, 1, b.reached()-before)

	// Every other call returns the same challenge, and sends nothing.
	before = b.reached()
	_, err = b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	assert.Equal(t, ch.ID, b.challenge(err).ID)
	for _, wrong := range []*bankmux.Answers{
		ch.Answer("only one"), ch.Answer("a", "b", "c"), ch.Answer("", ""),
		{},
		bankmux.Challenge{ID: ch.ID, Op: bankmux.OpAccounts, Connection: conn.ID}.Answer(),
		bankmux.Challenge{ID: ch.ID, Op: ch.Op, Connection: "another"}.Answer(),
	} {
		req.Answers = wrong
		_, err = b.client.Balances(t.Context(), req)
		b.show(err)
		require.ErrorIs(t, err, bankmux.ErrInvalid, "answers of another form or challenge")
	}
	assert.Equal(t, before, b.reached())

	req.Answers = b.reloaded(ch).Answer(right...)
	b.conceal("planted-answer-1")
	b.show(req.Answers)
	b.show(req)
	before = b.reached()
	got, err := b.client.Balances(t.Context(), req)
	require.NoError(t, err)
	assert.Len(t, got.Balances, 2)
	assert.Equal(t, 2, b.reached()-before, "the answered account and the next one")
	_, err = b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err, "the connection has no open challenge")
	_, err = b.client.Balances(t.Context(), req)
	b.show(err)
	require.ErrorIs(t, err, bankmux.ErrChallengeExpired, "a challenge is answered once")
}

func wrongAnswers(t *testing.T, b *bench) {
	if b.lacks("Data.Ask", b.Data == nil || b.Data.Ask == nil, "wrong, late and abandoned answers") {
		conn := b.prepared(t.Context())
		_, err := b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		require.NoError(t, err, "Data.Ask is nil, so the provider never asks")
		return
	}
	conn := b.connect(t.Context())
	req := bankmux.AccountsRequest{Connection: conn}
	ask := func() (bankmux.Challenge, []string) {
		right, err := b.Data.Ask(conn, bankmux.InputOTP)
		require.NoError(t, err)
		req.Answers = nil
		_, err = b.client.Accounts(t.Context(), req)
		return b.challenge(err), right
	}

	ch, _ := ask()
	req.Answers = ch.Answer("000000")
	before := b.reached()
	_, err := b.client.Accounts(t.Context(), req)
	b.show(err)
	require.ErrorIs(t, err, bankmux.ErrAnswerRejected)
	assert.Equal(t, 1, b.reached()-before, "a rejected answer is not retried")
	req.Answers = nil
	_, err = b.client.Accounts(t.Context(), req)
	require.NoError(t, err, "the call starts from its first step")

	ch, _ = ask()
	req.Answers = ch.Abandon()
	before = b.reached()
	_, err = b.client.Accounts(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrUserAction)
	e := bankmux.ErrorOf(err)
	assert.Equal(t, bankmux.CodeCancelled, e.Code)
	assert.Equal(t, before, b.reached())
	req.Answers = nil
	_, err = b.client.Accounts(t.Context(), req)
	require.NoError(t, err, "the connection has no open challenge")

	ch, right := ask()
	time.Sleep(time.Until(ch.ExpiresAt) + time.Second)
	req.Answers = ch.Answer(right...)
	before = b.reached()
	_, err = b.client.Accounts(t.Context(), req)
	b.show(err)
	require.ErrorIs(t, err, bankmux.ErrChallengeExpired)
	assert.Equal(t, before, b.reached())
	req.Answers = nil
	_, err = b.client.Accounts(t.Context(), req)
	require.NoError(t, err, "the call starts from its first step")
}
