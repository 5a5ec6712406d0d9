package virtualbank

// This file registers the providers and finds their links and accounts.

import (
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
	"github.com/bankmux/bankmux/virtualbank/internal/dapi"
	"github.com/bankmux/bankmux/virtualbank/internal/moneykit"
	"github.com/bankmux/bankmux/virtualbank/internal/plaid"
)

// specs returns the fixed facts of every provider. This list and the one in [New] register a
// provider.
func specs() []bank.Spec { return []bank.Spec{moneykit.Spec(), dapi.Spec(), plaid.Spec()} }

// provider returns the provider with a name. An unknown name means Dapi.
func (b *Bank) provider(name string) bank.Provider {
	for _, p := range b.providers {
		if p.Spec().Name == name {
			return p
		}
	}
	return b.dapi
}

// find returns the link with an id, from any provider. Callers hold the mutex.
func (b *Bank) find(id string) (bank.Link, error) {
	for _, p := range b.providers {
		if l, ok := p.Find(id); ok {
			return l, nil
		}
	}
	return nil, bank.Refuse(http.StatusNotFound, "there is no such link or connection")
}

// accountOf returns the account with an id that the provider gave it on a link.
func accountOf(l bank.Link, id string) (*bank.Account, error) {
	list := l.Book().Accounts
	i := slices.IndexFunc(list, func(a *bank.Account) bool { return l.AccountID(a) == id })
	if i < 0 {
		return nil, bank.Refuse(http.StatusNotFound, "there is no such account")
	}
	return list[i], nil
}

// at calls f with a link and one of its accounts, and holds the mutex meanwhile.
func (b *Bank) at(linkOrConnection, accountID string, f func(bank.Link, *bank.Account) error) error {
	b.core.Lock()
	defer b.core.Unlock()
	l, err := b.find(linkOrConnection)
	if err != nil {
		return err
	}
	a, err := accountOf(l, accountID)
	if err != nil {
		return err
	}
	return f(l, a)
}
