package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestAllUsersAreShownAndTheBankIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	asked := 0
	err := run(t.Context(), &out, func(in bankmux.Input) (string, error) {
		asked++
		assert.Equal(t, bankmux.InputOTP, in.Kind)
		return "123456", nil
	})
	require.NoError(t, err)
	assert.Equal(t, 1, asked)
	for _, want := range []string{
		"rosa at Northwind Bank (through moneykit)", "omar at Abu Dhabi Commercial Bank PJSC (through dapi)",
		"noah at Rideau Bank (through plaid)", "Everyday Checking", "credit_card", "USD", "AED", "CAD",
	} {
		assert.Contains(t, out.String(), want, want)
	}
	assert.Greater(t, strings.Count(out.String(), "\n"), 40)
}

func TestAWrongAnswerEndsWithItsRemedy(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := run(t.Context(), &out, func(bankmux.Input) (string, error) { return "000000", nil })
	require.ErrorIs(t, err, bankmux.ErrAnswerRejected)
	require.ErrorContains(t, err, "ask the user again")
}
