package reconcile

// This file decides whether an empty list of stored rows proves anything.

import (
	"context"
	"maps"
	"slices"

	"github.com/bankmux/bankmux"
)

// emptyProvesNothing reports whether an empty list of some days proves nothing, because rows are
// known that it must have. The rows that are looked up may rightly be gone. If no other rows are
// known on these days, the list is asked for the last other row of each account. An account without
// other rows uses the last row of any account.
func (s *lookup) emptyProvesNothing(ctx context.Context, from, to bankmux.Date) (bool, error) {
	r, sought, accounts := s.sync, map[string]bool{}, map[string]bool{}
	for i := range s.rows {
		sought[s.rows[i].Key], accounts[s.rows[i].Account] = true, true
	}
	booked, err := r.knownRows(ctx, from, to, func(k *Known) bool { return k.Status == bankmux.StatusBooked })
	if err != nil || len(booked) == 0 {
		return false, err
	}
	for i := range booked {
		if !sought[booked[i].Key] {
			return true, nil
		}
	}
	last := map[string]bankmux.Date{} // by account; "" is the last of all accounts
	_, err = r.knownRows(ctx, firstDay, lastDay, func(k *Known) bool {
		alias := r.lastAlias(k)
		if !sought[k.Key] && k.Missed == 0 && k.Status == bankmux.StatusBooked && alias != "" &&
			!r.isRemoved(k.Account, alias) {
			last[k.Account], last[""] = later(last[k.Account], k.Date), later(last[""], k.Date)
		}
		return false
	})
	if err != nil {
		return false, err
	}
	for _, account := range slices.Sorted(maps.Keys(accounts)) {
		if last[account].IsZero() {
			account = ""
		}
		serves, err := r.listsRowOn(ctx, account, last[account])
		if err != nil || !serves {
			return true, err
		}
	}
	return false, nil
}

// listsRowOn reports whether the list has a row of an account on a day; "" is any account.
func (r *feedSync) listsRowOn(ctx context.Context, account string, day bankmux.Date) (bool, error) {
	if day.IsZero() {
		return false, nil
	}
	ask := StoredRequest{Accounts: wantedAccounts(r.req), From: day, To: day}
	for range maxListPages {
		page, err := r.stored(ctx, ask)
		if err != nil {
			return false, err
		}
		for i := range page.Rows {
			if account == "" || r.req.AccountName(page.Rows[i].Account) == account {
				return true, nil
			}
		}
		if ask.Page = page.Next; ask.Page == "" {
			break
		}
	}
	return false, nil
}
