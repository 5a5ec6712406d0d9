package bankmux_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// asking is a provider whose bank asks the user before it refreshes or returns its status.
type asking struct {
	fake
	answered []string
}

func (a *asking) ask(answers *bankmux.Answers) error {
	if answers == nil {
		return &bankmux.Error{
			Kind:      bankmux.ErrUserAction,
			Challenge: &bankmux.Challenge{ID: "c-1", Inputs: []bankmux.Input{{Kind: bankmux.InputOTP}}},
		}
	}
	a.answered = append(a.answered, answers.Inputs[0].Text.Reveal())
	return nil
}

func (a *asking) Refresh(_ context.Context, req bankmux.RefreshRequest) (bankmux.RefreshResult, error) {
	if err := a.ask(req.Answers); err != nil {
		return bankmux.RefreshResult{}, err
	}
	return bankmux.RefreshResult{JobID: "job-7"}, nil
}

func (a *asking) ConnectionStatus(_ context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	return bankmux.StatusResult{Connection: req.Connection}, a.ask(req.Answers)
}

// TestRefresh specifies refreshes and fresh balances.
func TestRefresh(t *testing.T) {
	t.Parallel()
	t.Run("a refresh and a status may ask the user", aRefreshAndAStatusMayAskTheUser)
	t.Run("fresh balances are requested for each account", freshBalancesAreRequestedForEachAccount)
}

func aRefreshAndAStatusMayAskTheUser(t *testing.T) {
	t.Parallel()
	a := &asking{fake: fake{provider: "asking"}}
	client := bankmux.NewClient("asking", a)
	_, conn := linked(t, client, "u-1")
	refresh := bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductAccounts}}
	_, err := client.Refresh(t.Context(), refresh)
	question := challengeOf(t, err)
	_, err = client.ConnectionStatus(
		t.Context(),
		bankmux.StatusRequest{Connection: conn, Answers: question.Answer("123456")},
	)
	require.ErrorIs(t, err, bankmux.ErrInvalid, "the challenge is of another operation")
	_, err = client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
	refresh.Answers = challengeOf(t, err).Answer("123456")
	_, err = client.Refresh(t.Context(), refresh)
	require.ErrorIs(t, err, bankmux.ErrInvalid, "and so is this one")
	refresh.Answers = question.Answer("123456")
	started, err := client.Refresh(t.Context(), refresh)
	require.NoError(t, err)
	assert.Equal(t, "job-7", started.JobID)
	assert.Equal(t, conn, started.Connection, "which the adapter left out")

	_, err = client.AwaitRefresh(t.Context(), started)
	_, err = client.ConnectionStatus(
		t.Context(),
		bankmux.StatusRequest{Connection: conn, Answers: challengeOf(t, err).Answer("654321")},
	)
	require.NoError(t, err)
	assert.Equal(t, []string{"123456", "654321"}, a.answered)
}

func challengeOf(t *testing.T, err error) bankmux.Challenge {
	t.Helper()
	e, ok := err.(*bankmux.Error) //nolint:errorlint // what a client returns is one
	require.True(t, ok, err)
	require.NotNil(t, e.Challenge)
	return *e.Challenge
}

func freshBalancesAreRequestedForEachAccount(t *testing.T) {
	t.Parallel()
	r, client, conn := reading(t)
	var got []bankmux.BalancesRequest
	r.balance = func(_ string, req bankmux.BalancesRequest) error { got = append(got, req); return nil }
	_, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Fresh: true, MaxAge: time.Minute})
	require.NoError(t, err)
	require.NotEmpty(t, got)
	for _, req := range got {
		assert.True(t, req.Fresh)
		assert.Equal(t, time.Minute, req.MaxAge)
	}
	_, err = client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, MaxAge: -time.Second})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
}
