package normalize

// This file merges owners and numbers, and selects accounts.

import (
	"slices"

	"github.com/bankmux/bankmux"
)

// AddOwner adds an owner of an account. If an equal owner is there, it adds the account to that
// one, because providers repeat an owner for each account.
func AddOwner(owners []bankmux.Owner, account string, o bankmux.Owner) []bankmux.Owner {
	i := slices.IndexFunc(owners, func(known bankmux.Owner) bool {
		return slices.Equal(known.Names, o.Names) && slices.Equal(known.Addresses, o.Addresses) &&
			slices.Equal(known.Phones, o.Phones) && slices.Equal(known.Emails, o.Emails)
	})
	if i < 0 {
		o.Accounts = nil
		i, owners = len(owners), append(owners, o)
	}
	if !slices.Contains(owners[i].Accounts, account) {
		owners[i].Accounts = append(owners[i].Accounts, account)
	}
	return owners
}

// AddNumbers adds numbers of an account. If the account is there, it adds them to that one.
func AddNumbers(accounts []bankmux.AccountNumbers, more bankmux.AccountNumbers) []bankmux.AccountNumbers {
	same := func(known bankmux.AccountNumbers) bool { return known.Account == more.Account }
	if i := slices.IndexFunc(accounts, same); i >= 0 {
		accounts[i].Numbers = append(accounts[i].Numbers, more.Numbers...)
		return accounts
	}
	return append(accounts, more)
}

// AccountIDs returns the ids of accounts.
func AccountIDs(accounts []bankmux.Account) []string {
	var ids []string
	for i := range accounts {
		ids = append(ids, accounts[i].ID)
	}
	return ids
}

// IsAsked reports whether a request with these ids covers an account. No id means all. A row
// without an account may belong to any.
func IsAsked(ids []string, account string) bool {
	return len(ids) == 0 || account == "" || slices.Contains(ids, account)
}

// Covered is what a complete list of some accounts covers. No id means all of them.
func Covered(ids []string, from, to bankmux.Date) []bankmux.Covered {
	if len(ids) == 0 {
		return []bankmux.Covered{{From: from, To: to}}
	}
	var all []bankmux.Covered
	for _, id := range ids {
		all = append(all, bankmux.Covered{Account: id, From: from, To: to})
	}
	return all
}
