package plaid_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestPresence specifies that an absent part of a response is never read as an empty one.
func TestPresence(t *testing.T) {
	t.Parallel()
	const identityPath, institutionsPath = "/identity/get", "/institutions/get"
	numbers := func(lists string) string { return `{"numbers":{` + lists + `},"accounts":[]}` }
	owners := func(members string) string { return `{"accounts":[{"account_id":"a1"` + members + `}]}` }
	balances := func(members string) string {
		return `{"accounts":[{"account_id":"a1","type":"depository"` + members + `}]}`
	}
	malformed, partial, row := "malformed", "a failure of the account", "a failure of the row"
	for name, c := range map[string]struct {
		path, text, want string
	}{
		"all four lists of numbers are empty": {numbersPath, numbers(`"ach":[],"eft":[],"bacs":[],"international":[]`), ""},
		"numbers without a list":              {numbersPath, numbers(``), malformed},
		"numbers without ach":                 {numbersPath, numbers(`"eft":[],"bacs":[],"international":[]`), malformed},
		"numbers without eft":                 {numbersPath, numbers(`"ach":[],"bacs":[],"international":[]`), malformed},
		"numbers without bacs":                {numbersPath, numbers(`"ach":[],"eft":[],"international":[]`), malformed},
		"numbers without international":       {numbersPath, numbers(`"ach":[],"eft":[],"bacs":[]`), malformed},
		"a list of numbers that is null": {
			numbersPath, numbers(`"ach":null,"eft":[],"bacs":[],"international":[]`), malformed,
		},
		"no numbers":                      {numbersPath, `{"accounts":[]}`, malformed},
		"numbers of another form":         {numbersPath, `{"numbers":[],"accounts":[]}`, malformed},
		"an account with an empty list":   {identityPath, owners(`,"owners":[]`), ""},
		"an account without owners":       {identityPath, owners(``), partial},
		"owners that are null":            {identityPath, owners(`,"owners":null`), partial},
		"owners of another form":          {identityPath, owners(`,"owners":7`), row},
		"balances whose members are null": {accountsPath, balances(`,"balances":{"current":null}`), ""},
		"an account without balances":     {accountsPath, balances(``), partial},
		"balances that are null":          {accountsPath, balances(`,"balances":null`), partial},
		"balances of another form":        {accountsPath, balances(`,"balances":[]`), partial},
		"an empty directory":              {institutionsPath, `{"institutions":[],"total":0}`, ""},
		"a directory without a total":     {institutionsPath, `{"institutions":[]}`, malformed},
		"a total that is null":            {institutionsPath, `{"institutions":[],"total":null}`, malformed},
		"a total of another form":         {institutionsPath, `{"institutions":[],"total":"5"}`, malformed},
		"a directory without its list":    {institutionsPath, `{"total":5}`, malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, conn := canned(t, map[string]string{c.path: c.text})
			err := map[string]func(context.Context) error{
				numbersPath: func(ctx context.Context) error {
					_, err := s.client.AccountNumbers(ctx, bankmux.AccountNumbersRequest{Connection: conn})
					return err
				},
				identityPath: func(ctx context.Context) error {
					_, err := s.client.Identity(ctx, bankmux.IdentityRequest{Connection: conn})
					return err
				},
				accountsPath: func(ctx context.Context) error {
					_, err := s.client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
					return err
				},
				institutionsPath: func(ctx context.Context) error {
					for _, err := range s.client.Institutions(ctx, bankmux.InstitutionsRequest{Country: "US"}) {
						return err
					}
					return nil
				},
			}[c.path](t.Context())
			some, isPartial := errors.AsType[*bankmux.PartialError](err)
			switch c.want {
			case "":
				require.NoError(t, err)
			case malformed:
				require.ErrorIs(t, err, bankmux.ErrMalformed)
				assert.False(t, isPartial, "nothing of the response counts")
			default:
				require.True(t, isPartial, err)
				require.Len(t, some.Failed, 1)
				assert.Equal(t, c.want == partial, some.Failed[0].Account == "a1")
			}
		})
	}
}
