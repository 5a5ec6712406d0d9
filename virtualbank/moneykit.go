package virtualbank

import (
	"encoding/json"

	"github.com/bankmux/bankmux/virtualbank/internal/moneykit"
)

// DefaultIssuer signs MoneyKit's webhooks unless [Options.WebhookIssuer] says otherwise.
const DefaultIssuer = "https://api.moneykit.com"

// MoneyKitEvents are the names of MoneyKit's webhooks. The second and third are the same event (its
// API description has both).
func MoneyKitEvents() []string { return moneykit.Events() }

// MoneyKitLink is what a user does in MoneyKit's Connect. Only the token is needed.
type MoneyKitLink struct {
	LinkSessionToken string `json:"link_session_token"`
	// without a token: the bank opens a session for this user of the application's
	User          string `json:"user"`
	InstitutionID string `json:"institution_id"` // "" takes the session's, or the first that fits
	Username      string `json:"username"`       // "" is [UserGood]
	Password      string `json:"password"`       // "" is [PassGood]
}

// LinkMoneyKit plays the user in Connect and returns what Connect hands to the page:
// exchangeable_token and institution, or the institution alone on a reconnect. The
// error is a [*Refusal]. A session whose login failed may be tried again; one that
// succeeded may not.
func (b *Bank) LinkMoneyKit(in MoneyKitLink) (json.RawMessage, error) {
	return b.moneykit.Link(moneykit.ConnectInput(in))
}

// Forms chooses between forms of MoneyKit's answers that its own sources show. The zero value is
// what its sandbox was recorded to send.
type Forms struct {
	// ZonelessTimes writes every timestamp as the samples of MoneyKit's documentation do, webhooks
	// included: 2026-11-22T09:14:11, in UTC, with neither zone nor fraction.
	ZonelessTimes bool `json:"zoneless_times"`

	// DocumentationURL is in every error; "" writes null.
	DocumentationURL string `json:"documentation_url"`
}

// SetForms chooses the forms from now on.
func (b *Bank) SetForms(f Forms) { b.moneykit.SetForms(moneykit.Forms(f)) }

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
	s, err := b.moneykit.Session(linkSessionToken)
	return SessionState(s), err
}

// ChurnIDs gives every transaction of a MoneyKit link another id, from its next refresh on. The
// error is a [*Refusal].
func (b *Bank) ChurnIDs(linkID string) error {
	return b.moneykit.ChurnIDs(linkID)
}

// Refresh makes MoneyKit fetch all products of a link at once, whatever its limits. The error is a
// [*Refusal].
func (b *Bank) Refresh(linkID string) error {
	return b.moneykit.Refresh(linkID)
}

// SetUnavailable keeps a product of a MoneyKit link from being refreshed, for a reason in words
// that the link then carries; "" ends it. What was fetched before stays readable. The error is a
// [*Refusal].
func (b *Bank) SetUnavailable(linkID, product, reason string) error {
	return b.moneykit.SetUnavailable(linkID, product, reason)
}

// Disable takes away the user's permission for one product of a MoneyKit link. The error is a
// [*Refusal].
func (b *Bank) Disable(linkID, product string) error {
	return b.moneykit.Disable(linkID, product)
}
