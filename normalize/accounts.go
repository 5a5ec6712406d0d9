package normalize

import "github.com/bankmux/bankmux"

// Accounts answers a request for accounts with the list of all that a provider has. Without ids
// they are all in the result. With ids only those are, in the provider's order, and an id that is
// not listed is in Failed as [bankmux.ErrNotFound]. failed are accounts that could not be read: one
// that was asked for is not missing, and one of another id is left out.
func Accounts(ids []string, all []bankmux.Account, failed []bankmux.Failure) bankmux.AccountsResult {
	if len(ids) == 0 {
		return bankmux.AccountsResult{Accounts: all, Failed: failed}
	}
	seen := make(map[string]bool, len(ids)) // only ids that were asked for
	for _, id := range ids {
		seen[id] = false
	}
	var res bankmux.AccountsResult
	for _, a := range all {
		if _, asked := seen[a.ID]; asked {
			res.Accounts, seen[a.ID] = append(res.Accounts, a), true
		}
	}
	for _, f := range failed {
		if _, asked := seen[f.Account]; asked || f.Account == "" {
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
