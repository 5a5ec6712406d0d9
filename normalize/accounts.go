package normalize

import (
	"strconv"

	"github.com/bankmux/bankmux"
)

// Accounts selects the accounts of a request from all that a provider has. Without ids, all of them
// are in the result. With ids, only those are, in the provider's order. An id that is not listed is
// in Failed as [bankmux.ErrNotFound]. An account without an id is in Failed as
// [bankmux.ErrMalformed], named by its place. So is a further account with the id of another, named
// by that id, and the first one is in the result.
//
// The argument failed has accounts that could not be read. A requested id among these is in Failed
// with that error, and not as bankmux.ErrNotFound. Failures of other ids are left out.
func Accounts(ids []string, all []bankmux.Account, failed []bankmux.Failure) bankmux.AccountsResult {
	seen := make(map[string]bool, len(ids)) // requested ids only
	for _, id := range ids {
		seen[id] = false
	}
	asked := func(id string) bool {
		_, ok := seen[id]
		return ok || len(ids) == 0
	}
	var res bankmux.AccountsResult
	read := make(map[string]bool, len(all))
	for i, a := range all {
		switch {
		case read[a.ID] && asked(a.ID):
			res.Failed = append(res.Failed, bankmux.Failure{
				Account: a.ID, Err: Unreadable("a second account with the id of another"),
			})
		case a.ID == "":
			res.Failed = append(res.Failed, bankmux.Failure{
				Transaction: "row " + strconv.Itoa(i+1), Err: Unreadable("an account without id"),
			})
		case asked(a.ID):
			if res.Accounts == nil {
				res.Accounts = make([]bankmux.Account, 0, len(all)-i)
			}
			res.Accounts, read[a.ID] = append(res.Accounts, a), true
			if len(ids) > 0 {
				seen[a.ID] = true
			}
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
