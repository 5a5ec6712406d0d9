package normalize

// This file merges owners and selects accounts.

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
