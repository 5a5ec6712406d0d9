package virtualbank

import (
	"net/http"
	"slices"
)

// specs are the providers that every bank has. One more is a line here and in [New].
func specs() []coreSpec { return []coreSpec{mkSpec(), dpSpec()} }

// provider returns the provider of a name. An unknown name stands for the last one.
func (b *Bank) provider(name string) coreProvider {
	for _, p := range b.providers {
		if p.Spec().Name == name {
			return p
		}
	}
	return b.providers[len(b.providers)-1]
}

// find returns a link of any provider.
func (b *Bank) find(id string) (coreLink, error) {
	for _, p := range b.providers {
		if l, ok := p.Find(id); ok {
			return l, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "no such link or connection")
}

// accountOf returns the account of a link that has an id.
func accountOf(l coreLink, id string) (*account, error) {
	list := l.Book().accounts
	i := slices.IndexFunc(list, func(a *account) bool { return l.AccountID(a) == id })
	if i < 0 {
		return nil, refuse(http.StatusNotFound, "no such account")
	}
	return list[i], nil
}

// at runs f on an account of a link, under the mutex.
func (b *Bank) at(linkOrConnection, accountID string, f func(coreLink, *account) error) error {
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
