package moneykit

// This file changes and reads the MoneyKit side for a test.

import (
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// ChurnIDs is Bank.ChurnIDs of package virtualbank.
func (b *Provider) ChurnIDs(linkID string) error {
	b.Lock()
	defer b.Unlock()
	l, ok := b.links[linkID]
	if !ok {
		return bank.Refuse(http.StatusNotFound, "there is no such link")
	}
	l.churn++
	return nil
}

// Refresh is Bank.Refresh of package virtualbank.
func (b *Provider) Refresh(linkID string) error {
	b.Lock()
	defer b.Unlock()
	l, ok := b.links[linkID]
	if !ok {
		return bank.Refuse(http.StatusNotFound, "there is no such link")
	}
	for _, name := range l.productNames() {
		l.fetch(name, b.Now(), b.Outages[l.institution.Name])
	}
	return nil
}

// SetUnavailable is Bank.SetUnavailable of package virtualbank.
func (b *Provider) SetUnavailable(linkID, product, reason string) error {
	b.Lock()
	defer b.Unlock()
	l, ok := b.links[linkID]
	if !ok || l.products[product] == nil {
		return bank.Refuse(http.StatusNotFound, "there is no such link, or it has no %s", product)
	}
	l.products[product].unavailable = reason
	return nil
}

// Disable is Bank.Disable of package virtualbank.
func (b *Provider) Disable(linkID, product string) error {
	b.Lock()
	defer b.Unlock()
	l, ok := b.links[linkID]
	if !ok || l.products[product] == nil {
		return bank.Refuse(http.StatusNotFound, "there is no such link, or it has no %s", product)
	}
	delete(l.products, product)
	return nil
}

// SessionState is virtualbank.SessionState.
type SessionState struct {
	Countries   []string
	Products    []string
	WebhookURL  string
	RedirectURI string
}

// Session is Bank.Session of package virtualbank.
func (b *Provider) Session(linkSessionToken string) (SessionState, error) {
	b.Lock()
	defer b.Unlock()
	s, ok := b.sessions[linkSessionToken]
	if !ok {
		return SessionState{}, bank.Refuse(http.StatusNotFound, "unknown link_session_token")
	}
	state := SessionState{Countries: slices.Clone(s.named), Products: slices.Clone(s.products), RedirectURI: s.redirect}
	if s.webhook != nil {
		state.WebhookURL = *s.webhook
	}
	return state, nil
}
