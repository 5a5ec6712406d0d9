package virtualbank

// This file has what only MoneyKit has: the login, sessions, refreshes and forms.

import (
	"encoding/json"

	"github.com/bankmux/bankmux/virtualbank/internal/moneykit"
)

// DefaultIssuer is the issuer of MoneyKit's webhook signatures unless [Options.WebhookIssuer] is
// set.
const DefaultIssuer = "https://api.moneykit.com"

// MoneyKitEvents returns the names of MoneyKit's webhook events. The second and the third name the
// same event, because MoneyKit's API description uses both.
func MoneyKitEvents() []string { return moneykit.Events() }

// MoneyKitLink is what a user enters in MoneyKit's Connect. LinkSessionToken suffices. Without it,
// User suffices.
type MoneyKitLink struct {
	LinkSessionToken string `json:"link_session_token"`

	// User is the application's id of its user. If LinkSessionToken is empty, the bank opens a
	// session of its own for this user.
	User string `json:"user"`

	// InstitutionID selects the institution. "" means the session's institution or, if it has none,
	// the first that fits.
	InstitutionID string `json:"institution_id"`

	Username string `json:"username"` // "" means [UserGood]
	Password string `json:"password"` // "" means [PassGood]

	// Accounts has the names of the accounts that the user shares. Empty means all. A reconnect
	// adds them to those that the link has.
	Accounts []string `json:"accounts"`
}

// LinkMoneyKit plays the user in MoneyKit's Connect. It returns the JSON that Connect passes to the
// page: exchangeable_token and institution, or only institution on a reconnect. A session can be
// used again after a failed login, but not after a successful one. The error is a [*Refusal].
func (b *Bank) LinkMoneyKit(in MoneyKitLink) (json.RawMessage, error) {
	return b.moneykit.Link(moneykit.ConnectInput(in))
}

// Forms selects the form of MoneyKit's responses, which differs between its documentation and its
// sandbox. The zero value is the form of the sandbox, as recorded.
type Forms struct {
	// ZonelessTimes writes timestamps as 2026-11-22T09:14:11, in UTC, without a zone or a fraction.
	// The samples of MoneyKit's documentation have this form. It applies to webhooks too.
	ZonelessTimes bool `json:"zoneless_times"`

	// DocumentationURL is the documentation_url of every error; "" writes null.
	DocumentationURL string `json:"documentation_url"`
}

// SetForms selects the forms of all later responses.
func (b *Bank) SetForms(f Forms) { b.moneykit.SetForms(moneykit.Forms(f)) }

// SessionState is what the application asked for when it created a MoneyKit link session.
type SessionState struct {
	Countries   []string // the countries that the application named; empty means the default
	Products    []string // the products that the settings named; empty means all
	WebhookURL  string
	RedirectURI string
}

// Session returns what the application asked for when it created a MoneyKit link session. The error
// is a [*Refusal] with status 404 for an unknown token.
func (b *Bank) Session(linkSessionToken string) (SessionState, error) {
	s, err := b.moneykit.Session(linkSessionToken)
	return SessionState(s), err
}

// ChurnIDs changes the id of every transaction of a MoneyKit link at its next refresh. The error is
// a [*Refusal].
func (b *Bank) ChurnIDs(linkID string) error {
	return b.moneykit.ChurnIDs(linkID)
}

// Refresh makes MoneyKit or Plaid fetch all products of a link or Item immediately, without regard
// to rate limits. At Plaid it also completes the first fetch. The error is a [*Refusal].
func (b *Bank) Refresh(linkID string) error {
	if b.isPlaid(linkID) {
		return b.plaid.Refresh(linkID)
	}
	return b.moneykit.Refresh(linkID)
}

// SetUnavailable stops the refreshes of one product of a MoneyKit link. The link shows reason as
// the product's unavailable member. An empty reason allows refreshes again. Data that was fetched
// before stays readable. The error is a [*Refusal].
func (b *Bank) SetUnavailable(linkID, product, reason string) error {
	return b.moneykit.SetUnavailable(linkID, product, reason)
}

// Disable removes the user's permission for one product of a MoneyKit link. The error is a
// [*Refusal].
func (b *Bank) Disable(linkID, product string) error {
	return b.moneykit.Disable(linkID, product)
}
