package virtualbank

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/plaid"
)

// PlaidOptions are what an application and Plaid have agreed on. The zero value is a client of the
// sandbox with every product that the bank has, all countries, and Link events.
type PlaidOptions struct {
	// RedirectURIs is the allow-list of the dashboard. Empty allows every valid address.
	RedirectURIs []string

	// RepeatableExchange lets a public token be exchanged again, each time for another access token
	// of the same Item. Otherwise it works once.
	RepeatableExchange bool

	// HostedResultsOnly leaves the results of plain Link sessions out of /link/token/get, as for a
	// client without Link events.
	HostedResultsOnly bool

	// RateLimits enforces the published limits of the sandbox per Item and minute.
	RateLimits bool

	// ItemLifetime ends logins after so long: 30 days in the real sandbox. Zero is never.
	ItemLifetime time.Duration
}

// PlaidCredentials open the Plaid side of a bank.
type PlaidCredentials struct{ ClientID, Secret string }

// PlaidEvents are the webhooks that Plaid sends, as "TYPE:CODE".
func PlaidEvents() []string { return plaid.Events() }

// Plaid returns the Plaid side: the API at the root, the control plane under /virtualbank/.
func (b *Bank) Plaid() http.Handler { return b.apis[plaid.Name] }

// PlaidLink is what a user does in Plaid's Link. Only the link token is needed.
type PlaidLink struct {
	LinkToken string `json:"link_token"`
	// without a token: the bank makes one for this user of the application's
	User          string `json:"user"`
	InstitutionID string `json:"institution_id"` // "" takes the first that fits
	// "" is [UserGood]. Plaid's "user_transactions_dynamic" has rows that move with each refresh.
	Username string `json:"username"`
	Password string `json:"password"` // "" is [PassGood]; "error_ITEM_LOCKED" makes Link show that error
	Exit     bool   `json:"exit"`     // the user leaves Link
	More     bool   `json:"more"`     // a multi-item session stays open for another login

	// Accounts are the names of the accounts that the user shares. Empty is all. In update mode it
	// counts where the session has account selection, and empty leaves the choice as it is.
	Accounts []string `json:"accounts"`
}

// LinkPlaid plays the user in Link and returns what Link hands to the page: public_token and
// metadata, with a null token in update mode. The error is a [*Refusal]. A link token may be used
// again, as in the sandbox. For hosted and multi-item sessions the page gets nothing: there the
// result is what the webhook and /link/token/get have.
func (b *Bank) LinkPlaid(in PlaidLink) (json.RawMessage, error) {
	return b.plaid.Link(plaid.ConnectInput(in))
}

// Repair heals a Plaid Item elsewhere, as when the user reconnects it in another application. Plaid
// announces that. The error is a [*Refusal].
func (b *Bank) Repair(itemID string) error { return b.plaid.Repair(itemID) }

// Revoke lets the user take the permission for a Plaid Item back. The Item is gone. The error is a
// [*Refusal].
func (b *Bank) Revoke(itemID string) error { return b.plaid.Revoke(itemID) }

// isPlaid reports whether an id is that of a Plaid Item.
func (b *Bank) isPlaid(id string) bool {
	b.core.Lock()
	defer b.core.Unlock()
	_, ok := b.plaid.Find(id)
	return ok
}
