package virtualbank

import (
	"net/http"
	"slices"
)

// ChangeTransaction makes the bank correct a transaction that [Bank.AddTransaction] added to the
// account with the same Text: from now on it is as spec says. One that was pending and is not any
// more is posted. On MoneyKit it is seen after the next refresh. The error is a [*Refusal].
func (b *Bank) ChangeTransaction(linkOrConnection, accountID string, spec TransactionSpec) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref, e, refused := b.added(linkOrConnection, accountID, spec.Text)
	if refused != nil {
		return refused
	}
	spec.at = b.Now()
	e.changes = append(e.changes, &spec)
	ref.moved(b)
	return nil
}

// RemoveTransaction makes the bank take back the transaction that [Bank.AddTransaction] added to
// the account with that text. On MoneyKit it is seen after the next refresh. The error is a
// [*Refusal].
func (b *Bank) RemoveTransaction(linkOrConnection, accountID, text string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref, e, refused := b.added(linkOrConnection, accountID, text)
	if refused != nil {
		return refused
	}
	e.until = b.Now()
	ref.moved(b)
	return nil
}

// added finds the transaction that was added with a text and is still there.
func (b *Bank) added(linkOrConnection, accountID, text string) (reference, *event, *Refusal) {
	ref, refused := b.find(linkOrConnection)
	if refused != nil {
		return ref, nil, refused
	}
	a, refused := ref.account(accountID)
	if refused != nil {
		return ref, nil, refused
	}
	i := slices.IndexFunc(a.events, func(e event) bool { return e.spec != nil && e.text == text && e.until.IsZero() })
	if i < 0 {
		return ref, nil, refuse(http.StatusNotFound, "no transaction with that text was added")
	}
	return ref, &a.events[i], nil
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
func (b *Bank) Session(linkSessionToken string) (SessionState, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.mk.sessions[linkSessionToken]
	if !ok {
		return SessionState{}, refuse(http.StatusNotFound, "unknown link_session_token")
	}
	state := SessionState{Countries: slices.Clone(s.named), Products: slices.Clone(s.products), RedirectURI: s.redirect}
	if s.webhook != nil {
		state.WebhookURL = *s.webhook
	}
	return state, nil
}
