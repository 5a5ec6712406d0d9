package virtualbank

import (
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
	"github.com/bankmux/bankmux/virtualbank/internal/dapi"
	"github.com/bankmux/bankmux/virtualbank/internal/moneykit"
)

// specs are the providers that every bank has. One more is a line here and in [New].
func specs() []bank.Spec { return []bank.Spec{moneykit.Spec(), dapi.Spec()} }

// provider returns the provider of a name. An unknown name stands for the last one.
func (b *Bank) provider(name string) bank.Provider {
	for _, p := range b.providers {
		if p.Spec().Name == name {
			return p
		}
	}
	return b.providers[len(b.providers)-1]
}

// find returns a link of any provider.
func (b *Bank) find(id string) (bank.Link, error) {
	for _, p := range b.providers {
		if l, ok := p.Find(id); ok {
			return l, nil
		}
	}
	return nil, bank.Refuse(http.StatusNotFound, "no such link or connection")
}

// accountOf returns the account of a link that has an id.
func accountOf(l bank.Link, id string) (*bank.Account, error) {
	list := l.Book().Accounts
	i := slices.IndexFunc(list, func(a *bank.Account) bool { return l.AccountID(a) == id })
	if i < 0 {
		return nil, bank.Refuse(http.StatusNotFound, "no such account")
	}
	return list[i], nil
}

// at runs f on an account of a link, under the mutex.
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
