package wire

// This file decides which accounts, numbers and owners are returned.

import (
	"reflect"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Accounts selects the accounts of a request from a list with all of them, as [normalize.Accounts]
// does. It returns the selected ones on the wire and in the model.
func Accounts[T any](
	ids []string, l *List[T], read func(row *T) bankmux.Account,
) (rows []T, res bankmux.AccountsResult) {
	all := slices.Grow([]bankmux.Account(nil), len(l.Rows))
	failed := l.Failures("")
	first := make(map[string]int, len(l.Rows))
	for i := range l.Rows {
		one := read(&l.Rows[i])
		if one.ID == "" {
			failed = append(failed, l.Failure(i, "", "", normalize.Unreadable("an account without id")))
			continue
		}
		all = append(all, one)
		if _, known := first[one.ID]; !known {
			first[one.ID] = i
		}
	}
	if len(ids) == 0 && len(first) == len(l.Rows) { // none is left out
		return l.Rows, bankmux.AccountsResult{Accounts: all, Failed: failed}
	}
	res = normalize.Accounts(ids, all, failed)
	rows = slices.Grow(rows, len(res.Accounts))
	for _, one := range res.Accounts {
		rows = append(rows, l.Rows[first[one.ID]])
	}
	return rows, res
}

// CollectNumbers adds the numbers of a list, which are all of one scheme, to their accounts. A
// number without its account, or without the number itself, is a failure.
func CollectNumbers[T any](
	res *bankmux.AccountNumbersResult, scheme bankmux.NumberScheme, l *List[T],
	read func(row *T) (account string, number bankmux.AccountNumber),
) {
	numbers, failed := Collect(l, func(row *T) Read[bankmux.AccountNumbers] {
		account, number := read(row)
		number.Scheme = scheme
		one := Read[bankmux.AccountNumbers]{Account: account, Given: account != "" && number.Number+number.IBAN != ""}
		one.Row = bankmux.AccountNumbers{Account: account, Numbers: []bankmux.AccountNumber{number}}
		if !one.Given {
			one.Fault = normalize.Unreadable("an account number without its account or number")
		}
		return one
	})
	res.Failed = append(res.Failed, failed...)
	for _, one := range numbers {
		res.Accounts = normalize.AddNumbers(res.Accounts, one)
	}
}

// CollectOwners adds the owners of the accounts of a request, which are selected from a list with
// all accounts: see [normalize.Accounts]. It leaves out empty parts of an owner ([StatedOwner]) and
// an owner without any, and merges equal owners. An
// account without a list of owners is a failure, and so is one whose owners are all empty. If an
// account is listed twice, that is a failure, and the owners of both rows are in the result.
func CollectOwners[A, O any](
	ids []string, l *List[A], of func(row *A) (account string, owners *List[O]), read func(row *O) bankmux.Owner,
) (res bankmux.IdentityResult) {
	_, chosen := Accounts(ids, l, func(row *A) bankmux.Account {
		account, _ := of(row)
		return bankmux.Account{ID: account}
	})
	res.Failed = chosen.Failed
	selected := normalize.AccountIDs(chosen.Accounts)
	for i := range l.Rows {
		account, owners := of(&l.Rows[i])
		if !slices.Contains(selected, account) {
			continue
		}
		empty := 0
		for n := range owners.Rows {
			if one := StatedOwner(read(&owners.Rows[n])); reflect.ValueOf(one).IsZero() {
				empty++
			} else {
				res.Owners = normalize.AddOwner(res.Owners, account, one)
			}
		}
		fault := ""
		switch {
		case !owners.Present:
			fault = "an account without owners"
		case empty > 0 && empty == len(owners.Rows):
			fault = "an account whose owners are empty"
		}
		if fault != "" {
			res.Failed = append(res.Failed, bankmux.Failure{Account: account, Err: normalize.Unreadable(fault)})
		}
		res.Failed = append(res.Failed, owners.Failures(account)...)
	}
	return res
}

// Balances adds the balances of one account, whose values v has read, as of a time. Absent balances
// are left out. If a value cannot be read, the others are added, and the account has a failure.
func (v *Values) Balances(res *bankmux.BalancesResult, one bankmux.AccountBalances, asOf time.Time) {
	var there []bankmux.Balance
	for _, b := range one.Balances {
		if b.AsOf = asOf; !b.Money.IsZero() {
			there = append(there, b)
		}
	}
	one.Balances = there
	if v.Fault != nil {
		res.Failed = append(res.Failed, bankmux.Failure{Account: one.Account, Err: v.Fault})
	}
	if v.Fault == nil || len(there) > 0 {
		res.Balances = append(res.Balances, one)
	}
}
