package plaid

// This file reads the owners of accounts.

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Identity reads the owners. Plaid repeats an owner for each account, so equal owners are merged.
// It refuses a request with an unknown account as a whole, so the adapter reads all and selects.
func (a *adapter) Identity(ctx context.Context, req bankmux.IdentityRequest) (bankmux.IdentityResult, error) {
	access := req.Connection.Credential()
	out, err := readItem[identityResponse](ctx, a.api, endpoints.identity, access)
	if err != nil {
		return bankmux.IdentityResult{}, err
	}
	var listed []bankmux.Account
	for _, account := range out.Accounts.Rows {
		listed = append(listed, bankmux.Account{ID: account.AccountID})
	}
	res := bankmux.IdentityResult{Failed: normalize.Accounts(req.Accounts, listed, out.Accounts.Failures("")).Failed}
	for _, account := range out.Accounts.Rows {
		if account.AccountID == "" || !isAsked(req.Accounts, account.AccountID) {
			continue
		}
		for _, o := range account.Owners.Rows {
			res.Owners = addOwner(res.Owners, account.AccountID, o.owner())
		}
		for range account.Owners.Bad {
			res.Failed = append(res.Failed, bankmux.Failure{
				Account: account.AccountID, Err: normalize.Unreadable("an owner that cannot be read"),
			})
		}
	}
	return res, nil
}

// addOwner adds an owner of an account, or the account to an equal owner.
func addOwner(all []bankmux.Owner, account string, o bankmux.Owner) []bankmux.Owner {
	for i := range all {
		if equalOwners(all[i], o) {
			if !slices.Contains(all[i].Accounts, account) {
				all[i].Accounts = append(all[i].Accounts, account)
			}
			return all
		}
	}
	o.Accounts = []string{account}
	return append(all, o)
}

// equalOwners compares what Plaid says about two owners.
func equalOwners(a, b bankmux.Owner) bool {
	return slices.Equal(a.Names, b.Names) && slices.Equal(a.Addresses, b.Addresses) &&
		slices.Equal(a.Phones, b.Phones) && slices.Equal(a.Emails, b.Emails)
}

// owner returns the owner in the model.
func (o owner) owner() bankmux.Owner {
	out := bankmux.Owner{Names: o.Names}
	for _, at := range o.Addresses {
		out.Addresses = append(out.Addresses, bankmux.Address{
			Street: at.Data.Street, City: at.Data.City, Region: at.Data.Region, PostalCode: at.Data.PostalCode,
			Country: at.Data.Country, Primary: at.Primary,
		})
	}
	for _, p := range o.Phones {
		out.Phones = append(out.Phones, bankmux.Phone{Number: p.Number, Kind: p.Type, Primary: p.Primary})
	}
	for _, m := range o.Emails {
		out.Emails = append(out.Emails, bankmux.Email{Address: m.Address, Primary: m.Primary})
	}
	return out
}
