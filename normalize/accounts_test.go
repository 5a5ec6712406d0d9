package normalize_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// TestAccounts specifies which accounts of a provider answer a request.
func TestAccounts(t *testing.T) {
	t.Parallel()
	t.Run("requested accounts are read or named", requestedAccountsAreReadOrNamed)
}

func requestedAccountsAreReadOrNamed(t *testing.T) {
	t.Parallel()
	const malformed, missing = bankmux.ErrMalformed, bankmux.ErrNotFound
	all := []bankmux.Account{{ID: "a"}, {ID: ""}, {ID: "b"}, {ID: "c"}, {ID: "c", Name: "again"}}
	unreadable := normalize.Unreadable("an account that cannot be read")
	failed := []bankmux.Failure{
		{Account: "d", Err: unreadable}, {Account: "e", Err: unreadable}, {Transaction: "row 7", Err: unreadable},
	}
	always := map[string]bankmux.Kind{"row 2": malformed, "row 7": malformed} // of no account
	for name, c := range map[string]struct {
		ids, read []string
		failed    map[string]bankmux.Kind
	}{
		"all of them": {nil, []string{"a", "b", "c"}, map[string]bankmux.Kind{
			"c": malformed, "d": malformed, "e": malformed,
		}},
		"two, in the provider's order":      {[]string{"c", "a"}, []string{"a", "c"}, map[string]bankmux.Kind{"c": malformed}},
		"one that is not listed":            {[]string{"b", "x"}, []string{"b"}, map[string]bankmux.Kind{"x": missing}},
		"one that is listed and unreadable": {[]string{"d"}, nil, map[string]bankmux.Kind{"d": malformed}},
		"only ids that are not listed":      {[]string{"x", "y"}, nil, map[string]bankmux.Kind{"x": missing, "y": missing}},
	} {
		t.Run(name, func(t *testing.T) {
			res := normalize.Accounts(c.ids, all, failed)
			var read []string
			for _, a := range res.Accounts {
				read = append(read, a.ID)
			}
			kinds := map[string]bankmux.Kind{}
			for _, f := range res.Failed {
				kinds[f.Account+f.Transaction] = f.Err.Kind
			}
			assert.Equal(t, c.read, read)
			for id, kind := range always {
				assert.Equal(t, kind, kinds[id], id)
				delete(kinds, id)
			}
			assert.Len(t, kinds, len(c.failed))
			for id, kind := range c.failed {
				assert.Equal(t, kind, kinds[id], id)
			}
			assert.Len(t, res.Failed, len(c.failed)+len(always), "each is named once")
		})
	}
}
