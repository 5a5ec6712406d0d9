package reconcile

// This file reads the rows that the application knows, for adapters that sync without an engine.

import (
	"context"
	"strconv"

	"github.com/bankmux/bankmux"
)

// AccountDays names an account, by the application's name, and a range of days. From and To are
// included.
type AccountDays struct {
	Account  string
	From, To bankmux.Date
}

// KnownRows reads the stored rows of an account between two days through
// [bankmux.SyncRequest.Known]. It ignores rows of other accounts or days, and repeated rows. want
// selects rows; nil selects all. If the request has no Known, KnownRows returns no rows. If Known
// fails, the error is [bankmux.ErrApplication].
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

// KnowsAny reports whether [bankmux.SyncRequest.Known] returns any row of an account. It is false
// without Known. If Known fails, the error is [bankmux.ErrApplication].
func KnowsAny(ctx context.Context, req *bankmux.SyncRequest, account string) (found bool, err error) {
	err = eachKnown(ctx, req, AccountDays{account, firstDay, lastDay}, func(*Known) bool {
		found = true
		return false
	})
	return found, err
}

// eachKnown calls do for the stored rows of an account between two days until it returns false.
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

// CheckNames returns [bankmux.ErrInvalid] if [bankmux.SyncRequest.Name] gives two of the accounts
// the same name, or one of them no name. The rows of such accounts could not be kept apart.
func CheckNames(req *bankmux.SyncRequest, accounts []string) error {
	of := make(map[string]string, len(accounts))
	for _, id := range accounts {
		name := req.AccountName(id)
		if other, taken := of[name]; name == "" || (taken && other != id) {
			return &bankmux.Error{
				Kind:  bankmux.ErrInvalid,
				Field: "SyncRequest.Name",
				Detail: "gives the account " + strconv.Quote(id) +
					" no name, or the name of another one; name it, or leave it out by naming the others in Accounts",
			}
		}
		of[name] = id
	}
	return nil
}
