package virtualbank

import (
	"net/http"
	"slices"
)

// ChurnIDs gives every transaction of a MoneyKit link another id, from its next refresh on. The
// error is a [*Refusal].
func (b *mkProvider) ChurnIDs(linkID string) error {
	b.Lock()
	defer b.Unlock()
	l, ok := b.links[linkID]
	if !ok {
		return refuse(http.StatusNotFound, "no such link")
	}
	l.churn++
	return nil
}

// Refresh makes MoneyKit fetch all products of a link at once, whatever its limits. The error is a
// [*Refusal].
func (b *mkProvider) Refresh(linkID string) error {
	b.Lock()
	defer b.Unlock()
	l, ok := b.links[linkID]
	if !ok {
		return refuse(http.StatusNotFound, "no such link")
	}
	for _, name := range l.productNames() {
		l.fetch(name, b.Now(), b.outages[l.institution.Name])
	}
	return nil
}

// SetUnavailable keeps a product of a MoneyKit link from being refreshed, for a reason in words
// that the link then carries; "" ends it. What was fetched before stays readable. The error is a
// [*Refusal].
func (b *mkProvider) SetUnavailable(linkID, product, reason string) error {
	b.Lock()
	defer b.Unlock()
	l, ok := b.links[linkID]
	if !ok || l.products[product] == nil {
		return refuse(http.StatusNotFound, "no such link, or it has no %s", product)
	}
	l.products[product].unavailable = reason
	return nil
}

// Disable takes away the user's permission for one product of a MoneyKit link. The error is a
// [*Refusal].
func (b *mkProvider) Disable(linkID, product string) error {
	b.Lock()
	defer b.Unlock()
	l, ok := b.links[linkID]
	if !ok || l.products[product] == nil {
		return refuse(http.StatusNotFound, "no such link, or it has no %s", product)
	}
	delete(l.products, product)
	return nil
}

// mkSessionState is what the application asked of a link session of MoneyKit.
type mkSessionState struct {
	Countries   []string // named by the application; empty means the default
	Products    []string // named in the settings; empty means all
	WebhookURL  string
	RedirectURI string
}

// Session returns what the application asked of a link session. The error is a [*Refusal] with
// status 404 for an unknown one.
func (b *mkProvider) Session(linkSessionToken string) (mkSessionState, error) {
	b.Lock()
	defer b.Unlock()
	s, ok := b.sessions[linkSessionToken]
	if !ok {
		return mkSessionState{}, refuse(http.StatusNotFound, "unknown link_session_token")
	}
	state := mkSessionState{Countries: slices.Clone(s.named), Products: slices.Clone(s.products), RedirectURI: s.redirect}
	if s.webhook != nil {
		state.WebhookURL = *s.webhook
	}
	return state, nil
}
