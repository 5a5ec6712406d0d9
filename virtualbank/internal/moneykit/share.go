package moneykit

// This file has the accounts that a user shares.

import (
	"net/http"
	"slices"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// accounts returns the accounts that the user shares.
func (l *link) accounts() []*bank.Account {
	if l.chosen == nil {
		return l.book.Accounts
	}
	var list []*bank.Account
	for _, a := range l.book.Accounts {
		if l.shares(a) {
			list = append(list, a)
		}
	}
	return list
}

// shares reports whether the user shares an account.
func (l *link) shares(a *bank.Account) bool {
	return l.chosen == nil || slices.Contains(l.chosen, a.Key)
}

// permits reports whether the features of the session let an account through.
func (s *linkSession) permits(a *bank.Account) bool {
	return !s.features["permit_only_depository_accounts"] || strings.HasPrefix(a.Kind.MoneyKit, "depository")
}

// share lets the user choose accounts by name. Without names these are all that the session
// permits. As MoneyKit documents, linking fails if there are none. Which account is shared when
// only one is permitted is the bank's own choice.
func (l *link) share(s *linkSession, names []string) *bank.Refusal {
	keys, refused := l.keysOf(names)
	if refused != nil {
		return refused
	}
	one := s.features["permit_only_one_account"]
	if len(names) == 0 {
		if !one && !s.features["permit_only_depository_accounts"] {
			return nil
		}
		for _, a := range l.book.Accounts {
			if s.permits(a) && (!one || len(keys) == 0) {
				keys = append(keys, a.Key)
			}
		}
	}
	switch {
	case len(keys) == 0:
		return bank.Refuse(http.StatusUnprocessableEntity, "%s has no account that can be shared", l.institution.Name)
	case one && len(keys) > 1:
		return bank.Refuse(http.StatusUnprocessableEntity, "only one account can be shared")
	case slices.ContainsFunc(l.book.Accounts, func(a *bank.Account) bool {
		return slices.Contains(keys, a.Key) && !s.permits(a)
	}):
		return bank.Refuse(http.StatusUnprocessableEntity, "only depository accounts can be shared")
	}
	l.chosen = keys
	return nil
}

// shareMore adds accounts by name. Those that are shared stay.
func (l *link) shareMore(names []string) *bank.Refusal {
	keys, refused := l.keysOf(names)
	if refused != nil || l.chosen == nil {
		return refused
	}
	l.chosen = append(l.chosen, keys...)
	return nil
}

// keysOf returns the keys of accounts by name.
func (l *link) keysOf(names []string) ([]string, *bank.Refusal) {
	var keys []string
	for _, name := range names {
		i := slices.IndexFunc(l.book.Accounts, func(a *bank.Account) bool { return a.Name == name })
		if i < 0 {
			return nil, bank.Refuse(http.StatusUnprocessableEntity, "%s has no account %q", l.institution.Name, name)
		}
		keys = append(keys, l.book.Accounts[i].Key)
	}
	return keys, nil
}
