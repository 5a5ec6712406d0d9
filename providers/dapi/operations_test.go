package dapi_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
)

func TestTheOperationOfAChallengeCanBeReadUntilItEnds(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	ctx := t.Context()
	read := func(id string) dapi.Operation {
		t.Helper()
		op, err := dapi.ReadOperation(ctx, s.client, conn, id)
		require.NoError(t, err)
		assert.Equal(t, "/v2/data/accounts/get", op.Path)
		assert.False(t, op.Began.IsZero())
		return op
	}
	ask := func(rounds ...[]string) *bankmux.Challenge {
		t.Helper()
		require.NoError(t, s.bank.RequireInput(conn.Reference(), "/data/accounts/get", rounds...))
		_, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok, err)
		require.NotNil(t, e.Challenge)
		return e.Challenge
	}
	first := ask([]string{"otp"}, []string{"pin"})
	assert.Equal(t, "user_input_required", read(first.ID).Status)
	_, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn, Answers: first.Answer("123456")})
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok, err)
	require.NotNil(t, e.Challenge, "the second round")
	assert.Equal(t, first.ID, e.Challenge.ID)
	_, err = s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn, Answers: e.Challenge.Answer("1234")})
	require.NoError(t, err)
	assert.Equal(t, "done", read(first.ID).Status)

	wrong := ask([]string{"otp"})
	_, err = s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn, Answers: wrong.Answer("000000")})
	require.Error(t, err)
	op := read(wrong.ID)
	assert.Equal(t, "failed", op.Status)
	assert.Equal(t, "INVALID_MFA", op.ErrorCode)
}
