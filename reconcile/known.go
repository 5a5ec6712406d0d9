package reconcile

import (
	"context"
	"strconv"

	"github.com/bankmux/bankmux"
)

// AccountDays are the days of an account, both included, by the application's name of the account.
type AccountDays struct {
	Account  string
	From, To bankmux.Date
}

// KnownRows reads what the application knows of an account between two days and keeps what is wanted:
// each row once, and none of other accounts or days, whatever Known gives. Without Known nothing is
// known; without want all is wanted. An error of Known ends the sync as [bankmux.ErrApplication]:
// what it does not know cannot be compared.
func KnownRows(
	ctx context.Context,
	req *bankmux.SyncRequest,
	of AccountDays,
	want func(*Known) bool,
) (all []Known, err error) {
	seen := map[string]bool{}
	err = eachKnown(ctx, req, of, func(k *Known) bool {
		if !seen[k.Key] && (want == nil || want(k)) {
			seen[k.Key] = true
			all = append(all, *k)
		}
		return true
	})
	return all, err
}

// KnowsAny reports whether the application knows any row of an account. Without Known it knows none.
func KnowsAny(ctx context.Context, req *bankmux.SyncRequest, account string) (found bool, err error) {
	err = eachKnown(ctx, req, AccountDays{account, firstDay, lastDay}, func(*Known) bool {
		found = true
		return false
	})
	return found, err
}

// eachKnown gives the rows of an account between two days until do has had enough.
func eachKnown(ctx context.Context, req *bankmux.SyncRequest, of AccountDays, do func(*Known) bool) error {
	if req.Known == nil {
		return nil
	}
	known := req.Known(ctx, of.Account, of.From, of.To)
	if known == nil {
		return nil
	}
	for k, err := range known {
		if err != nil {
			return &bankmux.Error{
				Kind:   bankmux.ErrApplication,
				Field:  "SyncRequest.Known",
				Detail: "failed to read the application's rows",
				Err:    err,
			}
		}
		if k.Account == of.Account && !k.Date.Before(of.From) && !k.Date.After(of.To) && !do(&k) {
			return nil
		}
	}
	return nil
}

// CheckNames refuses names that do not tell accounts apart: their rows would be taken for one another's.
func CheckNames(req *bankmux.SyncRequest, accounts []string) error {
	of := make(map[string]string, len(accounts))
	for _, id := range accounts {
		name := req.AccountName(id)
		if other, taken := of[name]; name == "" || (taken && other != id) {
			return &bankmux.Error{
				Kind:  bankmux.ErrInvalid,
				Field: "SyncRequest.Name",
				Detail: "gives the account " + strconv.Quote(id) +
					" no name, or that of another; name it, or leave it out by naming the others in Accounts",
			}
		}
		of[name] = id
	}
	return nil
}
