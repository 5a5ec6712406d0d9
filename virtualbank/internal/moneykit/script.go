package moneykit

import (
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// ChurnIDs gives every transaction of a MoneyKit link another id, from its next refresh on. The
// error is a [*Refusal].
func (b *Provider) ChurnIDs(linkID string) error {
	b.Lock()
	defer b.Unlock()
	l, ok := b.links[linkID]
	if !ok {
		return bank.Refuse(http.StatusNotFound, "no such link")
	}
	l.churn++
	return nil
}

// Refresh makes MoneyKit fetch all products of a link at once, whatever its limits. The error is a
// [*Refusal].
func (b *Provider) Refresh(linkID string) error {
	b.Lock()
	defer b.Unlock()
	l, ok := b.links[linkID]
	if !ok {
		return bank.Refuse(http.StatusNotFound, "no such link")
	}
	for _, name := range l.productNames() {
		l.fetch(name, b.Now(), b.Outages[l.institution.Name])
	}
	return nil
}

// SetUnavailable keeps a product of a MoneyKit link from being refreshed, for a reason in words
// that the link then carries; "" ends it. What was fetched before stays readable. The error is a
// [*Refusal].
func (b *Provider) SetUnavailable(linkID, product, reason string) error {
	b.Lock()
	defer b.Unlock()
	l, ok := b.links[linkID]
	if !ok || l.products[product] == nil {
		return bank.Refuse(http.StatusNotFound, "no such link, or it has no %s", product)
	}
	l.products[product].unavailable = reason
	return nil
}

// Disable takes away the user's permission for one product of a MoneyKit link. The error is a
// [*Refusal].
func (b *Provider) Disable(linkID, product string) error {
	b.Lock()
	defer b.Unlock()
	l, ok := b.links[linkID]
	if !ok || l.products[product] == nil {
		return bank.Refuse(http.StatusNotFound, "no such link, or it has no %s", product)
	}
	delete(l.products, product)
	return nil
}

// SessionState is what the application asked of a link session of MoneyKit.
type SessionState struct {
	Countries   []string // named by the application; empty means the default
	Products    []string // named in the settings; empty means all
	WebhookURL  string
	RedirectURI string
}

// Session returns what the application asked of a link session. The error is a [*Refusal] with
// status 404 for an unknown one.
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
