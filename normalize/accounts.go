package normalize

import (
	"strconv"

	"github.com/bankmux/bankmux"
)

// Accounts answers a request for accounts with the list of all that a provider has. Without ids
// they are all in the result. With ids only those are, in the provider's order, and an id that is
// not listed is in Failed as [bankmux.ErrNotFound]. An account without an id is in Failed by its
// place, as [bankmux.ErrMalformed]. failed are accounts that could not be read: one that was asked
// for is not missing, and one of another id is left out.
func Accounts(ids []string, all []bankmux.Account, failed []bankmux.Failure) bankmux.AccountsResult {
	seen := make(map[string]bool, len(ids)) // only ids that were asked for
	for _, id := range ids {
		seen[id] = false
	}
	asked := func(id string) bool {
		_, ok := seen[id]
		return ok || len(ids) == 0
	}
	var res bankmux.AccountsResult
	for i, a := range all {
		switch {
		case a.ID == "":
			res.Failed = append(res.Failed, bankmux.Failure{
				Transaction: "row " + strconv.Itoa(i+1), Err: Unreadable("an account without id"),
			})
		case asked(a.ID):
			res.Accounts, seen[a.ID] = append(res.Accounts, a), true
		}
	}
	for _, f := range failed {
		if f.Account == "" || asked(f.Account) {
			res.Failed, seen[f.Account] = append(res.Failed, f), true
		}
	}
	for _, id := range ids {
		if !seen[id] {
			res.Failed = append(res.Failed, bankmux.Failure{Account: id, Err: &bankmux.Error{
				Kind: bankmux.ErrNotFound, Detail: "the connection has no such account",
			}})
		}
	}
	return res
}
