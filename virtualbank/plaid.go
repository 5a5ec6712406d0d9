package virtualbank

// This file has what only Plaid has in the virtual bank.

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/plaid"
)

// PlaidOptions configure the Plaid API of a bank, as the dashboard and Plaid's contract with the
// application do. The zero value allows every product that the bank has, all countries, and Link
// events.
type PlaidOptions struct {
	// RedirectURIs is the allow-list of the dashboard. Empty allows every valid address.
	RedirectURIs []string

	// RepeatableExchange allows a public token to be exchanged repeatedly, each time for another
	// access token of the same Item. Otherwise a public token works once.
	RepeatableExchange bool

	// HostedResultsOnly makes /link/token/get return only the results of hosted and multi-item Link
	// sessions, as for a client without Link events.
	HostedResultsOnly bool

	// RateLimits enforces the limits per Item and minute that Plaid publishes for its sandbox.
	RateLimits bool

	// ItemLifetime is how long a login of a user lasts. In Plaid's sandbox it lasts 30 days. Zero
	// means that logins do not end.
	ItemLifetime time.Duration
}

// PlaidCredentials authenticate a client of the Plaid API.
type PlaidCredentials struct{ ClientID, Secret string }

// PlaidEvents returns the names of Plaid's webhook events, in the form "TYPE:CODE".
func PlaidEvents() []string { return plaid.Events() }

// Plaid returns a handler that serves the Plaid API at the root, and the control plane below
// /virtualbank/.
func (b *Bank) Plaid() http.Handler { return b.apis[plaid.Name] }

// PlaidLink is what a user does in Plaid's Link. LinkToken suffices. Without it, User suffices.
type PlaidLink struct {
	LinkToken string `json:"link_token"`
	// User is the application's id of its user. If LinkToken is empty, the bank opens a session of
	// its own for this user.
	User          string `json:"user"`
	InstitutionID string `json:"institution_id"` // "" means the first that fits
	// Username is the login name; "" means [UserGood]. As at Plaid, each refresh changes the rows
	// of "user_transactions_dynamic".
	Username string `json:"username"`
	Password string `json:"password"` // "" means [PassGood]; "error_ITEM_LOCKED" makes Link show that error
	Exit     bool   `json:"exit"`     // the user leaves Link
	More     bool   `json:"more"`     // a multi-item session stays open for another login

	// Accounts has the names of the accounts that the user shares. Empty means all. In update mode
	// it has an effect only if the session has account selection, and empty keeps the current
	// accounts.
	Accounts []string `json:"accounts"`
}

// LinkPlaid plays the user in Plaid's Link. It returns the JSON that Link passes to the page:
// public_token and metadata, with a null token in update mode. A link token may be used again, as
// in Plaid's sandbox. The error is a [*Refusal].
//
// At Plaid the page gets nothing from a hosted or multi-item session. For these LinkPlaid returns
// what the webhook and /link/token/get have.
func (b *Bank) LinkPlaid(in PlaidLink) (json.RawMessage, error) {
	return b.plaid.Link(plaid.ConnectInput(in))
}

// Repair ends the login error of a Plaid Item, as if the user had logged in again in another
// application. Plaid announces it with the webhook ITEM:LOGIN_REPAIRED. The error is a [*Refusal].
func (b *Bank) Repair(itemID string) error { return b.plaid.Repair(itemID) }

// Revoke withdraws the user's permission for a Plaid Item, as the user can at Plaid. The Item no
// longer exists afterwards. Plaid announces it with the webhook ITEM:USER_PERMISSION_REVOKED. The
// error is a [*Refusal].
func (b *Bank) Revoke(itemID string) error { return b.plaid.Revoke(itemID) }

// isPlaid reports whether an id is that of a Plaid Item.
func (b *Bank) isPlaid(id string) bool {
	b.core.Lock()
	defer b.core.Unlock()
	_, ok := b.plaid.Find(id)
	return ok
}
